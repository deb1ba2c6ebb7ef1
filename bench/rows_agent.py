"""What an agent costs the machine it watches, beside a bare loop and what people run today."""

import contextlib
import dataclasses
import socket
import tempfile
import threading
import time

from measure import BenchError, EverySecond, median, scrape
from table import Row

ROWS = {
    "agent_cpu": "CPU of the agent at 10 readings and 1 push a second",
    "agent_rss": "its resident memory",
    "agent_pss": "its proportional share of memory",
}
WINDOWS = 3
# The groups an agent sends by default have their counterparts in these.
COLLECTORS = ("cpu", "loadavg", "stat", "pressure", "uname")
SAME_COLLECTORS = (
    "--web.disable-exporter-metrics", "--collector.disable-defaults",
    *(f"--collector.{name}" for name in COLLECTORS),
)


@dataclasses.dataclass
class Watched:
    """The processes of one way to watch a machine, and what the windows found."""

    name: str
    processes: list
    cpu_ms: list = dataclasses.field(default_factory=list)
    rss_mib: list = dataclasses.field(default_factory=list)
    pss_mib: list = dataclasses.field(default_factory=list)

    def cpu_s(self):
        return sum(process.cpu_s() for process in self.processes)

    def take(self, cpu_s, seconds):
        self.cpu_ms.append(1000 * cpu_s / seconds)
        self.rss_mib.append(sum(one.resident_kib() for one in self.processes) / 1024)
        self.pss_mib.append(sum(one.proportional_kib() for one in self.processes) / 1024)

    def figures(self):
        return {"agent_cpu": median(self.cpu_ms), "agent_rss": median(self.rss_mib),
                "agent_pss": median(self.pss_mib)}


def run(bench):
    bench.say("agent: ours and the bare loop, with one peer after another beside them")
    peers = []
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(bench.programs.exporter())
        agent = stack.enter_context(
            bench.programs.agent(exporter.ingest_port, "--endpoint", "bench-agent"))
        ours = Watched("ours", [agent])
        limit = None
        with bench.skipping("the limit of the agent"):
            limit = Watched("bare loop", [stack.enter_context(
                bench.programs.bare_loop(exporter.ingest_port, 600))])
        for start_peers in PHASES:
            with contextlib.ExitStack() as phase:
                found = start_peers(bench, phase, exporter)
                peers += found
                time.sleep(bench.seconds(3.0))
                for _ in range(bench.rounds(WINDOWS)):
                    window(filter(None, [ours, limit, *found]), bench.seconds(6.0, 1.1))
    add_rows(bench, ours, limit, peers)


def window(all_watched, length_s):
    all_watched = list(all_watched)
    start = time.monotonic()
    before = [watched.cpu_s() for watched in all_watched]
    time.sleep(length_s)
    for watched, cpu_s in zip(all_watched, before):
        watched.take(watched.cpu_s() - cpu_s, time.monotonic() - start)


def add_rows(bench, ours, limit, peers):
    own = ours.figures()
    for row in ROWS:
        common = {"row": row, "ours": own[row]} | (
            {"what": "CPU a second", "unit": "ms"} if row == "agent_cpu"
            else {"what": "resident" if row == "agent_rss" else "proportional share", "unit": "MiB"})
        if limit:
            bench.add(Row(**common, limit=limit.name, other=limit.figures()[row]))
        for peer in peers:
            bench.add(Row(**common, peer=peer.name, other=peer.figures()[row]))
        if not limit and not peers:
            bench.add(Row(**common))


# Peers


def start_node_exporters(bench, phase, _):
    """Scraped once a second; who scrapes is not counted."""
    found = []
    for name, flags in (("node_exporter, the same collectors", SAME_COLLECTORS),
                        ("node_exporter, all defaults", ())):
        with bench.skipping(name):
            process, port = bench.programs.node_exporter(*flags)
            phase.enter_context(process)
            phase.enter_context(EverySecond(lambda port=port: scrape(port)))
            found.append(Watched(name, [process]))
    return found


def start_agent_mode(bench, phase, _):
    """Prometheus in agent mode, node_exporter beside it, and a sink for what it writes."""
    with bench.skipping("agent-mode Prometheus + node_exporter"):
        processes, _ = agent_mode(bench, phase, 1, SAME_COLLECTORS)
        return [Watched("agent-mode Prometheus + node_exporter", processes)]
    return []


def agent_mode(bench, stack, interval_s, node_exporter_flags):
    """([Prometheus, node_exporter], port of the sink)."""
    sink, sink_port = bench.programs.remote_write_sink()
    stack.enter_context(sink)
    node_exporter, port = bench.programs.node_exporter(*node_exporter_flags)
    stack.enter_context(node_exporter)
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    config = (
        f"global: {{scrape_interval: {interval_s}s}}\n"
        "scrape_configs:\n"
        f"  - {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        f"remote_write: [{{url: 'http://127.0.0.1:{sink_port}/'}}]\n"
    )
    prometheus, _ = bench.programs.prometheus(folder, config, agent_mode=True)
    stack.enter_context(prometheus)
    return [prometheus, node_exporter], sink_port


def start_collectd(bench, phase, _):
    found = []
    for interval_s in (0.1, 1):
        name = f"collectd, cpu + network, {interval_s:g} s"
        with bench.skipping(name):
            port = phase.enter_context(UdpSink()).port
            folder = phase.enter_context(tempfile.TemporaryDirectory())
            process = phase.enter_context(bench.programs.collectd(folder, interval_s, port))
            time.sleep(1)
            if not process.is_running():
                raise BenchError(f"collectd ended: {process.log()[-300:]}")
            found.append(Watched(name, [process]))
    return found


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


def start_psutil(bench, phase, exporter):
    with bench.skipping("psutil agent"):
        process = phase.enter_context(bench.programs.psutil_agent(exporter.ingest_port))
        return [Watched("Python with psutil", [process])]
    return []


PHASES = (start_node_exporters, start_agent_mode, start_collectd, start_psutil)
