"""What an agent costs the machine it watches, beside a bare loop and what people run today."""

import contextlib
import dataclasses
import socket
import tempfile
import threading
import time

from measure import BenchError, EverySecond, median, scrape, wait_until
from table import Row

ROWS = {
    "agent_cpu": "CPU of the agent at 10 readings and 1 push a second",
    "agent_rss": "its resident memory",
    "agent_pss": "its proportional share of memory",
}
OURS = "ours"
WINDOWS = 3
# The groups an agent sends by default have their counterparts in these.
COLLECTORS = ("cpu", "loadavg", "stat", "pressure", "uname")
SAME_COLLECTORS = (
    "--web.disable-exporter-metrics", "--collector.disable-defaults",
    *(f"--collector.{name}" for name in COLLECTORS),
)


@dataclasses.dataclass
class Watched:
    """The processes of one way to watch a machine."""

    name: str
    processes: list
    is_limit: bool = False

    def cpu_s(self):
        return sum(process.cpu_s() for process in self.processes)

    def memory(self):
        return {"agent_rss": sum(one.resident_kib() for one in self.processes) / 1024,
                "agent_pss": sum(one.proportional_kib() for one in self.processes) / 1024}


class Figures:
    """What was found: {name: {row: [values]}}."""

    def __init__(self):
        self._values = {}
        self._limits = set()

    def add(self, watched, row, value):
        self._values.setdefault(watched.name, {}).setdefault(row, []).append(value)
        if watched.is_limit:
            self._limits.add(watched.name)

    def rows(self, row, **common):
        found = {name: median(values[row]) for name, values in self._values.items() if row in values}
        common |= {"row": row, "ours": found.pop(OURS)}
        return [
            Row(**common, other=other, **({"limit": name} if name in self._limits else {"peer": name}))
            for name, other in found.items()
        ] or [Row(**common)]


def run(bench):
    figures = Figures()
    if bench.wants("agent_cpu"):
        bench.say("agent: agent_cpu")
        measure_cpu(bench, figures)
        for row in figures.rows("agent_cpu", what="CPU a second", unit="ms"):
            bench.add(row)
    if bench.wants("agent_rss", "agent_pss"):
        bench.say("agent: agent_rss, agent_pss")
        measure_memory(bench, figures)
        for row in (figures.rows("agent_rss", what="resident", unit="MiB")
                    + figures.rows("agent_pss", what="proportional share", unit="MiB")):
            bench.add(row)


def measure_cpu(bench, figures):
    """Ours and the bare loop all the time, one peer after another beside them."""
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(bench.programs.exporter())
        always = [*start_ours(bench, stack, exporter.ingest_port),
                  *start_bare_loop(bench, stack, exporter.ingest_port)]
        for start in PEERS:
            with contextlib.ExitStack() as phase:
                watched = always + start(bench, phase, exporter.ingest_port)
                time.sleep(bench.seconds(3.0, 0.1))
                for _ in range(bench.rounds(WINDOWS)):
                    take_window(figures, watched, bench.seconds(6.0, 0.2))


def take_window(figures, all_watched, length_s):
    start = time.monotonic()
    before = [watched.cpu_s() for watched in all_watched]
    time.sleep(length_s)
    for watched, cpu_s in zip(all_watched, before):
        seconds = time.monotonic() - start
        figures.add(watched, "agent_cpu", 1000 * (watched.cpu_s() - cpu_s) / seconds)


def measure_memory(bench, figures):
    """One after another, so that none shares its pages with another: a machine runs one of them."""
    for start in (start_ours, start_bare_loop, *PEERS):
        with contextlib.ExitStack() as stack:
            for watched in start(bench, stack, start_taker(bench, stack, start)):
                time.sleep(bench.seconds(6.0, 0.2))
                for row, value in watched.memory().items():
                    figures.add(watched, row, value)


