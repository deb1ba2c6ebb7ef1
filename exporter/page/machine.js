// One machine, as exactly as the exporter knows it.  What its agent does not send is absent.

import { ask } from "./exporter.js";
import {
  age,
  bytes,
  count,
  date,
  duration,
  load,
  make,
  percent,
  rate,
  set_text,
} from "./format.js";
import { CostMeter, between } from "./counters.js";
import { Cores, Legend, make_bar, show_bar } from "./cores.js";
import { HistoryChart } from "./history_chart.js";
import { summary } from "./history.js";
import { Recorder } from "./recorder.js";
import { heat_of, make_state, show_state, state_of } from "./states.js";
import { fragment_of } from "./route.js";

const share = (value) => (value === undefined ? undefined : percent(value * 100));

/** Names and values; a value that is undefined takes its name with it, the last one the whole section. */
class Facts {
  constructor(title) {
    this.list = make("dl");
    this.element = make("section", { class: "card facts" }, make("h2", {}, title), this.list);
    this.names = "";
  }

  show(facts) {
    const known = facts.filter(([, value]) => value !== undefined && value !== "");
    this.element.hidden = known.length === 0;
    const names = JSON.stringify(known.map(([name]) => name));
    if (names !== this.names) {
      this.names = names;
      this.list.replaceChildren(
        ...known.map(([name]) => make("div", {}, make("dt", {}, name), make("dd"))),
      );
    }
    known.forEach(([, value], i) => set_text(this.list.children[i].lastChild, value));
  }
}

/** A number to be read from across the room. */
class Tile {
  constructor(name) {
    this.name = make("dt", {}, name);
    this.value = make("span");
    this.rest = make("small");
    this.figure = make("dd", {}, this.value, " ", this.rest);
    this.element = make("div", { class: "tile" }, this.name, this.figure);
  }

  show(value, rest = "", heat = "calm") {
    this.element.hidden = value === undefined;
    set_text(this.value, value ?? "");
    set_text(this.rest, rest);
    this.figure.dataset.heat = heat;
  }
}

export class Machine {
  constructor(shell) {
    this.shell = shell;
    this.section = document.getElementById("machine");
  }

  /** `route`: {endpoint, recorder}. */
  enter(route) {
    this.section.hidden = false;
    if (route.endpoint !== this.route?.endpoint) {
      this.route = route;
      this.#begin();
    }
    this.route = route;
    document.title = `${route.endpoint} · cpu-monitor`;
    if (route.recorder) this.recorder.open();
    else this.recorder.close();
    this.redraw();
    if (!this.section.contains(document.activeElement)) this.title.focus({ preventScroll: true });
  }

  leave() {
    this.section.hidden = true;
    this.recorder.close();
  }

  go_back() {
    // The list as it was chosen, not merely the page before: this one may have been opened by a link.
    this.shell.navigate(this.shell.fleet.route ?? { state: "", search: "", sort: "busy", page: 1 });
  }

  async refresh(signal) {
    const { endpoint } = this.route;
    let answer;
    try {
      answer = await ask(`api/v1/agents/${encodeURIComponent(endpoint)}`, {}, signal);
    } catch (failure) {
      if (failure.status !== 404) throw failure;
      this.#show_unknown();
      return;
    }
    this.shell.set_clock(answer.time_ms);
    this.#take(answer);
  }

  tick(now_ms) {
    if (!this.agent) return;
    const { last_sample_ms, has_come } = this.agent;
    set_text(
      this.seen,
      has_come === false || last_sample_ms === undefined
        ? "expected, but it has not come since the exporter started"
        : `last seen ${age(Math.max(0, now_ms - last_sample_ms))}`,
    );
  }

  redraw() {
    this.chart?.draw();
    this.cores?.draw();
    this.recorder?.draw();
  }

