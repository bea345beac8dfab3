// The two canvases. Draws only what is in sight: a lane is bisected for its first visible operation, and operations
// that would fall on the same pixel are drawn once, so the cost is bounded by the window, not by the run.

const lanesCanvas = document.getElementById("lanes");
const overviewCanvas = document.getElementById("overview");
const GUTTER = 108, AXIS = 34, TICKS_Y = 10, PHASES_Y = 25;
const view = { from: 0, to: data.end || 1, scroll: 0, width: 0, height: 0, hover: null, selected: null };
const NARROWEST_NS = 1000;
let palette = {};

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "panel", "ink", "quiet", "line", "grid", "bad", "bad-soft", "mark", "register", "deregister", "report", "read", "stale", "poll", "list", "admin", "fault", "follower", "candidate", "stopped"];
  palette = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const plotWidth = () => Math.max(1, view.width - GUTTER);
const xOf = (time) => GUTTER + ((time - view.from) / (view.to - view.from)) * plotWidth();
const timeOf = (x) => view.from + ((x - GUTTER) / plotWidth()) * (view.to - view.from);

function fitCanvas(canvas) {
  const scale = window.devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  canvas.width = Math.round(box.width * scale);
  canvas.height = Math.round(box.height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  return { pen, width: box.width, height: box.height };
}

let drawAsked = false;
function redraw() {
  if (drawAsked) return;
  drawAsked = true;
  requestAnimationFrame(() => { drawAsked = false; drawLanes(); drawOverview(); });
}

function tickStep(span, width) {
  const rough = span / Math.max(2, width / 110);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

// A time of the axis, with as many digits as tell neighbouring ticks apart.
function tickLabel(time, step) {
  const [unit, name] = step >= 1e9 || view.to >= 1e10 ? [1e9, "s"] : step >= 1e6 || view.to >= 1e7 ? [1e6, "ms"] : [1e3, "µs"];
  return `${(time / unit).toFixed(Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9)))} ${name}`;
}

function drawAxis(pen) {
  const step = tickStep(view.to - view.from, plotWidth());
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
    const x = Math.round(xOf(time)) + 0.5;
    pen.fillStyle = palette.grid;
    pen.fillRect(x, AXIS, 1, view.height - AXIS);
    pen.fillStyle = palette.quiet;
    pen.fillText(tickLabel(time, step), x + 4, TICKS_Y);
  }
  for (const [time, name] of data.phases) {
    if (time < view.from || time > view.to) continue;
    const x = xOf(time);
    pen.fillStyle = palette.quiet;
    pen.fillRect(x, PHASES_Y - 7, 1, view.height);
    pen.fillText(`▸ ${name}`, x + 3, PHASES_Y);
  }
}

function drawLanes() {
  const { pen, width, height } = fitCanvas(lanesCanvas);
  view.width = width;
  view.height = height;
  view.scroll = Math.max(0, Math.min(view.scroll, picture.height - (height - AXIS)));
  pen.fillStyle = palette.paper;
  pen.fillRect(0, 0, width, height);
  drawAxis(pen);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS, width, height - AXIS);
  pen.clip();
  pen.translate(0, AXIS - view.scroll);
  for (const row of picture.rows) {
    if (row.y + row.height < view.scroll || row.y > view.scroll + height) continue;
    if (row.kind === "title") drawTitle(pen, row);
    else if (row.kind === "faults") drawFaults(pen, row);
    else if (row.kind === "server") drawServer(pen, row);
    else drawClient(pen, row);
  }
  pen.restore();
  drawScrollbar(pen);
}

function drawTitle(pen, row) {
  pen.fillStyle = palette.panel;
  pen.fillRect(0, row.y, view.width, row.height);
  pen.fillStyle = palette.quiet;
  pen.font = "600 11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillText(row.text.toUpperCase(), 8, row.y + row.height / 2);
}

