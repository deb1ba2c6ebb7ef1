// The flight recorder: the readings that the agent itself kept, every 100 ms of the last minutes.

import { ask } from "./exporter.js";
import { clock, count, duration, make, set_text, zone } from "./format.js";
import { BURST, bursts_of, holes_of, nearest } from "./bursts.js";
import { Readings } from "./readings.js";

const LAST = "10m";
const PATIENCE_MS = 30_000;
const FEWEST_READINGS = 10;
const MOST_BURSTS = 30;
/** A burst is shown with this much around it. */
const AROUND_MS = 1500;

const ORDERS = {
  start: { title: "Start", order: (a, b) => b.start_ms - a.start_ms },
  length: { title: "Length", order: (a, b) => b.length_ms - a.length_ms || b.highest - a.highest },
  highest: {
    title: "Highest",
    order: (a, b) => b.highest - a.highest || b.length_ms - a.length_ms,
  },
};

const span_words = (ms) => (ms < 1000 ? `${ms} ms` : duration(ms));

export class Recorder {
  /** `on_toggle(is_open)`: the reader wants it open, or closed. */
  constructor(endpoint, on_toggle) {
    this.endpoint = endpoint;
    this.order = "highest";
    this.is_open = false;
    this.toggle = make("button", {
      type: "button",
      "aria-expanded": "false",
      click: () => on_toggle(!this.is_open),
    });
    this.again = make(
      "button",
      { type: "button", class: "quiet", click: () => this.#load() },
      "Load again",
    );
    this.status = make("p", { class: "muted", role: "status" });
    this.body = make("div", { class: "recorder", hidden: true });
    this.element = make(
      "section",
      { class: "card" },
      make(
        "div",
        { class: "card-head" },
        make("h2", {}, "Flight recorder"),
        this.toggle,
        this.again,
      ),
      this.status,
      this.body,
    );
    this.#show_toggle();
  }

  open() {
    if (this.is_open) return;
    this.is_open = true;
    this.#show_toggle();
    this.#load();
  }

  close() {
    this.is_open = false;
    this.question?.abort();
    this.body.hidden = true;
    this.#show_toggle();
  }

  draw() {
    if (!this.body.hidden) this.readings.draw();
  }

  #show_toggle() {
    set_text(this.toggle, this.is_open ? "Close" : "Show the last 10 minutes");
    this.toggle.setAttribute("aria-expanded", String(this.is_open));
    this.again.hidden = !this.is_open;
    if (!this.is_open) set_text(this.status, "");
  }

  async #load() {
    this.question?.abort();
    const question = new AbortController();
    this.question = question;
    set_text(this.status, `Asking ${this.endpoint} for what it recorded …`);
    this.status.classList.remove("bad");
    try {
      const recording = await ask(
        `agents/${encodeURIComponent(this.endpoint)}/recording`,
        { last: LAST },
        question.signal,
        PATIENCE_MS,
      );
      if (!question.signal.aborted) this.#show(recording);
    } catch (failure) {
      if (question.signal.aborted) return;
      this.status.classList.add("bad");
      set_text(this.status, failure.message);
    }
  }

  #show(recording) {
    this.recording = recording;
    const { time_ms, interval_ms } = recording;
    if (time_ms.length === 0) {
      this.body.hidden = true;
      set_text(this.status, "Its agent has recorded nothing yet.");
      return;
    }
    this.bursts = bursts_of(recording);
    const holes = holes_of(recording);
    const missing = holes.reduce((sum, { from_ms, to_ms }) => sum + to_ms - from_ms, 0);
    const from = time_ms[0] - interval_ms;
    const to = time_ms.at(-1);
    set_text(
      this.status,
      `${count(time_ms.length, "reading")} from ${clock(from, true)} to ${clock(to, true)} (${zone(to)})` +
        (holes.length
          ? `; ${count(holes.length, "hole")}, ${duration(missing)} without readings`
          : ", without a hole") +
        ".",
    );
    this.#build(from, to, holes);
    this.body.hidden = false;
    this.readings.draw();
  }

  #build(from_ms, to_ms, holes) {
    this.readings = new Readings(this.recording, { from_ms, to_ms }, holes, FEWEST_READINGS);
    this.table = make("div");
    this.body.replaceChildren(this.readings.element, this.table);
    this.#list_bursts();
  }

  #list_bursts() {
    if (this.bursts.length === 0) {
      const highest = this.recording.busy.reduce(
        (best, busy, i, all) => ((busy ?? -1) > (all[best] ?? -1) ? i : best),
        0,
      );
      const at = this.recording.time_ms[highest];
      this.table.replaceChildren(
        make(
          "p",
          { class: "muted" },
          `No reading reached ${BURST} %. The highest is ${this.recording.busy[highest] ?? 0} %, at `,
          make(
            "button",
            { type: "button", class: "link", click: () => this.#zoom_to(at, at) },
            clock(at, true),
          ),
          ".",
        ),
      );
      return;
    }
    const chosen = [...this.bursts].sort(ORDERS[this.order].order).slice(0, MOST_BURSTS);
    const header = (key) =>
      make(
        "th",
        { scope: "col", "aria-sort": key === this.order ? "descending" : undefined },
        make(
          "button",
          {
            type: "button",
            click: () => {
              this.order = key;
              this.#list_bursts();
              this.table.querySelector("[aria-sort] button").focus();
            },
          },
          ORDERS[key].title,
        ),
      );
    this.table.replaceChildren(
      make(
        "table",
        { class: "bursts" },
        make(
          "caption",
          {},
          `${count(this.bursts.length, "burst")} at ${BURST} % or more${this.bursts.length > MOST_BURSTS ? `, ${MOST_BURSTS} of them here` : ""}`,
        ),
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            header("start"),
            header("length"),
            header("highest"),
            make("th", { scope: "col" }, "Busiest core"),
          ),
        ),
        make(
          "tbody",
          {},
          ...chosen.map((burst) =>
            make(
              "tr",
              {},
              make(
                "td",
                {},
                make(
                  "button",
                  {
                    type: "button",
                    class: "link",
                    click: () => this.#zoom_to(burst.start_ms, burst.end_ms),
                  },
                  clock(burst.start_ms, true),
                ),
              ),
              make("td", {}, span_words(burst.length_ms)),
              make("td", {}, `${burst.highest.toFixed(1)} %`),
              make("td", {}, `${burst.busiest_core.toFixed(1)} %`),
            ),
          ),
        ),
      ),
    );
  }

  #zoom_to(from_ms, to_ms) {
    this.readings.zoom(from_ms - AROUND_MS, to_ms + AROUND_MS);
    this.readings.choose(nearest(this.recording, from_ms + this.recording.interval_ms));
    this.readings.element.scrollIntoView({ block: "nearest" });
  }
}
