// The side panel: violations, the chosen operation, the explained prefix (only the rows in sight exist), the legend.

const element = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, attributes);
  node.append(...children);
  return node;
}

function opFacts(op) {
  const facts = [
    ["operation", `#${op.op}  ${op.stale ? "stale " : ""}${op.kind} ${op.service}`],
    ["client", `process ${op.process}`],
    ["asked", data.nodes[op.node] ?? "unknown"],
    ["arguments", op.ask],
    ["outcome", op.outcome === "info" ? "info: it may have happened, or may happen later" : op.outcome === "open" ? "open: no answer when the history ended" : op.outcome],
    ["answer", op.got],
    ["called", clock(op.call)],
    ["returned", op.outcome === "open" ? "never" : `${clock(op.ret)}  (after ${clock(op.ret - op.call)})`],
  ];
  const why = data.violations.filter((violation) => violation.ops.includes(op.at)).map((violation) => violation.id);
  if (why.length) facts.push(["part of", [...new Set(why)].join(", ")]);
  return make("dl", {}, ...facts.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]));
}

function select(op, zoom) {
  view.selected = op;
  element("details").replaceChildren(opFacts(op));
  if (zoom) show(op.call, op.ret, op);
  redraw();
}

// Brings a span of time, and one operation's lane, into sight with some room around.
function show(from, to, op) {
  const room = Math.max((to - from) * 0.3, data.end * 0.0005, NARROWEST_NS * 20);
  setWindow(from - room, to + room);
  const row = op && picture.rows.find((candidate) => candidate.kind === "client" && candidate.lane === op.lane);
  if (row && (row.y < view.scroll || row.y + row.height > view.scroll + view.height - AXIS)) view.scroll = row.y - (view.height - AXIS) / 2;
  redraw();
}

function setWindow(from, to) {
  const span = Math.min(Math.max(to - from, NARROWEST_NS), (data.end || 1) * 1.04);
  const edge = (data.end || 1) * 0.02;
  const start = Math.min(Math.max((from + to - span) / 2, -edge), (data.end || 1) + edge - span);
  view.from = start;
  view.to = start + span;
}

function fillViolations() {
  const box = element("violations");
  element("violation-count").textContent = data.violations.length ? `(${data.violations.length})` : "";
  if (!data.violations.length) box.append(make("p", { className: "quiet", textContent: "None found." }));
  for (const violation of data.violations) {
    const button = make("button", { className: violation.undecided ? "violation undecided" : "violation" }, make("b", { textContent: violation.id }), make("span", { className: "more", textContent: violation.text }));
    button.addEventListener("click", () => {
      button.classList.toggle("open");
      const chosen = violation.ops.map((at) => ops[at]);
      if (!chosen.length) return;
      select(chosen.at(-1), false);
      show(Math.min(...chosen.map((op) => op.call)), Math.max(...chosen.map((op) => op.ret)), chosen.at(-1));
    });
    box.append(button);
  }
}

const STEP_HEIGHT = 38;
function fillPrefix() {
  if (!data.prefix.length) { element("prefix-box").hidden = true; return; }
  element("prefix-count").textContent = `(${data.prefix.length} steps)`;
  element("prefix-end").textContent = data.prefix_end;
  element("prefix-rows").style.height = `${data.prefix.length * STEP_HEIGHT}px`;
  element("prefix").addEventListener("scroll", drawSteps);
  element("prefix").scrollTop = data.prefix.length * STEP_HEIGHT;
  drawSteps();
}

function drawSteps() {
  const box = element("prefix");
  const first = Math.max(0, Math.floor(box.scrollTop / STEP_HEIGHT) - 2);
  const last = Math.min(data.prefix.length, first + Math.ceil(box.clientHeight / STEP_HEIGHT) + 4);
  const rows = [];
  for (let at = first; at < last; at += 1) {
    const [place, after] = data.prefix[at];
    const op = ops[place];
    const row = make("div", { className: op?.bad ? "step bad" : "step", title: after },
      `${at + 1}. #${op?.op ?? "?"} ${op ? opLabel(op) : ""}`, make("span", { className: "after", textContent: `→ ${after}` }));
    row.style.top = `${at * STEP_HEIGHT}px`;
    if (op) row.addEventListener("click", () => select(op, true));
    rows.push(row);
  }
  element("prefix-rows").replaceChildren(...rows);
}

const LEGEND = [
  ["register", "register"], ["deregister", "deregister"], ["report", "report, renewal"], ["read", "read"],
  ["stale", "stale read"], ["poll", "poll"], ["list", "list"], ["admin", "membership"],
];

function fillLegend() {
  const swatch = (background, extra = "") => { const mark = make("i", {}); mark.style.cssText = `background:${background};${extra}`; return mark; };
  const box = element("legend");
  for (const [colour, name] of LEGEND) {
    const tick = make("input", { type: "checkbox", checked: true });
    tick.addEventListener("change", () => { if (tick.checked) hiddenColours.delete(colour); else hiddenColours.add(colour); redraw(); });
    box.append(make("label", { title: "Show or hide" }, tick, swatch(`var(--${colour})`), name));
  }
  const key = (mark, name) => box.append(make("span", { className: "key" }, mark, name));
  key(swatch("var(--bad)"), "part of a violation");
  key(swatch("transparent", "border:1px solid var(--ink)"), "failed: nothing happened");
  key(swatch("transparent", "border:1px dashed var(--ink)"), "unknown outcome");
  key(swatch("var(--fault)"), "fault");
  key(swatch(termColour(3)), "leader (hue = term)");
  key(swatch("var(--candidate)"), "candidate");
  key(swatch("var(--follower)"), "follower");
  key(swatch("var(--stopped)"), "stopped");
}

function fillHeader() {
  document.title = `${data.verdict}: ${data.title}`;
  element("title").textContent = data.title;
  element("verdict").textContent = data.verdict;
  element("verdict").className = data.verdict.split(" ")[0];
  element("counts").textContent = `${ops.length.toLocaleString("en")} operations, ${data.nodes.length} servers, ${clock(data.end)}`;
  if (data.note) { element("note").hidden = false; element("note").textContent = data.note; }
  const keys = [["wheel, + −", "zoom at the pointer, in the middle"], ["drag, ← →, Shift+wheel", "move in time"], ["↑ ↓", "move through the lanes"], ["0", "the whole run"],
    ["n p", "next or previous operation of a violation"], ["/", "search; Enter and Shift+Enter go through the hits"], ["t", "light or dark"], ["Esc", "close, clear"], ["?", "this list"]];
  element("help").append(make("dl", {}, ...keys.flatMap(([key, what]) => [make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: what })])));
}