  #begin() {
    this.agent = this.history = this.counted = this.change = this.cost = undefined;
    this.cost_meter = new CostMeter();
    const { endpoint } = this.route;
    this.recorder?.close();
    this.recorder = new Recorder(endpoint, (is_open) => {
      this.shell.navigate({ ...this.route, recorder: is_open }, { replace: true });
    });
    this.title = make("h1", { id: "machine-title", tabindex: "-1" }, endpoint);
    this.state = make_state();
    this.seen = make("span", { class: "muted" });
    this.unknown = make("div", { class: "empty", hidden: true });
    this.tiles = {
      busy: new Tile("Busy"),
      peak: new Tile("Peak"),
      core: new Tile("Busiest core, peak"),
      steal: new Tile("Steal, peak"),
      load: new Tile("Load, 1 5 15 min"),
      tasks: new Tile("Running tasks"),
      waiting: new Tile("Waiting for CPU"),
    };
    this.chart = new HistoryChart();
    this.history_card = make(
      "section",
      { class: "card" },
      make("h2", {}, "Last 5 minutes"),
      this.chart.element,
    );
    this.total = make_bar();
    this.legend = new Legend();
    this.cores = new Cores();
    this.modes_note = make(
      "p",
      { class: "muted" },
      "Measured between two samples: a second more, please.",
    );
    this.modes_body = make("div", {}, this.total, this.legend.element, this.cores.element);
    this.modes_card = make(
      "section",
      { class: "card", hidden: true },
      make("h2", {}, "Modes and cores"),
      this.modes_note,
      this.modes_body,
    );
    this.facts = {
      pressure: new Facts("Pressure and throttling"),
      cgroup: new Facts("The agent's cgroup"),
      host: new Facts("Host"),
      temperature: new Facts("Temperature"),
      labels: new Facts("Labels"),
      agent: new Facts("Agent"),
      discarded: new Facts("Readings the agent discarded"),
    };
    const back = make(
      "a",
      {
        class: "back",
        href: "#/",
        click: (event) => {
          event.preventDefault();
          this.go_back();
        },
      },
      "← Machines",
    );
    this.known = make(
      "div",
      { hidden: true },
      make("dl", { class: "tiles" }, ...Object.values(this.tiles).map(({ element }) => element)),
      this.history_card,
      this.recorder.element,
      this.modes_card,
      make("div", { class: "columns" }, ...Object.values(this.facts).map(({ element }) => element)),
    );
    this.section.replaceChildren(
      back,
      make("div", { class: "heading" }, this.title, this.state, this.seen),
      this.unknown,
      this.known,
    );
  }

  #show_unknown() {
    this.agent = undefined;
    this.history = undefined;
    this.known.hidden = true;
    this.state.hidden = true;
    set_text(this.seen, "");
    if (this.unknown.hidden) {
      this.unknown.hidden = false;
      this.unknown.replaceChildren(
        make(
          "p",
          { role: "status" },
          "The exporter knows no machine of this name. It shows here as soon as one comes.",
        ),
        make(
          "p",
          {},
          make(
            "a",
            {
              href: fragment_of({
                view: "fleet",
                state: "",
                search: this.route.endpoint,
                sort: "busy",
                page: 1,
              }),
            },
            "Search for it in the list",
          ),
        ),
      );
    }
  }

  #take(agent) {
    this.agent = agent;
    this.unknown.hidden = true;
    this.known.hidden = false;
    this.state.hidden = false;
    this.history = agent.history;
    this.#count(agent);
    this.cost = this.cost_meter.take(agent);
    show_state(this.state, agent);
    this.section.dataset.state = state_of(agent);
    this.#show_tiles(agent);
    this.history_card.hidden = !this.history || !summary(this.history);
    if (!this.history_card.hidden) this.chart.show(this.history);
    this.#show_modes(agent);
    this.#show_facts(agent);
    this.recorder.element.hidden = agent.has_come === false;
    this.recorder.draw();
  }

  /** Keeps what happened between the last two samples that differ. */
  #count(agent) {
    if (agent.sample_uptime_ms === undefined) {
      this.counted = this.change = undefined;
      return;
    }
    if (this.counted?.sample_uptime_ms === agent.sample_uptime_ms) return;
    const change = this.counted && between(this.counted, agent);
    if (change || agent.sample_uptime_ms < (this.counted?.sample_uptime_ms ?? 0))
      this.change = change;
    this.counted = agent;
  }

  #show_tiles(agent) {
    const { tiles, change } = this;
    const known = (value) => (value === undefined ? undefined : percent(value));
    tiles.busy.show(known(agent.percent), "", heat_of(agent.percent ?? 0));
    tiles.peak.show(known(agent.peak));
    tiles.core.show(known(agent.busiest_core_peak));
    tiles.steal.show(known(agent.steal_peak));
    const { peak_window_ms } = this.shell;
    if (peak_window_ms) set_text(tiles.peak.name, `Peak, ${duration(peak_window_ms)}`);
    const [one, ...longer] = agent.load?.map(load) ?? [];
    tiles.load.show(one, longer.join("  "));
    tiles.tasks.show(
      agent.running === undefined ? undefined : String(agent.running),
      agent.blocked === undefined ? "" : `${agent.blocked} blocked`,
    );
    tiles.waiting.show(share(change?.waiting));
  }

  #show_modes(agent) {
    this.modes_card.hidden = !agent.cpu;
    if (!agent.cpu) return;
    const { change } = this;
    this.modes_note.hidden = change !== undefined;
    this.modes_body.hidden = change === undefined;
    if (!change) return;
    show_bar(this.total, change.total);
    this.legend.show(change.total);
    this.cores.show(change.cores);
  }

  #show_facts(agent) {
    const { facts, change } = this;
    const { host, cgroup, throttles, self } = agent;
    const per_second = (value) => (value === undefined ? undefined : `${rate(value)} a second`);
    facts.pressure.show([
      ["Some task waited for a CPU", share(change?.waiting)],
      ["Stalled by interrupts", share(change?.irq_stalled)],
      ["Steal now", change?.total ? percent(change.total.parts[5] * 100) : undefined],
      [
        "Core throttled",
        throttles?.core === undefined ? undefined : times(throttles.core, change?.core_throttles),
      ],
      [
        "Package throttled",
        throttles?.package === undefined
          ? undefined
          : times(throttles.package, change?.package_throttles),
      ],
      ["Context switches", per_second(change?.context_switches)],
      ["Interrupts", per_second(change?.interrupts)],
      ["Forks", per_second(change?.forks)],
    ]);
    facts.cgroup.show([
      ["Quota", cgroup?.quota_cores === undefined ? undefined : count(cgroup.quota_cores, "core")],
      [
        "Uses",
        cgroup && change?.cgroup_cores !== undefined
          ? `${change.cgroup_cores.toFixed(3)} cores`
          : undefined,
      ],
      ["Periods throttled now", share(change?.cgroup_throttled)],
      [
        "Periods throttled ever",
        cgroup?.periods > 0 && cgroup.throttled_periods !== undefined
          ? percent((100 * cgroup.throttled_periods) / cgroup.periods)
          : undefined,
      ],
      [
        "Throttled for",
        cgroup?.throttled_us === undefined ? undefined : duration(cgroup.throttled_us / 1000),
      ],
    ]);
    facts.host.show([
      ["CPUs", agent.cpus === undefined ? undefined : String(agent.cpus)],
      [
        "Up for",
        agent.sample_uptime_ms === undefined ? undefined : duration(agent.sample_uptime_ms),
      ],
      ["Booted", agent.boot_time_ms === undefined ? undefined : date(agent.boot_time_ms)],
      ["Host name", host?.nodename],
      ["Domain", host?.domainname === "(none)" ? undefined : host?.domainname], // what the kernel says for none
      ["System", host && [host.sysname, host.release].filter(Boolean).join(" ")],
      ["Version", host?.version],
      ["Machine", host?.machine],
    ]);
    facts.temperature.show(
      (agent.temperature ?? []).map(({ zone, type, celsius }) => [
        `${type ?? "zone"} ${zone ?? ""}`.trim(),
        `${celsius.toFixed(1)} °C`,
      ]),
    );
    facts.labels.show(Object.entries(agent.labels ?? {}));
    facts.agent.show([
      ["Version", agent.agent_version],
      ["Last sample", agent.last_sample_ms === undefined ? undefined : date(agent.last_sample_ms)],
      [
        "Pushes every",
        agent.push_interval_ms === undefined ? undefined : duration(agent.push_interval_ms),
      ],
      ["Connected", agent.connects === undefined ? undefined : count(agent.connects, "time")],
      ["Its clock", agent.clock_skew_ms === undefined ? undefined : skew(agent.clock_skew_ms)],
      [
        "Its CPU now",
        this.cost === undefined ? undefined : `${(this.cost * 100).toFixed(2)} % of a core`,
      ],
      [
        "Its CPU since it started",
        self?.cpu_seconds === undefined ? undefined : duration(self.cpu_seconds * 1000),
      ],
      ["Its memory", self?.resident_bytes === undefined ? undefined : bytes(self.resident_bytes)],
      [
        "Expected",
        agent.expected === undefined
          ? undefined
          : agent.expected
            ? "yes, listed in the tokens file"
            : "no",
      ],
    ]);
    facts.discarded.show(
      Object.entries(agent.discarded ?? {}).map(([reason, many]) => [
        reason.replaceAll("_", " "),
        String(many),
      ]),
    );
  }
}

const times = (ever, now) =>
  `${count(ever, "time")}${now > 0 ? `, ${now} of them in the last second` : ""}`;

function skew(ms) {
  if (Math.abs(ms) < 1) return "as the exporter's";
  return `${Math.abs(ms) < 1000 ? `${Math.round(Math.abs(ms))}\u00a0ms` : duration(Math.abs(ms))} ${ms > 0 ? "ahead of" : "behind"} the exporter's`;
}
