// Every core by mode: bars with names as long as they can be read, one narrow column each beyond that.

import { make, set_text, whole } from "./format.js";
import { MODES } from "./counters.js";
import { palette, surface } from "./draw.js";

const MOST_BARS = 64;
const BUSIEST = 8;
const CELL = { width: 11, gap: 3, height: 26 };

const one_decimal = (share) => `${(share * 100).toFixed(1)} %`;

/** "busy 43.0 % (user 40.1 %, system 2.9 %)" */
function words_of(share) {
  if (!share) return "no ticks counted";
  const parts = MODES.flatMap(({ name }, i) =>
    name !== "idle" && share.parts[i] >= 0.0005 ? [`${name} ${one_decimal(share.parts[i])}`] : [],
  );
  return `busy ${one_decimal(share.busy)}${parts.length ? ` (${parts.join(", ")})` : ""}`;
}

/** A bar of one segment a mode. */
export function make_bar() {
  return make(
    "span",
    { class: "modes", "aria-hidden": "true" },
    ...MODES.map(({ name }) => make("i", { class: name })),
  );
}

export function show_bar(bar, share) {
  MODES.forEach((mode, i) => {
    bar.children[i].style.width = `${share ? share.parts[i] * 100 : 0}%`;
  });
}

/** The colours of the modes, with the whole machine's shares as their values. */
export class Legend {
  constructor() {
    this.values = MODES.map(() => make("dd"));
    this.element = make(
      "dl",
      { class: "legend" },
      ...MODES.map(({ name }, i) =>
        make(
          "div",
          {},
          make("dt", {}, make("i", { class: name, "aria-hidden": "true" }), name),
          this.values[i],
        ),
      ),
    );
  }

  show(share) {
    this.values.forEach((value, i) => set_text(value, share ? one_decimal(share.parts[i]) : ""));
  }
}

export class Cores {
  constructor() {
    this.element = make("div");
    this.rows = new Map();
  }

  /** `cores`: [{id, share}]. */
  show(cores) {
    this.cores = cores;
    const form = cores.length > MOST_BARS ? "grid" : "bars";
    if (this.form !== form) {
      this.form = form;
      this.rows.clear();
      if (form === "bars") this.#begin_bars();
      else this.#begin_grid();
    }
    if (form === "bars") this.#show_bars();
    else this.#show_grid();
  }

  draw() {
    if (this.form === "grid") this.#draw_grid();
  }

  #begin_bars() {
    this.list = make("ul", { class: "cores" });
    this.element.replaceChildren(this.list);
  }

  #show_bars() {
    const known = new Set(this.cores.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (!known.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    for (const { id, share } of this.cores) {
      let row = this.rows.get(id);
      if (!row) {
        row = { bar: make_bar(), value: make("b") };
        row.element = make("li", {}, make("span", {}, `cpu ${id}`), row.bar, row.value);
        this.rows.set(id, row);
        this.list.append(row.element);
      }
      show_bar(row.bar, share);
      set_text(row.value, share ? `${whole(share.busy * 100)} %` : "–");
      row.element.title = words_of(share);
    }
  }

  #begin_grid() {
    this.chosen = undefined;
    this.canvas = make("canvas", {
      class: "core-grid",
      tabindex: "0",
      role: "img",
      pointermove: (event) => this.#point(event),
      pointerleave: () => this.#choose(undefined),
      blur: () => this.#choose(undefined),
      keydown: (event) => this.#on_key(event),
    });
    this.readout = make("p", { class: "readout" });
    this.busiest = make("ol", { class: "cores" });
    this.element.replaceChildren(
      this.canvas,
      this.readout,
      make("h3", {}, "Busiest cores"),
      this.busiest,
    );
    this.busiest_rows = Array.from({ length: BUSIEST }, () => {
      const row = { name: make("span"), bar: make_bar(), value: make("b") };
      row.element = make("li", {}, row.name, row.bar, row.value);
      this.busiest.append(row.element);
      return row;
    });
  }

  #show_grid() {
    const hottest = [...this.cores].sort(
      (a, b) => (b.share?.busy ?? -1) - (a.share?.busy ?? -1) || a.id - b.id,
    );
    this.busiest_rows.forEach((row, i) => {
      const { id, share } = hottest[i];
      set_text(row.name, `cpu ${id}`);
      show_bar(row.bar, share);
      set_text(row.value, share ? `${whole(share.busy * 100)} %` : "–");
      row.element.title = words_of(share);
    });
    const full = this.cores.filter(({ share }) => share && share.busy >= 0.9).length;
    this.all_words = `${whole(this.cores.length)} cores, ${whole(full)} of them at 90 % or more`;
    if (this.canvas.getAttribute("aria-label") !== this.all_words)
      this.canvas.setAttribute("aria-label", this.all_words);
    this.#draw_grid();
  }

  #draw_grid() {
    const width = this.canvas.clientWidth;
    if (width === 0 || !this.cores) return;
    const pitch = CELL.width + CELL.gap;
    this.columns = Math.max(1, Math.floor((width + CELL.gap) / pitch));
    const height = Math.ceil(this.cores.length / this.columns) * (CELL.height + CELL.gap);
    if (this.canvas.style.height !== `${height}px`) this.canvas.style.height = `${height}px`;
    const { context } = surface(this.canvas);
    const ink = palette();
    this.cores.forEach(({ share }, i) => {
      const x = (i % this.columns) * pitch;
      const top = Math.floor(i / this.columns) * (CELL.height + CELL.gap);
      context.fillStyle = ink.idle;
      context.fillRect(x, top, CELL.width, CELL.height);
      let level = top + CELL.height;
      MODES.forEach(({ name }, mode) => {
        const part = name === "idle" || !share ? 0 : share.parts[mode] * CELL.height;
        if (part <= 0) return;
        context.fillStyle = ink[name];
        context.fillRect(x, level - part, CELL.width, part);
        level -= part;
      });
      if (i === this.chosen) {
        context.strokeStyle = ink.text;
        context.lineWidth = 2;
        context.strokeRect(x - 1, top - 1, CELL.width + 2, CELL.height + 2);
      }
    });
    const chosen = this.cores[this.chosen];
    set_text(
      this.readout,
      chosen
        ? `cpu ${chosen.id}: ${words_of(chosen.share)}`
        : `${this.all_words}. Point at one, or use the arrow keys.`,
    );
  }

  #choose(i) {
    this.chosen = i === undefined ? undefined : Math.max(0, Math.min(this.cores.length - 1, i));
    this.#draw_grid();
  }

  #point(event) {
    const column = Math.min(this.columns - 1, Math.floor(event.offsetX / (CELL.width + CELL.gap)));
    const i = Math.floor(event.offsetY / (CELL.height + CELL.gap)) * this.columns + column;
    this.#choose(i < this.cores.length ? i : undefined);
  }

  #on_key(event) {
    const at = this.chosen ?? -1;
    const next = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at < 0 ? 0 : at + this.columns,
      ArrowUp: at - this.columns,
      Home: 0,
      End: this.cores.length - 1,
    }[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#choose(next);
  }
}