function drawName(pen, row, height) {
  pen.fillStyle = palette.paper;
  pen.fillRect(0, row.y, GUTTER, row.height);
  pen.fillStyle = palette.line;
  pen.fillRect(0, row.y + row.height - 1, view.width, 1);
  pen.fillRect(GUTTER - 1, row.y, 1, row.height);
  pen.fillStyle = palette.ink;
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillText(clipText(pen, row.name, GUTTER - 14), 8, row.y + height / 2);
}

function clipText(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let keep = text.length;
  while (keep > 1 && pen.measureText(`${text.slice(0, keep)}…`).width > width) keep -= 1;
  return `${text.slice(0, keep)}…`;
}

// A labelled bar between two times, cut at the window's edges. The label stands where it can be seen.
function bar(pen, call, ret, y, height, label, ink) {
  const left = Math.max(GUTTER, xOf(call)), right = Math.min(view.width, xOf(ret));
  if (right < GUTTER || left > view.width) return;
  pen.fillRect(left, y, Math.max(1.5, right - left), height);
  if (label && right - left > 26) {
    pen.fillStyle = ink;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.fillText(clipText(pen, label, right - left - 8), left + 4, y + height / 2 + 0.5);
  }
}

function drawFaults(pen, row) {
  for (const fault of row.items) {
    pen.globalAlpha = fault.outcome === "installed" ? 0.9 : 0.4;
    pen.fillStyle = palette.fault;
    bar(pen, fault.call, fault.ret, row.y + fault.row * FAULT_ROW + 1, FAULT_ROW - 3, fault.text, "#1c1300");
  }
  pen.globalAlpha = 1;
  drawName(pen, row, row.height);
}

function drawServer(pen, row) {
  for (const fault of faults) {
    if (fault.nodes.length && !fault.nodes.includes(row.node)) continue;
    pen.globalAlpha = 0.16;
    pen.fillStyle = palette.fault;
    bar(pen, fault.call, fault.ret, row.y, row.height - 1);
  }
  pen.globalAlpha = 1;
  for (const [from, to, term, role] of row.roles) {
    pen.fillStyle = role === "leader" ? termColour(term) : palette[role] ?? palette.follower;
    const label = role === "leader" ? `leader, term ${term}` : role === "follower" ? "" : role;
    bar(pen, from, to ?? data.end, row.y + 2, ROLE_HEIGHT - 4, label, role === "leader" ? "#fff" : palette.ink);
  }
  drawOps(pen, row, (op) => row.y + ROLE_HEIGHT + op.serverRow * SERVER_ROW, SERVER_ROW - 2, false);
  drawName(pen, row, Math.min(row.height, 24));
}

// Terms that follow each other differ in hue.
const termColour = (term) => `hsl(${(term * 137) % 360} 55% 42%)`;

function drawClient(pen, row) {
  drawOps(pen, row, () => row.y + 3, CLIENT_ROW - 7, true);
  drawName(pen, row, row.height);
}

function opLabel(op) {
  const what = op.kind === "read" || op.kind === "poll" ? op.got : op.ask;
  return `${op.stale ? "stale " : ""}${op.kind} ${op.service} ${what}`;
}

function drawOps(pen, row, yOf, height, labels) {
  const painted = new Map();
  const late = [];
  for (let at = firstAbove(row.longest, view.from); at < row.items.length; at += 1) {
    const op = row.items[at];
    if (op.call > view.to) break;
    if (op.ret < view.from || hiddenColours.has(op.colour)) continue;
    if (op.bad || op === view.selected || op === view.hover) { late.push(op); continue; }
    const y = yOf(op), right = xOf(op.ret);
    if (right - xOf(op.call) < 1.5 && op.hit) {
      if (right - (painted.get(y) ?? -9) < 1) continue;
      painted.set(y, right);
    }
    drawOp(pen, op, y, height, labels);
  }
  for (const op of late) drawOp(pen, op, yOf(op), height, labels);
}

