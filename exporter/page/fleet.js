// The list of machines: one page of it, as the exporter orders it.

import { ask } from "./exporter.js";
import { DASH, age, duration, load, make, percent, set_text, whole } from "./format.js";
import { SLOTS, merged, summary } from "./history.js";
import { draw_slots, surface } from "./draw.js";
import { heat_of, make_state, show_state } from "./states.js";
import { fragment_of } from "./route.js";

const PAGE_SIZE = 50;
/** Rows change places this often at most, and not under the reader's finger. */
const REORDER_MS = 5000;
const POINTER_RESTS_MS = 10_000;
const FOCUS_RESTS_MS = 30_000;
/** A row that so many answers did not hold has left this page. */
const ANSWERS_MISSED = 3;
const KEPT_HISTORIES = 400;

const by_id = (id) => document.getElementById(id);

class Row {
  constructor(endpoint) {
    this.endpoint = endpoint;
    this.missed = 0;
    this.link = make(
      "a",
      { href: fragment_of({ view: "machine", endpoint }), tabindex: "-1" },
      endpoint,
    );
    this.state = make_state();
    this.number = make("span", { class: "number" });
    this.fill = make("i");
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.words = make("span", { class: "unseen" });
    const cell = (name, ...children) => make("td", { role: "cell", class: name }, ...children);
    this.peak = cell("peak");
    this.load = cell("load");
    this.cpus = cell("cpus");
    this.seen = cell("seen");
    this.agent = cell("agent");
    this.element = make(
      "tr",
      { role: "row" },
      make("th", { role: "rowheader", scope: "row", class: "name" }, this.link),
      cell("state", this.state),
      cell("busy", this.number, make("span", { class: "meter", "aria-hidden": "true" }, this.fill)),
      this.peak,
      cell("spark", this.canvas, this.words),
      this.load,
      this.cpus,
      this.seen,
      this.agent,
    );
  }

  show(agent, history) {
    this.missed = 0;
    this.last_sample_ms = agent.last_sample_ms;
    show_state(this.state, agent);
    this.element.dataset.state = agent.state;
    set_text(this.number, percent(agent.percent));
    this.fill.style.width = `${agent.percent ?? 0}%`;
    this.fill.className = heat_of(agent.percent ?? 0);
    set_text(this.peak, percent(agent.peak));
    set_text(this.load, agent.load ? load(agent.load[0]) : DASH);
    this.load.title = agent.load ? `over 1, 5 and 15 minutes: ${agent.load.join(", ")}` : "";
    set_text(this.cpus, agent.cpus === undefined ? DASH : String(agent.cpus));
    set_text(this.agent, agent.agent_version ?? DASH);
    if (history !== this.history) {
      this.history = history;
      this.draw();
    }
  }

  /** `now_ms` by the exporter's clock. */
  show_age(now_ms) {
    set_text(
      this.seen,
      this.last_sample_ms === undefined ? "never" : age(Math.max(0, now_ms - this.last_sample_ms)),
    );
  }

  draw() {
    const drawn = surface(this.canvas);
    if (!drawn) return;
    const seen = this.history && summary(this.history);
    set_text(
      this.words,
      seen ? `average ${whole(seen.average)} %, highest ${seen.highest} %` : "nothing known",
    );
    if (seen)
      draw_slots(drawn.context, this.history, {
        x: 0,
        y: 1,
        width: drawn.width,
        height: drawn.height - 2,
      });
  }
}

export class Fleet {
  /** `shell`: show_counts(answer), navigate(route, {replace}), look(): ask at once. */
  constructor(shell) {
    this.shell = shell;
    this.section = by_id("fleet");
    this.body = by_id("rows");
    this.rows = new Map();
    this.order = [];
    this.histories = new Map();
    this.pointer_at = -Infinity;
    this.key_at = -Infinity;
    this.#listen();
  }

  /** Comes to the front with what `route` asks for: {state, search, sort, page}. */
  enter(route) {
    const has_changed = JSON.stringify(route) !== JSON.stringify(this.route);
    this.route = route;
    this.section.hidden = false;
    if (document.activeElement !== by_id("search")) by_id("search").value = route.search;
    by_id("sort").value = route.sort;
    for (const header of this.section.querySelectorAll("th[data-sort]")) {
      if (header.dataset.sort === route.sort)
        header.setAttribute(
          "aria-sort",
          header.dataset.sort === "name" ? "ascending" : "descending",
        );
      else header.removeAttribute("aria-sort");
    }
    if (has_changed) this.is_fresh = true;
    this.redraw();
    this.tell_title();
  }

  leave() {
    this.section.hidden = true;
  }

