// An exporter without a fleet behind it: the page's files and its API, answered from invented machines.
//
//   node mock_exporter.js [MACHINES [PORT]]     looks at the page by hand
//
// It knows no clock but the system's, and no machine keeps anything: what one did at a time is worked out from its
// number and that time, so that 10,000 of them cost nothing.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const PAGE = new URL("../../exporter/page/", import.meta.url);
const TYPES = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STEP_MS = 2000;
const SLOTS = 150;
const READING_MS = 100;
const EDGES = [10, 25, 50, 75, 90, 95, 99, 100];

/** 0..1, the same for the same numbers. */
function noise(...numbers) {
  let hash = 0x811c9dc5;
  for (const number of numbers) {
    hash = Math.imul(hash ^ (number >>> 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  }
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** A slow wave between knots of noise. */
function wave(seed, time, period) {
  const at = time / period;
  const knot = Math.floor(at);
  const x = at - knot;
  const ease = x * x * (3 - 2 * x);
  return noise(seed, knot) * (1 - ease) + noise(seed, knot + 1) * ease;
}

const one_decimal = (value) => Math.round(value * 10) / 10;
const half = (value) => Math.round(value * 2) / 2;
const clamp = (value) => Math.max(0, Math.min(100, value));

/** One invented machine.  Its public fields are the test's to change. */
export class MockMachine {
  constructor(number, fields = {}) {
    this.number = number;
    this.endpoint = `web-${number}`;
    this.state = "alive";
    this.expected = false;
    this.has_come = true;
    this.cpus = [2, 4, 8, 8, 16, 32, 64, 96][Math.floor(noise(number, 3) * 8)];
    this.load = true;
    this.recording = true;
    this.fixed_percent = undefined;
    this.silent_for_ms = 0;
    this.burst_rate = noise(number, 13) < 0.4 ? 0.02 : 0; // the part of the seconds that hold one
    Object.assign(this, fields);
    this.level = 3 + 85 * noise(this.number, 1) ** 3;
    this.born_ms = Date.now() - 86_400_000 * 12.3;
  }

  percent_at(time) {
    if (this.fixed_percent !== undefined) return this.fixed_percent;
    const swing = 0.4 + 1.2 * wave(this.number, time, 40_000);
    return one_decimal(
      clamp(this.level * swing + 6 * (noise(this.number, Math.floor(time / 1000)) - 0.5)),
    );
  }

  /** Bursts: some seconds hold a few readings near 100. */
  burst_at(time) {
    const second = Math.floor(time / 1000);
    if (noise(this.number, second, 7) > this.burst_rate) return 0;
    const start = Math.floor(noise(this.number, second, 8) * 7);
    const length = 1 + Math.floor(noise(this.number, second, 9) * 4);
    const at = Math.floor((time % 1000) / READING_MS);
    return at >= start && at < start + length ? 90 + half(10 * noise(this.number, second, 10)) : 0;
  }

  reading_at(time) {
    const calm = clamp(
      this.percent_at(time) * (0.7 + 0.6 * noise(this.number, Math.floor(time / READING_MS), 5)),
    );
    return half(clamp(Math.max(calm, this.burst_at(time))));
  }

  peak_within(from, to) {
    let peak = 0;
    for (let second = Math.floor(from / 1000); second * 1000 < to; ++second) {
      const has_burst = noise(this.number, second, 7) <= this.burst_rate;
      peak = Math.max(
        peak,
        has_burst
          ? 90 + half(10 * noise(this.number, second, 10))
          : this.percent_at(second * 1000) * 1.2,
      );
    }
    return clamp(peak);
  }

  last_sample_ms(now) {
    return now - this.silent_for_ms - Math.floor(noise(this.number, 2) * 900);
  }

  history(now, slots) {
    const end = Math.ceil(now / STEP_MS) * STEP_MS;
    const percent = [];
    const peak = [];
    for (let slot = slots; slot > 0; --slot) {
      const from = end - slot * STEP_MS;
      if (from + STEP_MS > this.last_sample_ms(now) + STEP_MS) {
        percent.push(null);
        peak.push(null);
      } else {
        const highest = this.peak_within(from, from + STEP_MS);
        percent.push(Math.round(this.percent_at(from)));
        peak.push(EDGES.find((edge) => edge >= highest) ?? 100);
      }
    }
    return { step_ms: STEP_MS, end_ms: end, percent, peak };
  }

  brief(now, slots) {
    const agent = {
      endpoint: this.endpoint,
      state: this.state,
      expected: this.expected,
      has_come: this.has_come,
    };
    if (!this.has_come) return agent;
    agent.last_sample_ms = this.last_sample_ms(now);
    if (this.state !== "gone") {
      agent.percent = this.percent_at(now);
      agent.peak = one_decimal(this.peak_within(now - 120_000, now));
      if (this.load) {
        agent.busiest_core_peak = Math.min(100, one_decimal(agent.peak + 6));
        agent.steal_peak = one_decimal(8 * noise(this.number, 11) ** 6);
        const load = (this.percent_at(now) * this.cpus) / 100;
        agent.load = [load, load * 0.9, load * 0.8].map((value) => Math.round(value * 100) / 100);
        agent.cpus = this.cpus;
      }
    }
    agent.agent_version = noise(this.number, 4) > 0.1 ? "0.1.0" : "0.0.9";
    agent.push_interval_ms = 1000;
    if (slots > 0) agent.history = this.history(now, slots);
    return agent;
  }

  /** Ticks of one core since the machine came up. */
  ticks(now, core) {
    const seconds = (now - this.born_ms) / 1000;
    const level = Math.min(
      0.97,
      ((this.fixed_percent ?? this.level) / 100) * (0.3 + 1.4 * noise(this.number, core, 20)),
    );
    // The integral of a busy share that swings a little: what matters is how far it goes between two answers.
    const busy = level * (seconds + 0.8 * Math.sin(seconds / 3 + core)) * 100;
    const steal = core === 1 ? 0.2 : 0.01;
    const shares = [0.7 - steal, 0.06, 0.16, 0, 0.03, 0.03, 0.05, steal, 0, 0];
    const parts = shares.map((share) => Math.max(0, Math.floor(busy * share)));
    parts[3] = Math.max(0, Math.floor(seconds * 100) - parts.reduce((sum, part) => sum + part, 0));
    return parts;
  }

  full(now) {
    const agent = this.brief(now, SLOTS);
    if (!this.has_come) return agent;
    agent.connects = 3;
    agent.clock_skew_ms = -2;
    agent.labels = { site: "fra-1", role: "edge" };
    agent.host = {
      sysname: "Linux",
      release: "6.1.0-28-amd64",
      version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1",
      machine: "x86_64",
      nodename: this.endpoint,
      domainname: "(none)",
    };
    agent.boot_time_ms = this.born_ms;
    agent.self = { cpu_seconds: 812.4, resident_bytes: 3_670_016 };
    agent.discarded = { stepped_back: 2 };
    if (this.state === "gone" || !this.load) return agent;
    const sampled = Math.floor(now / 1000) * 1000;
    const uptime_ms = sampled - this.born_ms;
    agent.sample_uptime_ms = uptime_ms;
    agent.ticks_per_second = 100;
    const cores = Array.from({ length: this.cpus }, (_, id) => ({
      id,
      ticks: this.ticks(sampled, id),
    }));
    agent.cpu = {
      total: cores[0].ticks.map((_, mode) =>
        cores.reduce((sum, { ticks }) => sum + ticks[mode], 0),
      ),
      cores,
    };
    agent.running = 1 + Math.floor(3 * noise(this.number, Math.floor(now / 1000)));
    agent.blocked = 0;
    agent.context_switches = Math.floor(uptime_ms * 5.3);
    agent.interrupts = Math.floor(uptime_ms * 3.1);
    agent.forks = Math.floor(uptime_ms / 40);
    agent.pressure = {
      waiting_us: Math.floor(uptime_ms * 34),
      irq_stalled_us: Math.floor(uptime_ms * 3),
    };
    agent.throttles = { core: 12, package: 3 };
    agent.temperature = [{ zone: 0, type: "x86_pkg_temp", celsius: 61.5 }];
    agent.cgroup = {
      usage_us: Math.floor(uptime_ms * 2),
      user_us: Math.floor(uptime_ms),
      system_us: Math.floor(uptime_ms),
      periods: Math.floor(uptime_ms / 100),
      throttled_periods: Math.floor(uptime_ms / 2500),
      throttled_us: Math.floor(uptime_ms * 8),
      quota_cores: 2,
    };
    return agent;
  }

  recorded(now, last_ms) {
    const answer = {
      endpoint: this.endpoint,
      interval_ms: READING_MS,
      time_ms: [],
      busy: [],
      busiest_core: [],
      system: [],
      steal: [],
    };
    const end = Math.floor(now / READING_MS) * READING_MS;
    for (let time = end - last_ms; time < end; time += READING_MS) {
      if (this.hole && time >= end - this.hole[0] && time < end - this.hole[1]) continue;
      const planted = (this.bursts ?? []).find(
        ({ ago_ms, length_ms }) => time >= end - ago_ms && time < end - ago_ms + length_ms,
      );
      const busy = planted
        ? planted.busy
        : this.bursts
          ? Math.min(60, this.reading_at(time))
          : this.reading_at(time);
      answer.time_ms.push(time);
      answer.busy.push(busy);
      answer.busiest_core.push(
        half(Math.min(100, busy * 1.2 + 3 + 12 * noise(this.number, time / READING_MS, 12))),
      );
      answer.system.push(half(busy * 0.3));
      answer.steal.push(half(busy > 90 ? busy * 0.05 : 0));
    }
    return answer;
  }
}

const last_in_ms = (text) => {
  const match = /^(\d+)(s|m)$/.exec(text);
  return match ? match[1] * (match[2] === "m" ? 60_000 : 1000) : undefined;
};

const ORDERS = {
  busy: (a, b) => (b.percent ?? -1) - (a.percent ?? -1) || a.endpoint.localeCompare(b.endpoint),
  peak: (a, b) => (b.peak ?? -1) - (a.peak ?? -1) || a.endpoint.localeCompare(b.endpoint),
  name: (a, b) => (a.endpoint < b.endpoint ? -1 : 1),
  last_seen: (a, b) =>
    (a.last_sample_ms ?? 0) - (b.last_sample_ms ?? 0) || a.endpoint.localeCompare(b.endpoint),
};

/** Listens on a free port of 127.0.0.1.  Change what it holds (`machines`, `failure`, ...) and the page sees it. */
export class MockExporter {
  constructor(machines) {
    this.machines = machines;
    this.version = "0.1.0";
    this.requests = [];
    /** {path, status, error, retry_after}: what matches this path's beginning is answered with it. */
    this.failure = undefined;
    this.under_way = 0;
    this.most_under_way = 0;
    this.started = Date.now();
  }

  async listen(port = 0) {
    this.server = createServer((request, response) => this.#serve(request, response));
    await new Promise((resolve) => this.server.listen(port, "127.0.0.1", resolve));
    this.server.unref(); // a test that failed leaves it behind
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #serve(request, response) {
    const url = new URL(request.url, this.url);
    this.requests.push(url.pathname + url.search);
    const is_poll = url.pathname.startsWith("/api/");
    if (is_poll) this.most_under_way = Math.max(this.most_under_way, ++this.under_way);
    try {
      if (this.delay_ms && is_poll)
        await new Promise((resolve) => setTimeout(resolve, this.delay_ms));
      const { status, type, body, headers } = await this.#answer(url);
      response.writeHead(status, {
        "Content-Type": type,
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        ...headers,
      });
      response.end(body);
    } finally {
      if (is_poll) --this.under_way;
    }
  }

  async #answer(url) {
    const path = decodeURIComponent(url.pathname);
    if (this.failure && path.startsWith(this.failure.path)) {
      const { status, error, retry_after } = this.failure;
      return {
        ...json(status, error && { error }),
        headers: retry_after ? { "Retry-After": String(retry_after) } : {},
      };
    }
    if (path === "/") return file("index.html");
    const own = /^\/page\/([a-z_]+\.(?:js|css|svg))$/.exec(path);
    if (own) return file(own[1]);
    if (path === "/api/v1/agents") return this.#list(url.searchParams);
    const one = /^\/api\/v1\/agents\/(.+)$/.exec(path);
    if (one) return this.#one(one[1], url.searchParams);
    const recording = /^\/agents\/(.+)\/recording$/.exec(path);
    if (recording) return this.#recording(recording[1], url.searchParams);
    return { status: 404, type: "text/plain", body: "There is nothing here.\n" };
  }

  #list(query) {
    const now = Date.now();
    const known = { search: "", state: "", sort: "busy", offset: "0", limit: "50", history: "0" };
    for (const [name, value] of query) {
      if (!(name in known)) return json(400, { error: `unknown parameter ${name}` });
      known[name] = value;
    }
    const limit = Number(known.limit);
    const slots = Number(known.history);
    if (!(limit >= 1 && limit <= 200) || !(slots >= 0 && slots <= 150))
      return json(400, { error: "limit is 1..200, history is 0..150" });
    if (!(known.sort in ORDERS))
      return json(400, { error: "sort is busy, peak, name or last_seen" });
    const counts = { alive: 0, silent: 0, gone: 0, never_came: 0 };
    for (const machine of this.machines) {
      ++counts[machine.state];
      if (!machine.has_come) ++counts.never_came;
    }
    const matching = this.machines
      .filter((machine) => !known.state || machine.state === known.state)
      .filter((machine) => machine.endpoint.toLowerCase().includes(known.search.toLowerCase()))
      .map((machine) => ({ ...sort_keys(machine, now, known.sort), machine }))
      .sort(ORDERS[known.sort]);
    const offset = Number(known.offset);
    return json(200, {
      time_ms: now,
      version: this.version,
      uptime_ms: now - this.started,
      counts,
      matching: matching.length,
      offset,
      groups: ["percent", "cpu", "load", "burst", "agent", "exporter"],
      peak_window_ms: 120_000,
      agents: matching
        .slice(offset, offset + limit)
        .map(({ machine }) => machine.brief(now, slots)),
    });
  }

  #one(name, query) {
    const machine = this.machines.find(({ endpoint }) => endpoint === name);
    if (!machine) return json(404, { error: `no machine is called ${name}` });
    if ([...query].length > 0) return json(400, { error: "an agent takes no parameters" });
    const now = Date.now();
    return json(200, { ...machine.full(now), time_ms: now });
  }

  #recording(name, query) {
    const machine = this.machines.find(({ endpoint }) => endpoint === name);
    if (!machine) return json(404, { error: `no machine is called ${name}` });
    const last = last_in_ms(query.get("last") ?? "1m");
    if (last === undefined || last < 1000 || last > 600_000)
      return json(400, { error: "last is 1s to 10m" });
    if (machine.state === "gone")
      return json(503, { error: `the agent of ${name} is not connected` });
    return json(200, machine.recorded(Date.now(), last));
  }
}

