// A recording on two canvases: all of it, and the part that was chosen, down to single readings.

import { DASH, clock, duration, make, set_text } from "./format.js";
import { BURST, column, follows_hole, index_after, nearest } from "./bursts.js";
import { draw_axes, draw_cursor, draw_threshold, palette, surface } from "./draw.js";

const MARGIN = { left: 46, right: 8, top: 8, bottom: 24 };
const LINES = [
  { key: "busiest_core", title: "busiest core", ink: "core", is_on: true },
  { key: "system", title: "system", ink: "system", is_on: false },
  { key: "steal", title: "steal", ink: "steal", is_on: true },
];

export class Readings {
  /** `all`: {from_ms, to_ms} of the recording.  Never shows less than `fewest` readings. */
  constructor(recording, all, holes, fewest) {
    this.recording = recording;
    this.all = all;
    this.holes = holes;
    this.shortest_ms = Math.min(fewest * recording.interval_ms, all.to_ms - all.from_ms);
    this.view = { ...all };
    this.chosen = recording.time_ms.length - 1;
    this.lines = LINES.map((line) => ({ ...line }));
    this.#build();
  }

  /** Shows from `from_ms` to `to_ms`, as far as there is something. */
  zoom(from_ms, to_ms) {
    const whole = this.all.to_ms - this.all.from_ms;
    const span = Math.max(this.shortest_ms, Math.min(whole, to_ms - from_ms));
    const middle = (from_ms + to_ms) / 2;
    const from = Math.max(
      this.all.from_ms,
      Math.min(this.all.to_ms - span, to_ms - from_ms < span ? middle - span / 2 : from_ms),
    );
    this.view = { from_ms: Math.round(from), to_ms: Math.round(from + span) };
    this.#show_range();
    this.draw();
  }

  /** Puts the cursor on reading `i`. */
  choose(i) {
    if (i < 0) return;
    this.chosen = i;
    this.#show_range();
    this.draw();
  }

  draw() {
    this.#draw_overview();
    this.#draw_detail();
  }