  async refresh(signal) {
    const { search, state, sort, page } = this.route;
    const answer = await ask(
      "api/v1/agents",
      {
        search,
        state,
        sort,
        offset: (page - 1) * PAGE_SIZE,
        limit: PAGE_SIZE,
        history: this.#lacks_history() ? SLOTS : 2,
      },
      signal,
    );
    this.shell.show_counts(answer);
    this.#take(answer);
  }

  /** `now_ms` by the exporter's clock. */
  tick(now_ms) {
    for (const endpoint of this.order) this.rows.get(endpoint).show_age(now_ms);
    by_id("held").hidden = !this.#is_held();
  }

  redraw() {
    for (const endpoint of this.order) this.rows.get(endpoint).draw();
  }

  tell_title() {
    const { silent, gone } = this.counts ?? {};
    const trouble = [gone && `${whole(gone)} gone`, silent && `${whole(silent)} silent`]
      .filter(Boolean)
      .join(", ");
    document.title = trouble ? `${trouble} · cpu-monitor` : "cpu-monitor";
  }

  focus_search() {
    by_id("search").focus();
    by_id("search").select();
  }

  /** The row that was last used, or the first. */
  focus_row() {
    (this.#current_link() ?? by_id("search")).focus();
  }

  #take(answer) {
    this.counts = answer.counts;
    this.tell_title();
    const pages = Math.max(1, Math.ceil(answer.matching / PAGE_SIZE));
    if (answer.agents.length === 0 && this.route.page > pages) {
      this.shell.navigate({ ...this.route, page: pages }, { replace: true });
      return;
    }
    if (answer.peak_window_ms)
      set_text(by_id("peak-window"), `, ${duration(answer.peak_window_ms)}`);
    const names = answer.agents.map(({ endpoint }) => endpoint);
    for (const agent of answer.agents) this.#keep_history(agent);
    if (this.#may_reorder(names, answer.matching)) {
      this.is_fresh = false;
      this.ordered_at = performance.now();
      this.#lay(names);
    } else if (answer.matching <= PAGE_SIZE) {
      this.#lay([...this.order, ...names.filter((name) => !this.order.includes(name))]);
    }
    const agents = new Map(answer.agents.map((agent) => [agent.endpoint, agent]));
    for (const endpoint of this.order) {
      const row = this.rows.get(endpoint);
      const agent = agents.get(endpoint);
      if (agent) row.show(agent, this.histories.get(endpoint));
      else ++row.missed;
      row.element.classList.toggle("left", row.missed >= ANSWERS_MISSED);
    }
    this.#show_place(answer, pages);
    if (this.#lacks_history() && !this.has_asked_again) {
      this.has_asked_again = true;
      this.shell.look();
    } else {
      this.has_asked_again = false;
    }
  }

