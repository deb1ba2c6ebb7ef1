"""Bytes on the wire, a day and an agent, of a machine with 8 CPUs: payload, headers and acks."""

import contextlib
import tempfile
import time

import rows_agent
from measure import DAY_S, BenchError, samples_taken, wait_until, wire_to
from scripted_host import ScriptedHost
from table import Row

INTERVALS_S = (1, 15)
ROWS = {
    f"wire_{interval_s}s": f"bytes on the wire an agent-day, 8 cores, a push each {interval_s} s"
    for interval_s in INTERVALS_S
}
# Whole pushes of 15 s, so that each falls into it as often as on average.
LENGTH_S = 120.0
CONNECT_DEADLINE_S = 45.0
AGENT_MODE = rows_agent.AGENT_MODE


class Link:
    """The connection to a port that nobody else connects to; `work()`: how much has arrived there."""

    def __init__(self, port, work):
        self._port = port
        self._work = work
        self._start_s = self._wire = self._done = None  # of the measurement
        self.moved = None  # in the measurement, which took length_s
        self.length_s = None

    def wait_for_work(self, _):
        wait_until(lambda: self._is_connected() and self._work(),
                   f"somebody sends to port {self._port}", CONNECT_DEADLINE_S)

    def begin(self, _):
        self._done = self._work()
        self._start_s, self._wire = time.monotonic(), wire_to(self._port)

    def end(self, bench):
        self.moved = wire_to(self._port).minus(self._wire)
        self.length_s = time.monotonic() - self._start_s
        # A quick measurement is shorter than a push.
        if self._work() <= self._done and not bench.quick:
            raise BenchError(f"nothing came to port {self._port} while it was measured")

    def a_day(self):
        """(all megabytes, those of the payload, segments a second)."""
        share = DAY_S / self.length_s / 1e6
        return (self.moved.bytes() * share, self.moved.payload * share,
                self.moved.segments / self.length_s)

    def _is_connected(self):
        try:
            return wire_to(self._port).segments > 0
        except BenchError:
            return False


def run(bench):
    with bench.attempting(*ROWS):
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
            with bench.peer(AGENT_MODE):
                peers[row] = start_agent_mode(bench, stack, host, interval_s)
        peers = step(bench, ours, peers, Link.wait_for_work)
        # What is sent once, at the connect, is no part of a day.
        time.sleep(bench.seconds(20.0, 0.5))
        peers = step(bench, ours, peers, Link.begin)
        time.sleep(bench.seconds(LENGTH_S, 2.2))
        peers = step(bench, ours, peers, Link.end)
    for row, link in ours.items():
        add_row(bench, row, link, peers.get(row))


def step(bench, ours, peers, action):
    """Does that with each link.  Returns the peers that go on."""
    for link in ours.values():
        action(link, bench)
    alive = {}
    for row, link in peers.items():
        with bench.peer(AGENT_MODE):
            action(link, bench)
            alive[row] = link
    return alive


def add_row(bench, row, link, peer):
    megabytes, payload, segments = link.a_day()
    extra = {"payload_mb": payload, "segments_per_s": segments}
    other = None
    if peer:
        other, payload, segments = peer.a_day()
        extra |= {"other_payload_mb": payload, "other_segments_per_s": segments}
    bench.add(Row(row, "payload, headers and acks an agent-day", "MB", megabytes,
                  peer=AGENT_MODE if peer else None, other=other, extra=extra))


def start_ours(bench, stack, host, interval_s):
    """An agent and an exporter of its own, so that its one connection is this agent's."""
    exporter = stack.enter_context(bench.programs.exporter())
    stack.enter_context(bench.programs.agent(
        exporter.ingest_port, "--endpoint", f"wire-{interval_s}s",
        "--push.interval", f"{interval_s}s",
        "--path.procfs", host.procfs, "--path.sysfs", host.sysfs))
    return Link(exporter.ingest_port, lambda: samples_taken(exporter))


def start_agent_mode(bench, stack, host, interval_s):
    _, port = rows_agent.agent_mode(bench, stack, interval_s, (
        *rows_agent.SAME_COLLECTORS,
        f"--path.procfs={host.procfs}", f"--path.sysfs={host.sysfs}"))
    return Link(port, lambda: rows_agent.written_to(port))
