// Values as a person reads them, and elements to put them in.  What is unknown is a dash, never 0.

export const DASH = "–";
const SPACE = "\u00a0"; // between a number and its unit: they stay on one line

/** An element.  Children that are strings become text, whatever they hold. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Writes only what differs: a text that is written again loses the reader's selection. */
export function set_text(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const percent = (value) => (value === undefined ? DASH : `${value.toFixed(1)}${SPACE}%`);

export const whole = (value) => Math.round(value).toLocaleString("en");

export const count = (value, one, many = `${one}s`) =>
  `${whole(value)}${SPACE}${value === 1 ? one : many}`;

/** How long ago, in its largest unit. */
export function age(ms) {
  if (ms < 1000) return "now";
  const seconds = Math.floor(ms / 1000);
  if (seconds < 100) return `${seconds}${SPACE}s ago`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)}${SPACE}min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}${SPACE}h ago`;
  return `${Math.floor(seconds / 86_400)}${SPACE}d ago`;
}

/** A span of time in its two largest units. */
export function duration(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1).replace(".0", "")}${SPACE}s`;
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  let seconds = Math.round(ms / 1000);
  const parts = [];
  for (const [unit, size] of units) {
    const many = Math.floor(seconds / size);
    if (many > 0 && parts.length < 2) parts.push(`${many}${SPACE}${unit}`);
    else if (parts.length > 0) break;
    seconds -= many * size;
  }
  return parts.join(" ");
}

/** 14:03:12, or 14:03:12.4 where tenths count; of this browser's time zone. */
export function clock(ms, tenths = false) {
  const at = new Date(tenths ? Math.round(ms / 100) * 100 : ms);
  const two = (value) => String(value).padStart(2, "0");
  const seconds = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return tenths ? `${seconds}.${Math.floor(at.getMilliseconds() / 100)}` : seconds;
}

export function date(ms) {
  const at = new Date(ms);
  const two = (value) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`;
}

/** The browser's time zone as people write it: UTC+2, UTC-3:30. */
export function zone(ms) {
  const minutes = -new Date(ms).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

export function bytes(value) {
  if (value < 1024) return `${value}${SPACE}B`;
  const units = ["KiB", "MiB", "GiB"];
  let size = value / 1024;
  let unit = 0;
  for (; size >= 1024 && unit + 1 < units.length; ++unit) size /= 1024;
  return `${size.toFixed(1)}${SPACE}${units[unit]}`;
}

/** A load average; beyond 100 nobody reads hundredths. */
export const load = (value) => value.toFixed(value < 100 ? 2 : 0);

/** 0.7, 12.4, 1,240: three digits that count. */
export function rate(value) {
  if (value >= 100) return whole(value);
  return value.toFixed(value >= 10 ? 1 : 2);
}
