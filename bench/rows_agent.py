"""What an agent costs the machine it watches, beside a bare loop and what people run today."""

import contextlib
import dataclasses
import socket
import tempfile
import threading
import time
from collections.abc import Callable

from measure import BenchError, EverySecond, Skip, median, samples_taken, scrape, wait_until
from table import Row

ROWS = {
    "agent_cpu": "CPU of the agent at 10 readings and 1 push a second",
    "agent_cpu_static": "the same of an agent without shared libraries",
    "agent_rss": "resident memory of the agent",
    "agent_pss": "its proportional share of memory",
    "agent_pss_static": "the same of an agent without shared libraries",
}
CPU_ROWS = ("agent_cpu", "agent_cpu_static")
MEMORY_ROWS = ("agent_rss", "agent_pss", "agent_pss_static")
STATIC_ROWS = ("agent_cpu_static", "agent_pss_static")
OURS = "ours"
STATIC = "ours, static"
BARE_LOOP = "bare loop"
WINDOWS_ALONE = 5
WINDOWS = 3
# Until something has arrived from all; collectd fills a datagram first.
FIRST_WORK_DEADLINE_S = 90.0
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
    work: Callable  # how much has arrived of what they are there for
    is_slow: bool = False  # longer than a quick run until anything arrives

    def wait_for_work(self, bench):
        if self.is_slow and bench.quick:
            return
        wait_until(self.done, f"{self.name} does its work", FIRST_WORK_DEADLINE_S)

    def wait_for_more_work(self):
        before = self.done()
        wait_until(lambda: self.done() > before, f"{self.name} goes on with its work")

    def done(self):
        """How much it has done; an error when it has ended."""
        for process in self.processes:
            process.require_running()
        return self.work()

    def cpu_s(self):
        return sum(process.cpu_s() for process in self.processes)

    def resident_mib(self):
        return sum(process.resident_kib() for process in self.processes) / 1024

    def proportional_mib(self):
        return sum(process.proportional_kib() for process in self.processes) / 1024

    def peak_mib(self):
        """Resident, at the most."""
        return sum(process.peak_kib() for process in self.processes) / 1024


def run(bench):
    if bench.wants(*CPU_ROWS):
        with bench.attempting(*CPU_ROWS):
            measure_cpu(bench)
    if bench.wants(*MEMORY_ROWS):
        with bench.attempting(*MEMORY_ROWS):
            measure_memory(bench)


# CPU


def measure_cpu(bench):
    """Ours and the bare loop all the time, one peer after another beside them."""
    with contextlib.ExitStack() as stack:
        always = [start_ours(bench, stack, exporter_as_taker)]
        if bench.wants("agent_cpu_static"):
            with bench.attempting("agent_cpu_static"):
                always.append(start_static(bench, stack, exporter_as_taker))
        with bench.limit("of the agent"):
            always.append(start_bare_loop(bench, stack, exporter_as_taker))
        cpu_ms = take_windows(bench, always, WINDOWS_ALONE)
        add_cpu_rows(bench, cpu_ms, cpu_ms.get(BARE_LOOP),
                     limit=BARE_LOOP if BARE_LOOP in cpu_ms else None)
        for name, start in PEERS.items():
            with bench.peer(name), contextlib.ExitStack() as phase:
                peer = start(bench, phase, exporter_as_taker)
                cpu_ms = take_windows(bench, [*always, peer], WINDOWS)
                add_cpu_rows(bench, cpu_ms, cpu_ms[peer.name], peer=name)
            # A fault of ours is none of the peer's.
            for watched in always:
                watched.wait_for_more_work()


def add_cpu_rows(bench, cpu_ms, other, **beside):
    """Ours and the other are of the same windows."""
    for row, name in zip(CPU_ROWS, (OURS, STATIC)):
        if name in cpu_ms:
            bench.add(Row(row, "CPU a second", "ms", cpu_ms[name], **beside, other=other))


def take_windows(bench, all_watched, count):
    """{name: median of the CPU milliseconds a second}.  Who does nothing meanwhile is an error."""
    for watched in all_watched:
        watched.wait_for_work(bench)
    time.sleep(bench.seconds(3.0, 0.1))
    done = [watched.done() for watched in all_watched]
    windows = [take_window(all_watched, bench.seconds(6.0, 0.2))
               for _ in range(bench.rounds(count))]
    for watched, before in zip(all_watched, done):
        # A quick window is shorter than a push.
        if watched.done() <= before and not bench.quick:
            raise BenchError(f"{watched.name} did nothing while it was measured")
    return {watched.name: median([window[watched.name] for window in windows])
            for watched in all_watched}


def take_window(all_watched, length_s):
    start = time.monotonic()
    before = [watched.cpu_s() for watched in all_watched]
    time.sleep(length_s)
    cpu_ms = {}
    for watched, cpu_s in zip(all_watched, before):
        seconds = time.monotonic() - start
        cpu_ms[watched.name] = 1000 * (watched.cpu_s() - cpu_s) / seconds
    return cpu_ms


# Memory