  #build() {
    this.overview = make("canvas", {
      class: "overview",
      role: "img",
      "aria-label": "All readings; drag to choose a part",
    });
    this.detail = make("canvas", {
      class: "chart detail",
      tabindex: "0",
      role: "application",
      "aria-label":
        "Readings of the chosen part. Left and right move it, plus and minus zoom, comma and full stop go from reading to reading.",
      "aria-describedby": "reading",
      keydown: (event) => this.#on_key(event),
      pointermove: (event) => this.#hover(event),
      dblclick: () => this.#scale(3),
    });
    this.readout = make("output", { class: "readout", id: "reading", "aria-live": "off" });
    this.span = make("span", { class: "muted span" });
    const steer = (title, words, act) =>
      make(
        "button",
        { type: "button", class: "quiet", "aria-label": title, title, click: act },
        words,
      );
    const lines = this.lines.map((line) =>
      make(
        "label",
        { class: "line" },
        make("input", {
          type: "checkbox",
          checked: line.is_on,
          change: (event) => {
            line.is_on = event.target.checked;
            this.draw();
          },
        }),
        make("i", { class: `swatch ${line.ink}`, "aria-hidden": "true" }),
        line.title,
      ),
    );
    this.sliders = {
      from: this.#make_slider("From", (ms) =>
        this.zoom(Math.min(ms, this.view.to_ms - this.shortest_ms), this.view.to_ms),
      ),
      to: this.#make_slider("To", (ms) =>
        this.zoom(this.view.from_ms, Math.max(ms, this.view.from_ms + this.shortest_ms)),
      ),
      reading: this.#make_slider("Reading", (ms) => this.choose(nearest(this.recording, ms))),
    };
    this.element = make(
      "div",
      { class: "readings" },
      this.overview,
      this.detail,
      this.readout,
      make(
        "div",
        { class: "steer" },
        steer("Earlier", "◀", () => this.#pan(-0.5)),
        steer("Later", "▶", () => this.#pan(0.5)),
        steer("Zoom in", "+", () => this.#scale(0.5)),
        steer("Zoom out", "−", () => this.#scale(2)),
        steer("Show all", "All", () => this.zoom(this.all.from_ms, this.all.to_ms)),
        this.span,
        make(
          "span",
          { class: "lines" },
          make(
            "span",
            { class: "line" },
            make("i", { class: "swatch busy", "aria-hidden": "true" }),
            "busy",
          ),
          ...lines,
        ),
      ),
      make(
        "div",
        { class: "sliders", role: "group", "aria-label": "Chosen part and reading" },
        ...Object.values(this.sliders).map(({ element }) => element),
      ),
    );
    this.#drag(this.overview, () => this.all, 0, 0, true);
    this.#drag(this.detail, () => this.view, MARGIN.left, MARGIN.right, false);
    this.#show_range();
  }

  #make_slider(title, act) {
    const input = make("input", {
      type: "range",
      min: "0",
      step: "1",
      max: String(Math.ceil((this.all.to_ms - this.all.from_ms) / this.recording.interval_ms)),
    });
    const words = make("span", { "aria-hidden": "true" });
    input.addEventListener("input", () =>
      act(this.all.from_ms + Number(input.value) * this.recording.interval_ms),
    );
    return { input, words, element: make("label", {}, make("span", {}, title), input, words) };
  }

  #show_range() {
    const { from_ms, to_ms } = this.view;
    set_text(this.span, duration(to_ms - from_ms));
    const show = ({ input, words }, ms, more = "") => {
      input.value = String(Math.round((ms - this.all.from_ms) / this.recording.interval_ms));
      input.setAttribute("aria-valuetext", clock(ms, true) + more);
      set_text(words, clock(ms, true));
    };
    show(this.sliders.from, from_ms);
    show(this.sliders.to, to_ms);
    const at = this.recording.time_ms[this.chosen];
    show(this.sliders.reading, at, `: ${this.#values_of(this.chosen)}`);
    set_text(this.readout, `${clock(at, true)}  ${this.#values_of(this.chosen)}`);
  }

  #values_of(i) {
    const { busy, busiest_core, system, steal } = this.recording;
    const value = (share) => (share === null ? DASH : `${share} %`);
    return `busy ${value(busy[i])}, busiest core ${value(busiest_core[i])}, system ${value(system[i])}, steal ${value(steal[i])}`;
  }

  #pan(part) {
    const { from_ms, to_ms } = this.view;
    const by = (to_ms - from_ms) * part;
    this.zoom(from_ms + by, to_ms + by);
  }

  /** Around the cursor where it can be seen, else around the middle. */
  #scale(factor) {
    const { from_ms, to_ms } = this.view;
    const at = this.recording.time_ms[this.chosen];
    const around = at >= from_ms && at <= to_ms ? at : (from_ms + to_ms) / 2;
    this.zoom(around - (around - from_ms) * factor, around + (to_ms - around) * factor);
  }

  #on_key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      ArrowLeft: () => this.#pan(-0.1),
      ArrowRight: () => this.#pan(0.1),
      PageUp: () => this.#pan(-1),
      PageDown: () => this.#pan(1),
      "+": () => this.#scale(0.5),
      "=": () => this.#scale(0.5),
      "-": () => this.#scale(2),
      0: () => this.zoom(this.all.from_ms, this.all.to_ms),
      Home: () => this.#pan(-1e6),
      End: () => this.#pan(1e6),
      ",": () => this.#step(-1),
      ".": () => this.#step(1),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #step(by) {
    const next = Math.max(0, Math.min(this.recording.time_ms.length - 1, this.chosen + by));
    const at = this.recording.time_ms[next];
    const { from_ms, to_ms } = this.view;
    if (at - this.recording.interval_ms < from_ms)
      this.zoom(at - this.recording.interval_ms, at - this.recording.interval_ms + to_ms - from_ms);
    else if (at > to_ms) this.zoom(at - (to_ms - from_ms), at);
    this.choose(next);
  }

  #hover(event) {
    if (event.buttons !== 0 || event.pointerType === "touch") return;
    this.choose(
      nearest(
        this.recording,
        this.#time_at(event, this.view, MARGIN.left, MARGIN.right) + this.recording.interval_ms / 2,
      ),
    );
  }

  #time_at(event, { from_ms, to_ms }, left, right) {
    const width = event.currentTarget.clientWidth - left - right;
    const part = Math.max(0, Math.min(1, (event.offsetX - left) / width));
    return from_ms + part * (to_ms - from_ms);
  }

  /** A drag chooses a part of `range()`; begun inside the chosen part it moves that, if `moves`. */
  #drag(canvas, range, left, right, moves) {
    let drag;
    const time = (event) => this.#time_at(event, range(), left, right);
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      const at = time(event);
      const is_all = this.view.to_ms - this.view.from_ms >= this.all.to_ms - this.all.from_ms;
      const is_inside = at >= this.view.from_ms && at <= this.view.to_ms;
      drag = {
        at,
        moved: false,
        mode: moves && is_inside && !is_all ? "move" : "choose",
        view: this.view,
        range: { ...range() },
      };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const at = this.#time_at(event, drag.range, left, right);
      const pixels =
        (Math.abs(at - drag.at) / (drag.range.to_ms - drag.range.from_ms)) * canvas.clientWidth;
      drag.moved ||= pixels > 4;
      if (!drag.moved) return;
      if (drag.mode === "move") {
        this.zoom(drag.view.from_ms + at - drag.at, drag.view.to_ms + at - drag.at);
      } else {
        this.selection = { from_ms: Math.min(at, drag.at), to_ms: Math.max(at, drag.at) };
        this.draw();
      }
    });
    const end = (event) => {
      if (!drag) return;
      const { selection } = this;
      this.selection = undefined;
      if (selection) this.zoom(selection.from_ms, selection.to_ms);
      else if (!drag.moved && moves) this.#center(drag.at);
      else if (!drag.moved)
        this.choose(nearest(this.recording, time(event) + this.recording.interval_ms / 2));
      drag = undefined;
      this.draw();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", () => {
      drag = this.selection = undefined;
      this.draw();
    });
  }

  #center(at) {
    const half = (this.view.to_ms - this.view.from_ms) / 2;
    this.zoom(at - half, at + half);
  }

  #draw_overview() {
    const drawn = surface(this.overview);
    if (!drawn) return;
    const { context, width, height } = drawn;
    const area = { x: 0, y: 2, width, height: height - 4 };
    this.#draw_busy(context, area, this.all);
    const x_of = (ms) => ((ms - this.all.from_ms) / (this.all.to_ms - this.all.from_ms)) * width;
    const left = x_of(this.view.from_ms);
    const right = Math.max(left + 2, x_of(this.view.to_ms));
    const ink = palette();
    context.fillStyle = ink.card;
    context.globalAlpha = 0.45;
    context.fillRect(0, 0, left, height);
    context.fillRect(right, 0, width - right, height);
    context.globalAlpha = 1;
    context.strokeStyle = ink.accent;
    context.lineWidth = 1.5;
    context.strokeRect(left + 0.75, 0.75, Math.max(1, right - left - 1.5), height - 1.5);
    this.#draw_selection(context, { x: 0, y: 0, width, height }, this.all);
  }

  #draw_detail() {
    const drawn = surface(this.detail);
    if (!drawn) return;
    const { context, width, height } = drawn;
    const area = {
      x: MARGIN.left,
      y: MARGIN.top,
      width: width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom,
    };
    draw_axes(context, area, this.view.from_ms, this.view.to_ms);
    context.save();
    context.beginPath();
    context.rect(area.x, area.y - 2, area.width, area.height + 2);
    context.clip();
    this.#draw_busy(context, area, this.view);
    draw_threshold(context, area, BURST);
    for (const line of this.lines) if (line.is_on) this.#draw_line(context, area, line);
    this.#draw_selection(context, area, this.view);
    const at = this.recording.time_ms[this.chosen] - this.recording.interval_ms / 2;
    if (at >= this.view.from_ms && at <= this.view.to_ms)
      draw_cursor(context, this.#x_of(at, area), area);
    context.restore();
  }

  #x_of(ms, { x, width }, { from_ms, to_ms } = this.view) {
    return x + ((ms - from_ms) / (to_ms - from_ms)) * width;
  }

  #draw_selection(context, area, range) {
    if (!this.selection) return;
    const left = this.#x_of(this.selection.from_ms, area, range);
    context.globalAlpha = 0.2;
    context.fillStyle = palette().accent;
    context.fillRect(
      left,
      area.y,
      this.#x_of(this.selection.to_ms, area, range) - left,
      area.height,
    );
    context.globalAlpha = 1;
  }

  /** One column a reading, or one a pixel: then the highest reading of it, and their mean within. */
  #draw_busy(context, area, range) {
    const ink = palette();
    const { busy } = this.recording;
    this.#draw_holes(context, area, range);
    this.#each_column(area, range, (first, end, left, right) => {
      const seen = column(busy, first, end);
      if (!seen) return;
      const { mean, highest } = seen;
      context.fillStyle =
        highest >= BURST ? ink.hot : end - first > 1 ? ink["busy-soft"] : ink.busy;
      const top = (highest / 100) * area.height;
      context.fillRect(left, area.y + area.height - top, right - left, top);
      if (end - first === 1) return;
      const height = (mean / 100) * area.height;
      context.fillStyle = mean >= BURST ? ink.hot : ink.busy;
      context.fillRect(left, area.y + area.height - height, right - left, height);
    });
  }

  #draw_line(context, area, { key, ink }) {
    const values = this.recording[key];
    context.strokeStyle = palette()[ink];
    context.lineWidth = 1;
    context.beginPath();
    let last_right = -Infinity;
    this.#each_column(area, this.view, (first, end, left, right) => {
      const seen = column(values, first, end);
      if (!seen) return;
      const y = area.y + area.height - (seen.highest / 100) * area.height;
      if (left - last_right > 2.5) context.moveTo(left, y);
      else context.lineTo(left, y);
      context.lineTo(right, y);
      last_right = right;
    });
    context.stroke();
  }

  /** Calls act(first, end, left, right) for the readings of each column, readings with a gap between them if wide. */
  #each_column(area, range, act) {
    const { time_ms, interval_ms } = this.recording;
    const end = Math.min(time_ms.length, index_after(this.recording, range.to_ms + interval_ms));
    let first = index_after(this.recording, range.from_ms);
    const is_wide = (interval_ms / (range.to_ms - range.from_ms)) * area.width >= 1;
    while (first < end) {
      const left = this.#x_of(this.#start_of(first), area, range);
      if (is_wide) {
        const right = this.#x_of(time_ms[first], area, range);
        act(first, first + 1, left, right - (right - left > 4 ? 1 : 0));
        ++first;
        continue;
      }
      const pixel = Math.floor(left);
      let next = first + 1;
      while (next < end && Math.floor(this.#x_of(this.#start_of(next), area, range)) === pixel)
        ++next;
      act(first, next, pixel, pixel + 1);
      first = next;
    }
  }

  /** A reading is of the time since the one before, which need not be an interval to the millisecond. */
  #start_of(i) {
    const { time_ms, interval_ms } = this.recording;
    return i === 0 || follows_hole(this.recording, i) ? time_ms[i] - interval_ms : time_ms[i - 1];
  }

  #draw_holes(context, area, range) {
    for (const { from_ms, to_ms } of this.holes) {
      const left = Math.max(area.x, this.#x_of(from_ms, area, range));
      const right = Math.min(area.x + area.width, this.#x_of(to_ms, area, range));
      if (right <= left) continue;
      context.save();
      context.beginPath();
      context.rect(left, area.y, Math.max(1, right - left), area.height);
      context.clip();
      context.strokeStyle = palette().hole;
      context.lineWidth = 1;
      context.beginPath();
      for (let x = left - area.height; x < right; x += 6) {
        context.moveTo(x, area.y + area.height);
        context.lineTo(x + area.height, area.y);
      }
      context.stroke();
      context.restore();
      if (right - left > 90) {
        context.font = "11px system-ui, sans-serif";
        context.textAlign = "center";
        context.textBaseline = "middle";
        const words = `no readings for ${duration(to_ms - from_ms)}`;
        const half = context.measureText(words).width / 2 + 6;
        if (2 * half > right - left) continue;
        const middle = (left + right) / 2;
        context.fillStyle = palette().card;
        context.fillRect(middle - half, area.y + area.height / 2 - 9, 2 * half, 18);
        context.fillStyle = palette().muted;
        context.fillText(words, middle, area.y + area.height / 2);
      }
    }
  }
}