def start_taker(bench, stack, start):
    """The port of somebody to push to, who shares no library with the one that is measured."""
    if start is not start_psutil:
        with bench.skipping("a Python server for agents to push to"):
            server, port = bench.programs.thread_server()
            stack.enter_context(server)
            return port
        bench.note("agent_pss: the exporter runs beside the agent, and they share libraries")
    return stack.enter_context(bench.programs.exporter()).ingest_port


def start_ours(bench, stack, port):
    return [Watched(OURS, [
        stack.enter_context(bench.programs.agent(port, "--endpoint", "bench-agent"))])]


def start_bare_loop(bench, stack, port):
    with bench.skipping("the limit of the agent"):
        return [Watched("bare loop", [stack.enter_context(bench.programs.bare_loop(port, 600))],
                        is_limit=True)]
    return []


# Peers


def start_node_exporter(bench, stack, _):
    return node_exporter(bench, stack, "node_exporter, the same collectors", SAME_COLLECTORS)


def start_default_node_exporter(bench, stack, _):
    return node_exporter(bench, stack, "node_exporter, all defaults", ())


def node_exporter(bench, stack, name, flags):
    """Scraped once a second; who scrapes is not counted."""
    with bench.skipping(name):
        process, port = bench.programs.node_exporter(*flags)
        stack.enter_context(process)
        stack.enter_context(EverySecond(lambda: scrape(port)))
        return [Watched(name, [process])]
    return []


def start_agent_mode(bench, stack, _):
    """Prometheus in agent mode, node_exporter beside it, and a sink for what it writes."""
    with bench.skipping("agent-mode Prometheus + node_exporter"):
        processes, _ = agent_mode(bench, stack, 1, SAME_COLLECTORS)
        return [Watched("agent-mode Prometheus + node_exporter", processes)]
    return []


def agent_mode(bench, stack, interval_s, node_exporter_flags):
    """([Prometheus, node_exporter], port of the sink)."""
    sink, sink_port = bench.programs.remote_write_sink()
    stack.enter_context(sink)
    node_exporter, port = bench.programs.node_exporter(*node_exporter_flags)
    stack.enter_context(node_exporter)
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    queue = ", queue_config: {batch_send_deadline: 1s}" if bench.quick else ""
    config = (
        f"global: {{scrape_interval: {interval_s}s}}\n"
        "scrape_configs:\n"
        f"  - {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        f"remote_write: [{{url: 'http://127.0.0.1:{sink_port}/'{queue}}}]\n"
    )
    prometheus, _ = bench.programs.prometheus(folder, config, agent_mode=True)
    stack.enter_context(prometheus)
    return [prometheus, node_exporter], sink_port


def start_collectd_100ms(bench, stack, _):
    return collectd(bench, stack, 0.1)


def start_collectd_1s(bench, stack, _):
    return collectd(bench, stack, 1)


def collectd(bench, stack, interval_s):
    name = f"collectd, cpu + network, {interval_s:g} s"
    with bench.skipping(name):
        sink = stack.enter_context(UdpSink())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        process = stack.enter_context(bench.programs.collectd(folder, interval_s, sink.port))
        if not bench.quick:
            # The first datagram is sent when it is full.
            wait_until(lambda: sink.received or not process.is_running(), f"{name} sends", 90)
        if not process.is_running():
            raise BenchError(f"collectd ended: {process.log()[-300:]}")
        return [Watched(name, [process])]
    return []


class UdpSink:
    """Takes datagrams and forgets them."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]
        self.received = 0
        self._stop = False
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop = True
        self._thread.join()
        self._socket.close()

    def _drain(self):
        while not self._stop:
            with contextlib.suppress(TimeoutError):
                self._socket.recv(65536)
                self.received += 1


def start_psutil(bench, stack, port):
    with bench.skipping("psutil agent"):
        process = stack.enter_context(bench.programs.psutil_agent(port))
        return [Watched("Python with psutil", [process])]
    return []


PEERS = (start_node_exporter, start_default_node_exporter, start_agent_mode, start_collectd_100ms,
         start_collectd_1s, start_psutil)