def measure_memory(bench):
    """One after another, so that none shares its pages with another: a machine runs one of them."""
    ours, static = memory_of(bench, start_ours), None
    if bench.wants("agent_pss_static"):
        with bench.attempting("agent_pss_static"):
            static = memory_of(bench, start_static)
    limit = None
    with bench.limit("of the agent"):
        limit = memory_of(bench, start_bare_loop)
    add_memory_rows(bench, ours, static, limit, limit=BARE_LOOP if limit else None)
    for name, start in PEERS.items():
        with bench.peer(name):
            add_memory_rows(bench, ours, static, memory_of(bench, start), peer=name)


def add_memory_rows(bench, ours, static, other, **beside):
    for row, what, own, figure in (("agent_rss", "resident", ours, "resident"),
                                   ("agent_pss", "proportional share", ours, "proportional"),
                                   ("agent_pss_static", "proportional share", static, "proportional")):
        if own:
            bench.add(Row(row, what, "MiB", own[figure], **beside,
                          other=other[figure] if other else None))


def memory_of(bench, start):
    """In MiB, after it has done its work for six seconds."""
    with contextlib.ExitStack() as stack:
        watched = start(bench, stack, python_as_taker)
        watched.wait_for_work(bench)
        time.sleep(bench.seconds(6.0, 0.2))
        return {"resident": watched.resident_mib(), "proportional": watched.proportional_mib(),
                "peak": watched.peak_mib()}


# Who agents push to


@dataclasses.dataclass
class Taker:
    port: int
    count: Callable  # of the samples it has taken


def exporter_as_taker(bench, stack):
    """An exporter of its own, so that what it counts is of one agent."""
    exporter = stack.enter_context(bench.programs.exporter())
    return Taker(exporter.ingest_port, lambda: samples_taken(exporter))


def python_as_taker(bench, stack):
    """One that shares no library with ours.  It says only which was the first sample."""
    try:
        server, port = bench.programs.thread_server()
    except Skip as skip:
        bench.note(f"agent_pss: the exporter runs beside the agent, and they share libraries: {skip}")
        return exporter_as_taker(bench, stack)
    stack.enter_context(server)
    return Taker(port, lambda: sum(line.startswith("sampled ") for line in server.out))


# Ours and the limit: each pushes to a taker of its own, and has done what that one has taken.


def start_ours(bench, stack, start_taker):
    taker = start_taker(bench, stack)
    agent = bench.programs.agent(taker.port, "--endpoint", "bench-agent")
    return Watched(OURS, [stack.enter_context(agent)], taker.count)


def start_static(bench, stack, start_taker):
    taker = start_taker(bench, stack)
    agent = bench.programs.static_agent(taker.port, "--endpoint", "bench-agent-static")
    return Watched(STATIC, [stack.enter_context(agent)], taker.count)


def start_bare_loop(bench, stack, start_taker):
    taker = start_taker(bench, stack)
    loop = bench.programs.bare_loop(taker.port, 3600)
    return Watched(BARE_LOOP, [stack.enter_context(loop)], taker.count)


# Peers


NODE_EXPORTER_SAME = "node_exporter, the same collectors"
NODE_EXPORTER_DEFAULT = "node_exporter, all defaults"
AGENT_MODE = "agent-mode Prometheus + node_exporter"
COLLECTD = "collectd, cpu + network, {:g} s"
PSUTIL = "Python with psutil"


def start_node_exporter(bench, stack, _):
    return node_exporter(bench, stack, NODE_EXPORTER_SAME, SAME_COLLECTORS)


def start_default_node_exporter(bench, stack, _):
    return node_exporter(bench, stack, NODE_EXPORTER_DEFAULT, ())


def node_exporter(bench, stack, name, flags):
    """Scraped once a second; who scrapes is not counted."""
    process, port = bench.programs.node_exporter(*flags)
    stack.enter_context(process)
    scrapes = stack.enter_context(EverySecond(lambda: scrape(port)))

    def scraped():
        if scrapes.failures:
            raise scrapes.failures[0]
        return len(scrapes.results)

    return Watched(name, [process], scraped)


def start_agent_mode(bench, stack, _):
    """Prometheus in agent mode, node_exporter beside it, and a sink for what it writes."""
    processes, sink_port = agent_mode(bench, stack, 1, SAME_COLLECTORS)
    return Watched(AGENT_MODE, processes, lambda: written_to(sink_port))


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


def written_to(sink_port):
    """The bytes that a sink has got."""
    return int(scrape(sink_port, "/").body)


def start_collectd_100ms(bench, stack, _):
    return collectd(bench, stack, 0.1)


def start_collectd_1s(bench, stack, _):
    return collectd(bench, stack, 1)


def collectd(bench, stack, interval_s):
    sink = stack.enter_context(UdpSink())
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    process = stack.enter_context(bench.programs.collectd(folder, interval_s, sink.port))
    return Watched(COLLECTD.format(interval_s), [process], lambda: sink.received, is_slow=True)


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


def start_psutil(bench, stack, _):
    # Never beside another Python: they would share its libraries.
    taker = exporter_as_taker(bench, stack)
    process = stack.enter_context(bench.programs.psutil_agent(taker.port))
    return Watched(PSUTIL, [process], taker.count)


PEERS = {
    NODE_EXPORTER_SAME: start_node_exporter,
    NODE_EXPORTER_DEFAULT: start_default_node_exporter,
    AGENT_MODE: start_agent_mode,
    COLLECTD.format(0.1): start_collectd_100ms,
    COLLECTD.format(1): start_collectd_1s,
    PSUTIL: start_psutil,
}