  #keep_history({ endpoint, history }) {
    if (!history) return;
    const kept = merged(this.histories.get(endpoint), history);
    this.histories.delete(endpoint); // the newest stand last
    if (kept) this.histories.set(endpoint, kept);
    if (this.histories.size > KEPT_HISTORIES)
      this.histories.delete(this.histories.keys().next().value);
  }

  #lacks_history() {
    if (this.is_fresh || this.order.length === 0) return true;
    return this.order.some(
      (name) => !this.histories.has(name) && this.rows.get(name).last_sample_ms !== undefined,
    );
  }

  #may_reorder(names, matching) {
    if (this.is_fresh) return true;
    if (this.#is_held()) return false;
    if (performance.now() - this.ordered_at >= REORDER_MS) return true;
    return matching <= PAGE_SIZE && names.length !== this.order.length;
  }

  #is_held() {
    const now = performance.now();
    if (now - this.pointer_at < POINTER_RESTS_MS) return true;
    return this.body.contains(document.activeElement) && now - this.key_at < FOCUS_RESTS_MS;
  }

  /** Puts the rows of `names` there, in this order.  A row keeps its element, and the focus. */
  #lay(names) {
    if (names.length === this.order.length && names.every((name, i) => name === this.order[i]))
      return;
    const focused = this.body.contains(document.activeElement)
      ? document.activeElement.closest("tr")
      : null;
    const place = focused ? [...this.body.children].indexOf(focused) : -1;
    const wanted = new Set(names);
    for (const [name, row] of this.rows) {
      if (!wanted.has(name)) {
        row.element.remove();
        this.rows.delete(name);
      }
    }
    let before = this.body.firstChild;
    for (const name of names) {
      const row = this.rows.get(name) ?? new Row(name);
      this.rows.set(name, row);
      if (row.element === before) before = before.nextSibling;
      else this.body.insertBefore(row.element, before);
    }
    this.order = names;
    this.#make_reachable(this.#current_link());
    if (focused)
      (focused.isConnected ? focused : this.body.children[Math.min(place, names.length - 1)])
        ?.querySelector("a")
        .focus();
  }

  #show_place(answer, pages) {
    const { page, search, state } = this.route;
    const first = answer.offset + 1;
    const last = answer.offset + answer.agents.length;
    by_id("pages").hidden = pages === 1;
    set_text(by_id("range"), `${whole(first)}–${whole(last)} of ${whole(answer.matching)}`);
    for (const id of ["first", "previous"]) by_id(id).disabled = page === 1;
    for (const id of ["next", "last"]) by_id(id).disabled = page >= pages;
    this.pages = pages;
    const is_chosen = search !== "" || state !== "";
    set_text(
      by_id("found"),
      is_chosen && answer.matching > 0
        ? answer.matching === 1
          ? "1 machine matches"
          : `${whole(answer.matching)} machines match`
        : "",
    );
    const table = this.body.parentElement;
    table.hidden = answer.matching === 0;
    by_id("nothing").hidden = answer.matching > 0;
    if (answer.matching === 0) this.#show_nothing(is_chosen);
  }

  #show_nothing(is_chosen) {
    const { search, state } = this.route;
    const nothing = by_id("nothing");
    const words = !is_chosen
      ? ""
      : search
        ? `No ${state ? `${state} ` : ""}machine has “${search}” in its name.`
        : `No machine is ${state}.`;
    if (nothing.dataset.words === words && nothing.firstChild) return;
    nothing.dataset.words = words;
    if (!is_chosen) {
      nothing.replaceChildren(by_id("first-steps").content.cloneNode(true));
      return;
    }
    nothing.replaceChildren(
      make("p", { role: "status" }, words),
      make(
        "button",
        { type: "button", click: () => this.#choose({ search: "", state: "" }) },
        "Show all machines",
      ),
    );
  }

  /** Another choice begins at its first page. */
  #choose(change, { replace = false } = {}) {
    if ("search" in change) by_id("search").value = change.search;
    this.shell.navigate({ ...this.route, page: 1, ...change }, { replace });
  }

  #turn_to(page) {
    if (page < 1 || page > this.pages || page === this.route.page) return;
    this.#choose({ page }, { replace: true });
    window.scrollTo({ top: 0 });
  }

  #current_link() {
    return this.body.querySelector("a[tabindex='0']") ?? this.body.querySelector("a");
  }

  /** Tab comes to one row; the arrows go on from there. */
  #make_reachable(link) {
    for (const other of this.body.querySelectorAll("a[tabindex='0']")) other.tabIndex = -1;
    if (link) link.tabIndex = 0;
  }

  #move_focus(event) {
    const links = [...this.body.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return false;
    links[Math.max(0, Math.min(links.length - 1, next))]?.focus();
    return true;
  }

  #listen() {
    let typing;
    by_id("search").addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(
        () => this.#choose({ search: event.target.value.trim() }, { replace: true }),
        150,
      );
    });
    by_id("search").addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.#current_link()?.focus();
      else if (event.key === "Enter") this.body.querySelector("a")?.focus();
      else return;
      event.preventDefault();
    });
    by_id("sort").addEventListener("change", (event) =>
      this.#choose({ sort: event.target.value }, { replace: true }),
    );
    for (const header of this.section.querySelectorAll("th[data-sort] button")) {
      header.addEventListener("click", () =>
        this.#choose({ sort: header.parentElement.dataset.sort }, { replace: true }),
      );
    }
    by_id("first").addEventListener("click", () => this.#turn_to(1));
    by_id("previous").addEventListener("click", () => this.#turn_to(this.route.page - 1));
    by_id("next").addEventListener("click", () => this.#turn_to(this.route.page + 1));
    by_id("last").addEventListener("click", () => this.#turn_to(this.pages));

    this.body.addEventListener("pointermove", () => (this.pointer_at = performance.now()));
    this.body.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") this.pointer_at = -Infinity;
    });
    this.body.addEventListener("focusin", (event) => {
      this.key_at = performance.now();
      this.#make_reachable(event.target);
    });
    this.body.addEventListener("keydown", (event) => {
      this.key_at = performance.now();
      if (event.key === "PageDown") this.#turn_to(this.route.page + 1);
      else if (event.key === "PageUp") this.#turn_to(this.route.page - 1);
      else if (!this.#move_focus(event)) return;
      event.preventDefault();
    });
    this.body.addEventListener("click", (event) => {
      if (event.target.closest("a") || String(window.getSelection())) return;
      const link = event.target.closest("tr")?.querySelector("a");
      if (link)
        this.shell.navigate({ view: "machine", endpoint: link.textContent, recorder: false });
    });
  }
}