function sort_keys(machine, now, sort) {
  const is_there = machine.has_come && machine.state !== "gone";
  return {
    endpoint: machine.endpoint,
    percent: sort === "busy" && is_there ? machine.percent_at(now) : undefined,
    peak: sort === "peak" && is_there ? machine.peak_within(now - 120_000, now) : undefined,
    last_sample_ms: machine.has_come ? machine.last_sample_ms(now) : undefined,
  };
}

const json = (status, body) => ({
  status,
  type: "application/json",
  body: body ? JSON.stringify(body) : "",
});

async function file(name) {
  return {
    status: 200,
    type: TYPES[name.split(".").pop()],
    body: await readFile(new URL(name, PAGE)),
  };
}

/** A fleet with a little of everything in it. */
export function invented_fleet(count) {
  const places = ["web", "db", "cache", "queue", "edge", "build"];
  const machines = Array.from(
    { length: count },
    (_, i) =>
      new MockMachine(i, {
        endpoint: `${places[i % places.length]}-${String(Math.floor(i / places.length) + 1)}`,
      }),
  );
  const strange = [
    { state: "silent", silent_for_ms: 12_400 },
    { state: "gone", silent_for_ms: 3_800_000, expected: true },
    { state: "gone", expected: true, has_come: false },
    { state: "gone", silent_for_ms: 190_000 },
  ];
  strange.forEach((fields, i) => count > 8 + i && Object.assign(machines[count - 1 - i], fields));
  return machines;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = "40", port = "8000"] = process.argv.slice(2);
  const mock = await new MockExporter(invented_fleet(Number(count))).listen(Number(port));
  mock.server.ref();
  process.stdout.write(`${mock.url} with ${count} machines\n`);
}
