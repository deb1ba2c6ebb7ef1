// The page as a whole: which view is in front, one question a second for it, and what the header says of the exporter.

import { duration, set_text, whole } from "./format.js";
import { ask } from "./exporter.js";
import { Fleet } from "./fleet.js";
import { Machine } from "./machine.js";
import { forget_palette } from "./draw.js";
import { fragment_of, route_of } from "./route.js";
import { start_theme } from "./theme.js";

const PERIOD_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;
/** The counts of the header come with the list; beside one machine they are asked for this often. */
const COUNTS_MS = 5000;

const by_id = (id) => document.getElementById(id);

class App {
  constructor() {
    this.fleet = new Fleet(this);
    this.machine = new Machine(this);
    this.failures = 0;
    this.counts_at = -Infinity;
    window.addEventListener("hashchange", () => this.#enter());
    document.addEventListener("visibilitychange", () => this.#follow_visibility());
    document.addEventListener("keydown", (event) => this.#on_key(event));
    window.addEventListener("resize", () => this.view.redraw());
    by_id("retry").addEventListener("click", () => this.look());
    by_id("skip").addEventListener("click", (event) => {
      event.preventDefault();
      by_id("main").focus();
    });
    start_theme(by_id("theme"), () => {
      forget_palette();
      this.view?.redraw();
    });
    setInterval(() => this.#tick(), PERIOD_MS);
    this.#enter();
  }

  /** Goes to another view, or another choice of the list. */
  navigate(route, { replace = false } = {}) {
    const fragment = fragment_of({ view: "fleet", ...route });
    if (fragment === location.hash) return this.#enter();
    if (!replace) {
      location.hash = fragment;
      return;
    }
    history.replaceState(null, "", fragment);
    this.#enter();
  }

  /** Asks now, and each second from then on. */
  look() {
    this.under_way?.abort();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(), 0);
  }

  show_counts({ counts, version, uptime_ms, time_ms, peak_window_ms }) {
    this.peak_window_ms = peak_window_ms;
    this.counts_at = performance.now();
    const all = counts.alive + counts.silent + counts.gone;
    for (const link of document.querySelectorAll("[data-count]")) {
      const kind = link.dataset.count;
      set_text(link.querySelector("b"), whole(kind === "all" ? all : counts[kind]));
      link.classList.toggle("none", kind !== "all" && counts[kind] === 0);
    }
    const never = document.querySelector("[data-count=gone] small");
    set_text(never, counts.never_came > 0 ? `${whole(counts.never_came)} never came` : "");
    set_text(by_id("version"), `exporter ${version}, up ${duration(uptime_ms)}`);
    this.set_clock(time_ms);
  }

  /** The exporter's clock, as far as this browser knows it. */
  now_ms() {
    return this.clock ? this.clock.exporter_ms + performance.now() - this.clock.at : Date.now();
  }

  /** What the exporter's clock says. */
  set_clock(exporter_ms) {
    this.clock = { exporter_ms, at: performance.now() };
  }

  #enter() {
    const route = route_of(location.hash);
    const view = route.view === "machine" ? this.machine : this.fleet;
    const came_from = this.view;
    if (came_from && came_from !== view) came_from.leave();
    this.view = view;
    view.enter(route);
    for (const link of document.querySelectorAll("[data-count]")) {
      const is_here = route.view === "fleet" && (route.state || "all") === link.dataset.count;
      if (is_here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (came_from && came_from !== view) {
      window.scrollTo({ top: 0 });
      if (view === this.fleet && this.wants_search) this.fleet.focus_search();
      else if (view === this.fleet) this.fleet.focus_row();
      this.wants_search = false;
    }
    this.look();
  }

  async #ask() {
    if (document.hidden) return;
    const began = performance.now();
    const question = new AbortController();
    this.under_way = question;
    try {
      await this.view.refresh(question.signal);
      if (this.view !== this.fleet && began - this.counts_at >= COUNTS_MS) {
        this.show_counts(await ask("api/v1/agents", { limit: 1 }, question.signal));
      }
      this.#on_answer();
    } catch (failure) {
      if (question.signal.aborted) return; // another question is under way in its place
      this.#on_failure(failure);
    }
    if (this.under_way !== question || question.signal.aborted) return;
    this.under_way = undefined;
    clearTimeout(this.timer);
    const pause =
      this.failures === 0 ? PERIOD_MS : Math.min(LONGEST_PAUSE_MS, PERIOD_MS * 2 ** this.failures);
    const rest = this.failures === 0 ? Math.max(0, began + pause - performance.now()) : pause;
    this.next_at = performance.now() + rest;
    this.timer = setTimeout(() => this.#ask(), rest);
    this.#tick();
  }

  #on_answer() {
    this.failures = 0;
    this.answered_at = performance.now();
    if (!by_id("trouble").hidden) {
      by_id("trouble").hidden = true;
      set_text(by_id("trouble-what"), "");
    }
    delete document.documentElement.dataset.stale;
    this.#show_pulse("live", "live");
    this.view.tick(this.now_ms());
  }

  #on_failure(failure) {
    ++this.failures;
    if (failure.status === undefined && !failure.message) console.error(failure);
    by_id("trouble").hidden = false;
    set_text(by_id("trouble-what"), failure.message);
    document.documentElement.dataset.stale = "";
    this.#show_pulse("lost", "no answer");
  }

  /** Once a second, whether answers come or not: what was seen grows older. */
  #tick() {
    if (document.hidden) return;
    this.view.tick(this.now_ms());
    if (this.failures === 0) return;
    const seen =
      this.answered_at === undefined
        ? ""
        : `What you see is ${duration(performance.now() - this.answered_at)} old. `;
    const wait_s = Math.ceil((this.next_at - performance.now()) / 1000);
    set_text(
      by_id("trouble-age"),
      seen + (wait_s > 0 ? `Next try in ${wait_s} s.` : "Trying now."),
    );
  }

  #show_pulse(state, words) {
    by_id("pulse").dataset.state = state;
    set_text(by_id("pulse").lastElementChild, words);
  }

  #follow_visibility() {
    if (!document.hidden) return this.look();
    this.under_way?.abort();
    clearTimeout(this.timer);
    if (this.failures === 0) this.#show_pulse("paused", "paused");
  }

  #on_key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const is_typing = event.target.matches("input[type=search], select, textarea");
    if (event.key === "/" && !is_typing) {
      event.preventDefault();
      if (this.view === this.fleet) {
        this.fleet.focus_search();
      } else {
        this.wants_search = true; // once the list is in front
        this.navigate(this.fleet.route ?? route_of("#/"));
      }
    } else if (event.key === "Escape") {
      if (this.view === this.machine) this.machine.go_back();
      else if (is_typing && event.target.value === "") this.fleet.focus_row();
    }
  }
}

new App();
