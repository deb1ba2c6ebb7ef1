// The last minutes of one machine: averages, and the highest reading of each slot above them.

import { DASH, clock, make, set_text, whole } from "./format.js";
import { draw_axes, draw_cursor, draw_slots, surface } from "./draw.js";
import { summary } from "./history.js";

const MARGIN = { left: 46, right: 8, top: 8, bottom: 24 };

export class HistoryChart {
  constructor() {
    this.canvas = make("canvas", {
      class: "chart",
      tabindex: "0",
      role: "img",
      pointermove: (event) => this.#point(event),
      pointerleave: () => this.#choose(undefined),
      blur: () => this.#choose(undefined),
      keydown: (event) => this.#on_key(event),
    });
    this.readout = make("p", { class: "readout" });
    this.element = make("div", {}, this.canvas, this.readout);
  }

  show(history) {
    this.history = history;
    this.draw();
  }

  draw() {
    const drawn = surface(this.canvas);
    if (!drawn || !this.history) return;
    const { context, width, height } = drawn;
    const area = {
      x: MARGIN.left,
      y: MARGIN.top,
      width: width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom,
    };
    const { end_ms, step_ms, percent } = this.history;
    draw_axes(context, area, end_ms - percent.length * step_ms, end_ms);
    draw_slots(
      context,
      this.history,
      area,
      Math.max(1, Math.min(3, (area.width / percent.length) * 0.45)),
    );
    if (this.chosen !== undefined)
      draw_cursor(context, area.x + ((this.chosen + 0.5) / percent.length) * area.width, area);
    this.#tell();
  }

  #tell() {
    const seen = summary(this.history);
    const span = `${whole((this.history.percent.length * this.history.step_ms) / 60_000)} minutes`;
    const words = seen
      ? `On average ${whole(seen.average)} % busy, highest 100-ms reading up to ${seen.highest} %`
      : "Nothing is known";
    const label = `The last ${span}. ${words}.`;
    if (this.canvas.getAttribute("aria-label") !== label)
      this.canvas.setAttribute("aria-label", label);
    set_text(this.readout, this.chosen === undefined ? `${words}.` : this.#slot_words());
  }

  #slot_words() {
    const { end_ms, step_ms, percent, peak } = this.history;
    const from = end_ms - (percent.length - this.chosen) * step_ms;
    const value = (number) => (number === null ? DASH : `${number} %`);
    return `${clock(from)} to ${clock(from + step_ms)}: average ${value(percent[this.chosen])}, highest reading up to ${value(peak[this.chosen])}`;
  }

  #choose(slot) {
    this.chosen =
      slot === undefined || !this.history
        ? undefined
        : Math.max(0, Math.min(this.history.percent.length - 1, slot));
    this.draw();
  }

  #point(event) {
    if (!this.history) return;
    const width = this.canvas.clientWidth - MARGIN.left - MARGIN.right;
    this.#choose(Math.floor(((event.offsetX - MARGIN.left) / width) * this.history.percent.length));
  }

  #on_key(event) {
    const newest = (this.history?.percent.length ?? 1) - 1;
    const at = this.chosen ?? newest + 1;
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: newest }[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#choose(next);
  }
}
