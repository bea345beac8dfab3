// What the page knows: the data of one run, arranged in rows of the picture. No drawing, no events.

const data = JSON.parse(document.getElementById("data").textContent);

const OUTCOMES = ["ok", "fail", "info", "open"];
const KIND_COLOURS = {
  register: "register", deregister: "deregister", deregister_id: "deregister", report: "report", renew_many: "report",
  read: "read", poll: "poll", list: "list", join: "admin", remove: "admin", transfer: "admin",
};

// Operations as objects: the file carries them as rows to stay small.
const ops = data.ops.map((row, at) => ({
  at, op: row[0], process: row[1], lane: row[2], node: row[3], kind: data.kinds[row[4]], service: data.services[row[5]] ?? "",
  call: row[6], ret: row[7] ?? data.end, outcome: OUTCOMES[row[8]], stale: row[9] === 1, ask: row[10], got: row[11], bad: false, hit: true, row: 0,
}));
for (const violation of data.violations) for (const at of violation.ops) ops[at].bad = true;
for (const op of ops) op.colour = op.stale ? "stale" : KIND_COLOURS[op.kind] ?? "list";

const hiddenColours = new Set();

// Puts intervals, sorted by their start, into as few rows as they need; what does not fit into `rowsMax` shares the last one.
function pack(intervals, rowsMax) {
  const ends = [];
  for (const interval of intervals) {
    let row = ends.findIndex((end) => end <= interval.call);
    if (row < 0) row = ends.length < rowsMax ? ends.length : rowsMax - 1;
    ends[row] = Math.max(ends[row] ?? 0, interval.ret);
    interval.row = row;
  }
  return Math.max(1, ends.length);
}

const faults = data.faults.map((row) => ({
  name: row[0], call: row[1], ret: row[2] ?? data.end, nodes: row[3], text: row[4], outcome: row[5], row: 0,
}));
faults.sort((a, b) => a.call - b.call);

const ROLE_HEIGHT = 16, SERVER_ROW = 7, CLIENT_ROW = 20, FAULT_ROW = 16, GAP = 4, TITLE = 20;

// The picture's rows from the top: a heading or a lane, each with its y and height.
function arrange() {
  const rows = [];
  let y = 4;
  const push = (row) => { row.y = y; y += row.height; rows.push(row); };
  if (faults.length) {
    push({ kind: "title", height: TITLE, text: "Faults" });
    const depth = pack(faults, 8);
    push({ kind: "faults", height: depth * FAULT_ROW + GAP, name: "", items: faults });
  }
  push({ kind: "title", height: TITLE, text: "Servers" });
  data.nodes.forEach((name, node) => {
    const items = ops.filter((op) => op.node === node);
    const depth = items.length ? pack(items, 10) : 0;
    for (const op of items) op.serverRow = op.row;
    push({ kind: "server", height: ROLE_HEIGHT + depth * SERVER_ROW + GAP, name, node, items, longest: prefixMax(items), roles: data.roles[node] ?? [] });
  });
  push({ kind: "title", height: TITLE, text: "Clients" });
  const lanes = data.lanes.map((name, lane) => ({ kind: "client", height: CLIENT_ROW, name, lane, items: [] }));
  for (const op of ops) lanes[op.lane].items.push(op);
  for (const lane of lanes) { lane.longest = prefixMax(lane.items); push(lane); }
  return { rows, height: y + 8 };
}

// For each place the latest return so far: what a search for the first visible operation bisects on.
function prefixMax(items) {
  let latest = 0;
  return items.map((op) => (latest = Math.max(latest, op.ret)));
}

// First place whose value passes `wanted`; `values` never decrease.
function firstAbove(values, wanted) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1; else high = middle;
  }
  return low;
}

const picture = arrange();

function searchText(op) {
  op.text ??= `#${op.op} p${op.process} ${data.nodes[op.node] ?? ""} ${op.kind} ${op.stale ? "stale " : ""}${op.service} ${op.ask} ${op.outcome} ${op.got}`.toLowerCase();
  return op.text;
}

// Marks the operations that hold every word; returns their places, or null for an empty search.
function search(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (const op of ops) {
    op.hit = words.every((word) => (word.startsWith("#") ? `#${op.op}` === word : searchText(op).includes(word)));
    if (op.hit) found.push(op.at);
  }
  return words.length ? found : null;
}

function clock(ns) {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(ns < 1e7 ? 2 : 1)} ms`;
  return `${(ns / 1e9).toFixed(3)} s`;
}
