"""Whether a page of ours shows what a page of node_exporter shows, family by family."""

import dataclasses
import math

# Every family of node_exporter's CPU domain that the exporter shows, as of node_exporter 1.5.0.
OURS = [
    "node_boot_time_seconds",
    "node_context_switches_total",
    "node_cpu_core_throttles_total",
    "node_cpu_frequency_hertz",
    "node_cpu_frequency_max_hertz",
    "node_cpu_frequency_min_hertz",
    "node_cpu_guest_seconds_total",
    "node_cpu_info",
    "node_cpu_isolated",
    "node_cpu_package_throttles_total",
    "node_cpu_scaling_frequency_hertz",
    "node_cpu_scaling_frequency_max_hertz",
    "node_cpu_scaling_frequency_min_hertz",
    "node_cpu_seconds_total",
    "node_forks_total",
    "node_intr_total",
    "node_load1",
    "node_load15",
    "node_load5",
    "node_pressure_cpu_waiting_seconds_total",
    "node_procs_blocked",
    "node_procs_running",
    "node_schedstat_running_seconds_total",
    "node_schedstat_timeslices_total",
    "node_schedstat_waiting_seconds_total",
    "node_thermal_zone_temp",
    "node_time_seconds",
    "node_uname_info",
]

# Families of newer node_exporters: (type, HELP).
OURS_ONLY = {
    "node_cpu_online": ("gauge", "CPUs that are online and being scheduled."),
    "node_cpu_scaling_governor": ("gauge", "Current enabled CPU frequency governor."),
    "node_pressure_irq_stalled_seconds_total": (
        "counter", "Total time in seconds no process could make progress due to IRQ congestion"
    ),
}

# What they come from: the collectors of node_exporter.
COLLECTORS = [
    "cpu", "cpu.info", "cpufreq", "loadavg", "pressure", "schedstat", "stat", "thermal_zone",
    "time", "uname",
]

# And the groups of the exporter.
GROUPS = ["percent", "cpu", "load", "burst", "detail", "agent", "exporter"]


@dataclasses.dataclass
class Family:
    """One family of one page; `series` by labels, without `endpoint`."""

    type: str | None
    help: str | None
    series: dict


@dataclasses.dataclass
class Verdict:
    family: str
    word: str  # same, differs, missing here, missing there, absent
    series: int = 0
    difference: float = 0  # the largest one
    drift: float = 0  # how far theirs moved at most between their two scrapes
    faults: list = dataclasses.field(default_factory=list)

    def is_good(self):
        return self.word in ("same", "absent")


def family_of(page, name, endpoint=None):
    """The family as the page shows it, of one endpoint if one is named; None: not there."""
    series = {}
    for (_, labels), value in page.of_family(name).items():
        own = dict(labels)
        if endpoint is not None and own.pop("endpoint", None) != endpoint:
            continue
        series[frozenset(own.items())] = value
    if not series:
        return None
    return Family(page.type.get(name), page.help.get(name), series)


def compare(name, ours, before, after=None, allowed=None):
    """Compares a family; each argument is a Family or None.

    `before` and `after` are node_exporter's, scraped before and after ours: a value of ours is
    right between theirs.  `allowed(family, labels, value)` says how far outside it still is; "any"
    says that it need not even be near.
    """
    after = after or before
    if ours is None or before is None:
        return missing(name, ours, before)
    verdict = Verdict(name, "same", len(ours.series))
    if ours.type != before.type:
        verdict.faults.append(f"type is {ours.type!r}, there {before.type!r}")
    if ours.help != before.help:
        verdict.faults.append(f"HELP is {ours.help!r}, there {before.help!r}")
    here, there = ours.series.keys(), before.series.keys()
    verdict.faults += [f"only here: {shown(labels)}" for labels in here - there]
    verdict.faults += [f"only there: {shown(labels)}" for labels in there - here]
    for labels in here & there:
        judge_value(verdict, labels, ours.series[labels], before.series[labels],
                    after.series.get(labels, before.series[labels]), allowed)
    if verdict.faults:
        verdict.word = "differs"
    return verdict


def missing(name, ours, theirs):
    if ours is None and theirs is None:
        return Verdict(name, "absent")
    if ours is None:
        return Verdict(name, "missing here", len(theirs.series), faults=["not on our page"])
    return Verdict(name, "missing there", len(ours.series), faults=["not on node_exporter's page"])


def judge_value(verdict, labels, own, before, after, allowed):
    tolerance = allowed(verdict.family, dict(labels), before) if allowed else 0
    if tolerance == "any":
        return
    low, high = min(before, after), max(before, after)
    difference = max(low - own, own - high, 0.0)
    verdict.difference = max(verdict.difference, difference)
    verdict.drift = max(verdict.drift, high - low)
    if difference > tolerance or math.isnan(own):
        there = f"{low!r}" if low == high else f"{low!r} to {high!r}"
        verdict.faults.append(f"{shown(labels)} is {own!r}, there {there}")


def shown(labels):
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels)) + "}"


def table(verdicts):
    """For a person to read."""
    width = max(len(verdict.family) for verdict in verdicts)
    lines = [f"{'family':<{width}}  {'':<13}  series  largest difference     moved"]
    for verdict in verdicts:
        line = f"{verdict.family:<{width}}  {verdict.word:<13}  {verdict.series:>6}"
        if verdict.word in ("same", "differs"):
            line += f"  {verdict.difference:>18.6g}  {verdict.drift:>8.4g}"
        lines.append(line)
        lines += [f"    {fault}" for fault in sorted(verdict.faults)[:8]]
        if len(verdict.faults) > 8:
            lines.append(f"    and {len(verdict.faults) - 8} more")
    return "\n".join(lines)


def unlisted(page):
    """Families named as node_exporter's that neither list above holds."""
    names = {name for name in page.families() if name.startswith("node_")}
    return sorted(names - set(OURS) - set(OURS_ONLY))
