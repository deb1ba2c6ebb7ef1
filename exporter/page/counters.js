// What two answers about one machine say of the time between them.

/** The modes of the exporter's ticks in the order of a bar: work first, waiting last.  `at` is the place in the ticks. */
export const MODES = [
  { name: "user", at: 0 },
  { name: "nice", at: 1 },
  { name: "system", at: 2 },
  { name: "irq", at: 5 },
  { name: "softirq", at: 6 },
  { name: "steal", at: 7 },
  { name: "iowait", at: 4 },
  { name: "idle", at: 3 },
];
/** The kernel works its boot time out from a clock that is set right now and then. */
const BOOT_WOBBLE_MS = 10_000;
const WAITING = ["iowait", "idle"];

/**
 * The share of each mode, 0..1 in the order of MODES, and `busy`; undefined when no tick passed.  Ticks are divided by
 * ticks, never by a clock.  A counter that fell counts as one that stood.  guest is within user.
 */
export function shares(before, after) {
  const gone = MODES.map(({ at }) => Math.max(0, (after[at] ?? 0) - (before[at] ?? 0)));
  const total = gone.reduce((sum, ticks) => sum + ticks, 0);
  if (total === 0) return undefined;
  const parts = gone.map((ticks) => ticks / total);
  const busy = MODES.reduce(
    (sum, { name }, i) => (WAITING.includes(name) ? sum : sum + parts[i]),
    0,
  );
  return { parts, busy };
}

const rise = (before, after) =>
  before === undefined || after === undefined || after < before ? undefined : after - before;

/** Microseconds that rose, as a share of `elapsed_ms`. */
function share_of_time(before, after, elapsed_ms) {
  const us = rise(before, after);
  return us === undefined ? undefined : Math.min(1, us / 1000 / elapsed_ms);
}

function per_second(before, after, elapsed_ms) {
  const steps = rise(before, after);
  return steps === undefined ? undefined : (steps * 1000) / elapsed_ms;
}

/**
 * What happened between two answers; undefined when the second holds no newer sample than the first, or is of another
 * start of the machine.  What is not collected is absent.
 */
export function between(before, after) {
  const elapsed_ms = after.sample_uptime_ms - before.sample_uptime_ms;
  if (
    !(elapsed_ms > 0) ||
    Math.abs((before.boot_time_ms ?? 0) - (after.boot_time_ms ?? 0)) > BOOT_WOBBLE_MS
  )
    return undefined;
  const old = new Map((before.cpu?.cores ?? []).map((core) => [core.id, core.ticks]));
  const periods = rise(before.cgroup?.periods, after.cgroup?.periods);
  const throttled = rise(before.cgroup?.throttled_periods, after.cgroup?.throttled_periods);
  const used = rise(before.cgroup?.usage_us, after.cgroup?.usage_us);
  return {
    elapsed_ms,
    total:
      before.cpu?.total && after.cpu?.total ? shares(before.cpu.total, after.cpu.total) : undefined,
    cores: (after.cpu?.cores ?? []).map(({ id, ticks }) => ({
      id,
      share: old.has(id) ? shares(old.get(id), ticks) : undefined,
    })),
    waiting: share_of_time(before.pressure?.waiting_us, after.pressure?.waiting_us, elapsed_ms),
    irq_stalled: share_of_time(
      before.pressure?.irq_stalled_us,
      after.pressure?.irq_stalled_us,
      elapsed_ms,
    ),
    context_switches: per_second(before.context_switches, after.context_switches, elapsed_ms),
    interrupts: per_second(before.interrupts, after.interrupts, elapsed_ms),
    forks: per_second(before.forks, after.forks, elapsed_ms),
    core_throttles: rise(before.throttles?.core, after.throttles?.core),
    package_throttles: rise(before.throttles?.package, after.throttles?.package),
    cgroup_throttled: periods > 0 && throttled !== undefined ? throttled / periods : undefined,
    cgroup_cores: used === undefined ? undefined : used / 1000 / elapsed_ms,
  };
}

/** What the agent itself costs.  It says so every 15 s only, so a rate is between two times that it did. */
export class CostMeter {
  /** The share of a core, once it is known. */
  take({ self, sample_uptime_ms }) {
    const seconds = self?.cpu_seconds;
    if (seconds === undefined || sample_uptime_ms === undefined) return this.share;
    if (this.last && seconds < this.last.seconds) this.last = this.share = undefined; // it started again
    if (!this.last) {
      this.last = { seconds }; // said at some time before
    } else if (seconds !== this.last.seconds) {
      const elapsed_ms = sample_uptime_ms - this.last.at_ms;
      if (elapsed_ms > 0) this.share = ((seconds - this.last.seconds) * 1000) / elapsed_ms;
      this.last = { seconds, at_ms: sample_uptime_ms };
    }
    return this.share;
  }
}
