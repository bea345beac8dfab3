// Mouse, keys and the search box; the last part, which starts the page.

function zoom(factor, x = GUTTER + plotWidth() / 2) {
  const centre = timeOf(Math.max(GUTTER, x));
  setWindow(centre - (centre - view.from) * factor, centre + (view.to - centre) * factor);
  redraw();
}

function move(share) {
  const by = (view.to - view.from) * share;
  setWindow(view.from + by, view.to + by);
  redraw();
}

function fit() {
  setWindow(-0.02 * data.end, 1.02 * data.end);
  redraw();
}

// The operation (or fault) under a point of the canvas; a small one is found from a few pixels away.
function under(x, y) {
  const row = picture.rows.find((candidate) => y - AXIS + view.scroll >= candidate.y && y - AXIS + view.scroll < candidate.y + candidate.height);
  if (!row?.items || x < GUTTER) return null;
  const inRow = y - AXIS + view.scroll - row.y;
  const near = 3 * (view.to - view.from) / plotWidth(), time = timeOf(x);
  if (row.kind === "faults") return { fault: row.items.find((fault) => fault.row === Math.floor(inRow / FAULT_ROW) && fault.call - near <= time && time <= fault.ret + near) };
  if (row.kind === "server" && inRow < ROLE_HEIGHT) return { role: row.roles.find(([from, to]) => from <= time && time < (to ?? data.end)), name: row.name };
  const wanted = row.kind === "server" ? Math.floor((inRow - ROLE_HEIGHT) / SERVER_ROW) : null;
  let best = null, bestGap = Infinity;
  for (let at = firstAbove(row.longest, time - near); at < row.items.length && row.items[at].call <= time + near; at += 1) {
    const op = row.items[at];
    if (op.ret < time - near || hiddenColours.has(op.colour) || wanted !== null && op.serverRow !== wanted) continue;
    const gap = Math.max(op.call - time, time - op.ret, 0) - (op.bad ? near / 2 : 0);
    if (gap < bestGap) { best = op; bestGap = gap; }
  }
  return best && { op: best };
}

function tipFor(found) {
  if (found?.op) return [opFacts(found.op)];
  if (found?.fault) return [make("b", { textContent: found.fault.text }), make("div", { textContent: `${clock(found.fault.call)} to ${clock(found.fault.ret)}, ${found.fault.outcome}` })];
  if (found?.role) return [make("b", { textContent: `${found.name}: ${found.role[3]}` }), make("div", { textContent: `term ${found.role[2]}, from ${clock(found.role[0])} to ${clock(found.role[1] ?? data.end)}` })];
  return null;
}

function hover(event) {
  const box = lanesCanvas.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  const found = under(x, y);
  const parts = tipFor(found);
  const tip = element("tip");
  if ((found?.op ?? null) !== view.hover) { view.hover = found?.op ?? null; redraw(); }
  tip.hidden = !parts;
  if (!parts) return;
  tip.replaceChildren(...parts);
  tip.style.left = `${Math.max(4, Math.min(x + 14, box.width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${y + 16 + tip.offsetHeight > box.height ? Math.max(4, y - tip.offsetHeight - 10) : y + 16}px`;
}

function watchPointer() {
  let drag = null;
  lanesCanvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) move((event.deltaX || event.deltaY) / 800);
    else zoom(Math.exp(event.deltaY / 400), event.offsetX);
  }, { passive: false });
  lanesCanvas.addEventListener("pointerdown", (event) => {
    lanesCanvas.setPointerCapture(event.pointerId);
    drag = { x: event.offsetX, y: event.offsetY, from: view.from, to: view.to, scroll: view.scroll, moved: false };
  });
  lanesCanvas.addEventListener("pointermove", (event) => {
    if (!drag) { hover(event); return; }
    const dx = event.offsetX - drag.x, dy = event.offsetY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    element("tip").hidden = true;
    lanesCanvas.classList.add("dragging");
    const by = -dx * (drag.to - drag.from) / plotWidth();
    setWindow(drag.from + by, drag.to + by);
    view.scroll = drag.scroll - dy;
    redraw();
  });
  lanesCanvas.addEventListener("pointerup", (event) => {
    const found = drag && !drag.moved ? under(event.offsetX, event.offsetY) : null;
    if (found?.op) select(found.op, false);
    drag = null;
    lanesCanvas.classList.remove("dragging");
  });
  lanesCanvas.addEventListener("pointerleave", () => { element("tip").hidden = true; view.hover = null; redraw(); });
  watchOverview();
}

