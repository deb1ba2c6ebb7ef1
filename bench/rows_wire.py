"""Bytes on the wire, a day and an agent, of a machine with 8 CPUs: payload, headers and acks."""

import contextlib
import tempfile
import time

import rows_agent
from measure import DAY_S, BenchError, wait_until, wire_to
from scripted_host import ScriptedHost
from table import Row

INTERVALS_S = (1, 15)
ROWS = {
    f"wire_{interval_s}s": f"bytes on the wire an agent-day, 8 cores, a push each {interval_s} s"
    for interval_s in INTERVALS_S
}
# Whole pushes of 15 s, so that each falls into it as often as on average.
LENGTH_S = 120.0
AGENT_MODE = "agent-mode Prometheus + node_exporter"


def run(bench):
    bench.say("wire: " + ", ".join(ROWS))
    with bench.skipping(", ".join(ROWS)):
        run_all(bench)


def run_all(bench):
    """All of them at once: they hardly cost anything, and bytes don't depend on the load."""
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(ScriptedHost(stack.enter_context(tempfile.TemporaryDirectory())))
        ours, peers = {}, {}
        for interval_s in INTERVALS_S:
            row = f"wire_{interval_s}s"
            if not bench.wants(row):
                continue
            interval_s = min(interval_s, 2) if bench.quick else interval_s
            ours[row] = start_ours(bench, stack, host, interval_s)
            with bench.skipping(AGENT_MODE):
                _, peers[row] = rows_agent.agent_mode(bench, stack, interval_s, (
                    *rows_agent.SAME_COLLECTORS,
                    f"--path.procfs={host.procfs}", f"--path.sysfs={host.sysfs}"))
        ports = [*ours.values(), *peers.values()]
        for port in ports:
            wait_until(lambda port=port: is_connected(port), f"somebody is connected to {port}", 45)
        # What is sent once, at the connect, is no part of a day.
        time.sleep(bench.seconds(20.0, 0.5))
        start, before = time.monotonic(), {port: wire_to(port) for port in ports}
        time.sleep(bench.seconds(LENGTH_S, 1.1))
        length_s = time.monotonic() - start
        moved = {port: wire_to(port).minus(before[port]) for port in ports}
    for row, port in ours.items():
        own = moved[port]
        common = {"row": row, "what": "payload, headers and acks an agent-day", "unit": "MB",
                  "ours": megabytes_a_day(own.bytes(), length_s)}
        extra = {"payload_mb": megabytes_a_day(own.payload, length_s),
                 "segments_per_s": own.segments / length_s}
        if row in peers:
            theirs = moved[peers[row]]
            bench.add(Row(**common, peer=AGENT_MODE, extra=extra | {
                "other_payload_mb": megabytes_a_day(theirs.payload, length_s),
                "other_segments_per_s": theirs.segments / length_s,
            }, other=megabytes_a_day(theirs.bytes(), length_s)))
        else:
            bench.add(Row(**common, extra=extra))


def start_ours(bench, stack, host, interval_s):
    """The port of an exporter of its own, so that its one connection is this agent's."""
    exporter = stack.enter_context(bench.programs.exporter())
    stack.enter_context(bench.programs.agent(
        exporter.ingest_port, "--endpoint", f"wire-{interval_s}s",
        "--push.interval", f"{interval_s}s",
        "--path.procfs", host.procfs, "--path.sysfs", host.sysfs))
    return exporter.ingest_port


def is_connected(port):
    try:
        return wire_to(port).segments > 0
    except BenchError:
        return False


def megabytes_a_day(count, seconds):
    return count / seconds * DAY_S / 1e6