function drawOp(pen, op, y, height, labels) {
  const left = Math.max(GUTTER - 4, xOf(op.call)), right = Math.min(view.width + 4, xOf(op.ret));
  const width = Math.max(op.bad ? 4 : 1.5, right - left);
  pen.globalAlpha = op.hit || op === view.selected ? 1 : 0.13;
  const colour = op.bad ? palette.bad : palette[op.colour];
  if (op.outcome === "ok") {
    pen.fillStyle = colour;
    if (op.kind === "poll" && !op.bad) {
      pen.globalAlpha *= 0.45;
      pen.fillRect(left, y, width, height);
      pen.globalAlpha /= 0.45;
      pen.fillRect(left + Math.max(0, width - 3), y, Math.min(3, width), height);
    } else pen.fillRect(left, y, width, height);
  } else {
    pen.strokeStyle = colour;
    pen.lineWidth = 1.2;
    pen.setLineDash(op.outcome === "fail" ? [] : [4, 3]);
    pen.strokeRect(left + 0.5, y + 0.5, Math.max(1, width - 1), height - 1);
    pen.setLineDash([]);
  }
  if (op === view.selected || op === view.hover) {
    pen.strokeStyle = palette.ink;
    pen.lineWidth = op === view.selected ? 2 : 1;
    pen.strokeRect(left - 1, y - 1, width + 2, height + 2);
  }
  if (labels && width > 30) {
    pen.fillStyle = op.outcome === "ok" && op.kind !== "poll" || op.outcome === "ok" && op.bad ? "#fff" : palette.ink;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.fillText(clipText(pen, opLabel(op), width - 8), left + 4, y + height / 2 + 0.5);
  }
  pen.globalAlpha = 1;
}

function drawScrollbar(pen) {
  const room = view.height - AXIS;
  if (picture.height <= room) return;
  pen.fillStyle = palette.quiet;
  pen.globalAlpha = 0.5;
  pen.fillRect(view.width - 6, AXIS + (view.scroll / picture.height) * room, 4, Math.max(20, (room / picture.height) * room));
  pen.globalAlpha = 1;
}

// The whole run: how many operations ran in each pixel, faults as bands, violations as ticks, the window as a frame.
function drawOverview() {
  const { pen, width, height } = fitCanvas(overviewCanvas);
  const scale = (time) => GUTTER + (time / (data.end || 1)) * (width - GUTTER);
  pen.fillStyle = palette.panel;
  pen.fillRect(0, 0, width, height);
  pen.globalAlpha = 0.3;
  pen.fillStyle = palette.fault;
  for (const fault of faults) pen.fillRect(scale(fault.call), 0, Math.max(1, scale(fault.ret) - scale(fault.call)), height);
  pen.globalAlpha = 1;
  const counts = overviewCounts(Math.max(1, Math.floor(width - GUTTER)));
  pen.fillStyle = palette.read;
  counts.counts.forEach((count, x) => { if (count) { const tall = Math.max(1, (count / counts.most) * (height - 12)); pen.fillRect(GUTTER + x, height - tall, 1, tall); } });
  pen.fillStyle = palette.bad;
  for (const op of ops) if (op.bad) pen.fillRect(scale(op.call) - 1, 0, 3, height);
  pen.strokeStyle = palette.ink;
  pen.lineWidth = 1.5;
  pen.strokeRect(scale(view.from), 1, Math.max(3, scale(view.to) - scale(view.from)), height - 2);
  pen.fillStyle = palette.quiet;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillText("calls begun", 8, height / 2);
}

let overviewCache = { width: 0 };
function overviewCounts(width) {
  if (overviewCache.width === width) return overviewCache;
  const counts = new Array(width).fill(0);
  for (const op of ops) counts[Math.min(width - 1, Math.floor((op.call / (data.end || 1)) * width))] += 1;
  overviewCache = { width, counts, most: Math.max(1, ...counts) };
  return overviewCache;
}