function watchOverview() {
  let dragging = false;
  const centreAt = (event) => {
    const width = overviewCanvas.getBoundingClientRect().width - GUTTER;
    const centre = ((event.offsetX - GUTTER) / width) * data.end, half = (view.to - view.from) / 2;
    setWindow(centre - half, centre + half);
    redraw();
  };
  overviewCanvas.addEventListener("pointerdown", (event) => { dragging = true; overviewCanvas.setPointerCapture(event.pointerId); centreAt(event); });
  overviewCanvas.addEventListener("pointermove", (event) => { if (dragging) centreAt(event); });
  overviewCanvas.addEventListener("pointerup", () => { dragging = false; });
}

// Goes to the next (or previous) of some places, after the one that is selected.
function step(places, direction) {
  if (!places?.length) return;
  const now = view.selected ? places.indexOf(view.selected.at) : -1;
  const next = now < 0 ? (direction > 0 ? 0 : places.length - 1) : (now + direction + places.length) % places.length;
  select(ops[places[next]], true);
}

let found = null;
function watchSearch() {
  const box = element("search");
  box.addEventListener("input", () => {
    found = search(box.value);
    element("hits").textContent = found ? `${found.length} hit${found.length === 1 ? "" : "s"}` : "";
    redraw();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(found, event.shiftKey ? -1 : 1);
    if (event.key === "Escape") { box.value = ""; box.dispatchEvent(new Event("input")); lanesCanvas.focus(); }
    event.stopPropagation();
  });
}

function toggleTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  readPalette();
  redraw();
}

const toggleHelp = () => { element("help").hidden = !element("help").hidden; };

function watchKeys() {
  const bad = ops.filter((op) => op.bad).map((op) => op.at);
  const actions = {
    "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), "0": fit, f: fit, ArrowLeft: () => move(-0.15), ArrowRight: () => move(0.15),
    ArrowUp: () => { view.scroll -= 60; redraw(); }, ArrowDown: () => { view.scroll += 60; redraw(); }, n: () => step(bad, 1), p: () => step(bad, -1), t: toggleTheme, "?": toggleHelp,
    "/": () => element("search").focus(), Escape: () => { element("help").hidden = true; view.selected = null; redraw(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
  element("fit").addEventListener("click", fit);
  element("zoom-in").addEventListener("click", () => zoom(0.6));
  element("zoom-out").addEventListener("click", () => zoom(1 / 0.6));
  element("theme").addEventListener("click", toggleTheme);
  element("keys").addEventListener("click", toggleHelp);
}

// `#dark`, `#light`, `#first` (zoom to the first violation) and `#find=words` let a link choose how the page opens.
function start() {
  const wish = location.hash.slice(1).split(",");
  const dark = wish.includes("dark") || !wish.includes("light") && matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  readPalette();
  fillHeader();
  fillViolations();
  fillPrefix();
  fillLegend();
  watchPointer();
  watchSearch();
  watchKeys();
  const resized = new ResizeObserver(redraw);
  for (const canvas of [lanesCanvas, overviewCanvas]) resized.observe(canvas);
  fit();
  const words = wish.find((part) => part.startsWith("find="));
  if (words) { element("search").value = decodeURIComponent(words.slice(5)); element("search").dispatchEvent(new Event("input")); }
  if (wish.includes("first")) { drawLanes(); element("violations").querySelector("button")?.click(); }
}

start();
