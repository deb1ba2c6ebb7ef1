// What the canvases share: sharp pixels, the colours of the style sheet, axes.

import { clock } from "./format.js";

const NAMES = [
  "text",
  "muted",
  "line",
  "card",
  "accent",
  "busy",
  "busy-soft",
  "hot",
  "core",
  "peak",
  "hole",
  "user",
  "nice",
  "system",
  "irq",
  "softirq",
  "steal",
  "iowait",
  "idle",
];

let colours;

/** The colours of the theme in force, by name. */
export function palette() {
  if (!colours) {
    const probe = document.createElement("i");
    probe.hidden = true;
    document.body.append(probe);
    colours = {};
    for (const name of NAMES) {
      probe.style.color = `var(--${name})`;
      colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }
  return colours;
}

/** After a change of the theme. */
export function forget_palette() {
  colours = undefined;
}

/** An empty canvas to draw on in CSS pixels; undefined while it has no size. */
export function surface(canvas) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (width === 0 || height === 0) return undefined;
  const scale = window.devicePixelRatio || 1;
  const pixels = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1])
    [canvas.width, canvas.height] = pixels;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** The slots of the last minutes: the average as an area, the highest reading of each as a thin mark above it. */
export function draw_slots(context, history, { x, y, width, height }, mark_width = 1) {
  const ink = palette();
  const slot = width / history.percent.length;
  const level = (percent) => y + height - (percent / 100) * height;
  for (let i = 0; i < history.peak.length; ++i) {
    const peak = history.peak[i];
    if (peak === null || !(peak > history.percent[i])) continue;
    context.fillStyle = peak > 90 ? ink.hot : ink.peak;
    context.fillRect(
      x + (i + 0.5) * slot - mark_width / 2,
      level(peak),
      mark_width,
      ((peak - history.percent[i]) / 100) * height,
    );
  }
  for (const [first, end] of runs(history.percent)) {
    context.beginPath();
    for (let i = first; i < end; ++i)
      context.lineTo(x + (i + 0.5) * slot, level(history.percent[i]));
    if (end === first + 1)
      context.lineTo(x + (first + 0.5) * slot + 1, level(history.percent[first]));
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.strokeStyle = ink.busy;
    context.stroke();
    context.lineTo(x + (end - 0.5) * slot, y + height);
    context.lineTo(x + (first + 0.5) * slot, y + height);
    context.closePath();
    context.fillStyle = ink["busy-soft"];
    context.fill();
  }
}

/** [[first, end]] of the stretches without a null. */
function runs(values) {
  const found = [];
  let first = -1;
  for (let i = 0; i <= values.length; ++i) {
    const is_known = i < values.length && values[i] !== null;
    if (is_known && first < 0) first = i;
    if (!is_known && first >= 0) {
      found.push([first, i]);
      first = -1;
    }
  }
  return found;
}

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
const LABEL_WIDTH = 84;

/** Lines at 0, 25, ... 100 percent and at round times, with their labels around `area`. */
export function draw_axes(context, area, from_ms, to_ms) {
  const ink = palette();
  const { x, y, width, height } = area;
  context.font = "11px system-ui, sans-serif";
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const percent of [0, 25, 50, 75, 100]) {
    const at = Math.round(y + height - (percent / 100) * height) + 0.5;
    context.strokeStyle = ink.line;
    context.beginPath();
    context.moveTo(x, at);
    context.lineTo(x + width, at);
    context.stroke();
    context.fillStyle = ink.muted;
    if (percent % 50 === 0) context.fillText(`${percent} %`, x - 6, at);
  }
  const span_s = (to_ms - from_ms) / 1000;
  const wanted = (span_s * LABEL_WIDTH) / width;
  const step_ms = (STEPS_S.find((step) => step >= wanted) ?? STEPS_S.at(-1)) * 1000;
  context.textBaseline = "top";
  context.textAlign = "center";
  for (let time = Math.ceil(from_ms / step_ms) * step_ms; time <= to_ms; time += step_ms) {
    const at = Math.round(x + ((time - from_ms) / (to_ms - from_ms)) * width) + 0.5;
    context.strokeStyle = ink.line;
    context.beginPath();
    context.moveTo(at, y + height);
    context.lineTo(at, y + height + 4);
    context.stroke();
    if (at - x < 24 || x + width - at < 24) continue;
    context.fillStyle = ink.muted;
    context.fillText(clock(time, step_ms < 1000), at, y + height + 7);
  }
}

/** A broken line at a level that means something. */
export function draw_threshold(context, { x, y, width, height }, percent) {
  const at = Math.round(y + height - (percent / 100) * height) + 0.5;
  context.save();
  context.strokeStyle = palette().hot;
  context.globalAlpha = 0.6;
  context.setLineDash([2, 4]);
  context.beginPath();
  context.moveTo(x, at);
  context.lineTo(x + width, at);
  context.stroke();
  context.restore();
}

export function draw_cursor(context, at, { y, height }) {
  context.strokeStyle = palette().text;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(Math.round(at) + 0.5, y);
  context.lineTo(Math.round(at) + 0.5, y + height);
  context.stroke();
}
