"""Clocks that step.  What a machine says of the time changes nothing but what is shown of its clock.

No clock of this machine is set: all programs on it would see that.  The wall clock of an agent is
what its samples say, by hand; its uptime is stepped by time namespaces, of a real agent.
"""

import contextlib
import pathlib
import subprocess
import tempfile
import time

from measure import wait_until

import pages
import wire
from machines import Machines

DAY_S = 86400
YEAR_MS = 366 * DAY_S * 1000
STALE_AFTER_S = 15.0
# What is shown of its clock, and what moves with each sample anyway.
OF_CLOCKS = ("node_time_seconds", "cpu_monitor_agent_clock_skew_seconds",
             "cpu_monitor_agent_last_sample_timestamp_seconds")

ROWS = {}


def run(soak):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="cpu-monitor-soak-")))
        exporter = stack.enter_context(soak.programs.exporter())
        step_wall_clock(soak, exporter)
        step_uptime(soak, folder, exporter)


def step_wall_clock(soak, exporter):
    now_ms = round(time.time() * 1000)
    steps = {"true": 0, "an hour back": -3_600_000, "years back": -20 * YEAR_MS, "1970": -now_ms,
             "a second on": 1000, "years on": 50 * YEAR_MS, "the end of numbers": 2**52 - now_ms}
    changed, skews = {}, {}
    with wire.Caller(exporter.ingest_port) as caller:
        caller.send(wire.hello("clock-1", push_interval_ms=1000))
        caller.receive()
        seen = None
        for sequence, (step, by_ms) in enumerate(steps.items(), 1):
            ticks = [1000, 0, 500, 9000, 0, 0, 0, 0]
            caller.send(wire.line(type="sample", sequence=sequence, percent=12.5,
                                  time_ms=round(time.time() * 1000) + by_ms, uptime_ms=500_000,
                                  cpu={"total": ticks, "cores": [[0, *ticks]]}))
            caller.receive()
            page = pages.read(exporter.web_port)
            others = page.without(OF_CLOCKS)
            if seen is not None and others != seen:
                changed[step] = sorted(set(others.items()) ^ set(seen.items()))[:3]
            seen = others
            skews[step] = page.value("cpu_monitor_agent_clock_skew_seconds", endpoint="clock-1")
        last = time.monotonic()
        wrong = {step: skew for step, skew in skews.items() if abs(skew - steps[step] / 1000) > 1}
        soak.check("steps of an agent's wall clock", "nothing changes but its clock and its skew",
                   len(steps), not changed and not wrong, changed=changed, wrong_skews=wrong)
        # A sample from the future is no younger than it is.
        wait_until(lambda: "clock-1" not in pages.read(exporter.web_port).shown(), "its values leave",
                   2 * STALE_AFTER_S)
        soak.check("a sample from the future leaves", f"after {STALE_AFTER_S:g} s",
                   round(time.monotonic() - last, 1),
                   STALE_AFTER_S - 1 < time.monotonic() - last < STALE_AFTER_S + 2)


def step_uptime(soak, folder, exporter):
    what, asked = "an agent that starts again with another uptime", "counters go on, none falls"
    offsets = {"a day on": DAY_S, "as it is": 0, "a minute on": 60}
    probe = subprocess.run([*in_time(DAY_S), "true"], capture_output=True, timeout=20, check=False)
    if probe.returncode != 0:
        return soak.skip(what, asked, "time namespaces need root, and Linux 5.6")
    with Machines(folder, ["clock-2"]) as machines:
        watch = pages.Watch(exporter.web_port, STALE_AFTER_S, interval_s=0.1)
        errors = {}
        for name, offset_s in {"before": 0, **offsets}.items():
            with soak.programs.agent(exporter.ingest_port, "--endpoint", "clock-2",
                                     *machines["clock-2"].flags(), inside=in_time(offset_s)):
                machines.hold(["clock-2"])
                errors[name] = true_error(exporter, machines)
                machines.let_go(["clock-2"])
        watch.end()
        soak.check(what, asked, list(offsets), max(errors.values()) <= 1 and not watch.falls,
                   tick_errors=errors, falls=watch.falls[:2])


def true_error(exporter, machines):
    def error():
        return pages.tick_errors(pages.read(exporter.web_port), machines, ["clock-2"])["clock-2"]
    with contextlib.suppress(Exception):
        wait_until(lambda: error() <= 1, "the true counters", 30)
    return error()


def in_time(offset_s):
    """A command that runs the one behind it on a machine that is up for so much longer."""
    return ("unshare", "--time", f"--boottime={offset_s}", "--fork", "--kill-child", "--")


ROWS["clock"] = ("clocks that step change nothing but what is shown of clocks", run)
