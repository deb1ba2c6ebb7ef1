"""What a scrape of 1,000 agents with 8 cores costs, beside the limit and those who serve as much."""

import contextlib
import dataclasses
import http.client
import tempfile
import time

import simulated_fleet
from measure import BenchError, Process, idle_then, median, scrape
from table import Row

AGENTS = 1000
CORES = 8
SERIES_OF_AN_AGENT = CORES * len(simulated_fleet.MODES) + 1


@dataclasses.dataclass
class Page:
    """One page of ours: what the rows are called, how it is asked for, what it needs."""

    prefix: str
    query: str
    exporter_flags: tuple = ()
    fleet_flags: tuple = ()

    def row(self, coding):
        return f"scrape_{self.prefix}{coding}"


ALL_GROUPS = ("percent", "cpu", "load", "burst", "detail", "agent", "exporter")
PAGES = [
    Page("", "?collect[]=cpu&collect[]=percent"),
    Page("default_", ""),
    Page("full_", "", tuple(part for group in ALL_GROUPS for part in ("--web.collect", group)),
         ("--full",)),
]
CODINGS = ("gzip", "plain")

ROWS = {
    "scrape_gzip": "65,000 series (collect[]=cpu, percent), gzip",
    "scrape_plain": "the same, uncompressed",
    "scrape_default_gzip": "the default page, gzip",
    "scrape_default_plain": "the same, uncompressed",
    "scrape_full_gzip": "the page with group detail, gzip",
    "scrape_full_plain": "the same, uncompressed",
}


@dataclasses.dataclass
class Server:
    """One that is scraped, and what the rounds found."""

    name: str
    process: Process
    port: int
    path: str
    cpu_ms: dict = dataclasses.field(default_factory=dict)  # {coding: [one a round]}
    wall_ms: dict = dataclasses.field(default_factory=dict)
    peak_mib: dict = dataclasses.field(default_factory=dict)
    page: dict = dataclasses.field(default_factory=dict)

    def measure(self, coding, length_s):
        """One round: the idle cost for so long, then scrapes one after another for as long."""
        scrapes = []

        def some():
            end = time.monotonic() + length_s
            while not scrapes or time.monotonic() < end:
                # No gap between them: what the server does meanwhile is in the idle cost.
                scrapes.append(scrape(self.port, self.path, coding == "gzip"))

        self.process.forget_peak()
        cpu_s, _ = idle_then(self.process, length_s, some)
        self._keep(self.cpu_ms, coding, 1000 * cpu_s / len(scrapes))
        self._keep(self.wall_ms, coding, 1000 * median([one.wall_s for one in scrapes]))
        self._keep(self.peak_mib, coding, self.process.peak_kib() / 1024)
        self.page[coding] = scrapes[-1]

    @staticmethod
    def _keep(table, coding, value):
        table.setdefault(coding, []).append(value)

    def answers_in(self, coding):
        return self.page[coding].is_gzip == (coding == "gzip")


def run(bench):
    for page in PAGES:
        if bench.wants(*map(page.row, CODINGS)):
            with bench.attempting(*map(page.row, CODINGS)):
                run_page(bench, page)


def run_page(bench, page):
    agents = bench.agents(AGENTS)
    rounds = bench.rounds(5)
    length_s = bench.seconds(1.0, 0.1)
    with contextlib.ExitStack() as stack:
        peers = start_peers(bench, stack, agents) if page.prefix == "" else []
        exporter = stack.enter_context(bench.programs.exporter(*page.exporter_flags))
        fleet = stack.enter_context(bench.programs.fleet(
            exporter.ingest_port, agents, 600, *page.fleet_flags, cores=CORES))
        fleet.wait_for(r"\bready\b", 60)
        ours = Server("ours", exporter, exporter.web_port, "/metrics" + page.query)
        limits = []
        for _ in range(rounds):
            for coding in CODINGS:
                ours.measure(coding, length_s)
            peers = measure_peers(bench, peers, agents, length_s)
            with bench.limit("of a scrape"):
                limits.append(measure_limit(bench, agents, ours))
    for coding in CODINGS:
        add_rows(bench, page, coding, ours, peers, limits)


def measure_peers(bench, peers, agents, length_s):
    """One round of each.  Returns those that go on."""
    alive = []
    for peer in peers:
        with bench.peer(peer.name):
            for coding in CODINGS:
                peer.measure(coding, length_s)
                if peer.page[coding].series() < agents * SERIES_OF_AN_AGENT:
                    raise BenchError(f"only {peer.page[coding].series()} series are on its page")
            alive.append(peer)
    return alive


def measure_limit(bench, agents, ours):
    """{coding: (CPU in ms, bytes)}: rendering as many bytes as ours, and compressing ours."""
    rounds = 3 if bench.quick else 20
    counters = bench.programs.render_limit(agents, CORES, rounds)
    with tempfile.NamedTemporaryFile() as file:
        text = ours.page["plain"].text()
        file.write(text)
        file.flush()
        copied = bench.programs.render_limit(agents, CORES, rounds, file.name)
    rendered_ms = render_cpu_ms(counters) * len(text) / counters["bytes"]
    compressed_ms = copied["cpu_ms"] - render_cpu_ms(copied)
    return {"plain": (rendered_ms, copied["bytes"]),
            "gzip": (rendered_ms + compressed_ms, copied["gzip_bytes"])}


def render_cpu_ms(limit):
    """The part of its CPU time that went before the compression."""
    return limit["cpu_ms"] * limit["render_ms"] / (limit["render_ms"] + limit["gzip_ms"])


def add_rows(bench, page, coding, ours, peers, limits):
    if not ours.answers_in(coding):
        bench.note(f"skipped {page.row(coding)}: the exporter does not answer in {coding}")
        return
    own = {
        "wall_ms": median(ours.wall_ms[coding]), "peak_mib": max(ours.peak_mib[coding]),
        "bytes": len(ours.page[coding].body), "series": ours.page[coding].series(),
    }
    common = {"row": page.row(coding), "what": "server CPU a scrape", "unit": "ms",
              "ours": median(ours.cpu_ms[coding])}
    if limits:
        name = "render" + (" + gzip level 1" if coding == "gzip" else "")
        bench.add(Row(**common, limit=name, other=median([one[coding][0] for one in limits]),
                      extra=own | {"other_bytes": limits[0][coding][1]}))
    elif not peers:
        bench.add(Row(**common, extra=own))
    for peer in peers:
        if not peer.answers_in(coding):
            bench.note(f"skipped {peer.name} in {page.row(coding)}: it does not answer in {coding}")
            continue
        bench.add(Row(**common, peer=peer.name, other=median(peer.cpu_ms[coding]), extra=own | {
            "other_wall_ms": median(peer.wall_ms[coding]),
            "other_peak_mib": max(peer.peak_mib[coding]),
            "other_bytes": len(peer.page[coding].body), "other_series": peer.page[coding].series(),
        }))


# Peers


def start_peers(bench, stack, agents):
    peers = []

    def start(name, program, *arguments, fill=None):
        with bench.peer(name):
            process, port = program(*arguments)
            stack.enter_context(process)
            if fill:
                fill(port, agents)
            peers.append(Server(name, process, port, "/metrics"))

    start("prometheus-cpp Exposer", bench.programs.exposer, agents, CORES)
    start("python3-prometheus-client", bench.programs.python_client_server, agents, CORES)
    start("prometheus-pushgateway", bench.programs.pushgateway, fill=fill_pushgateway)
    return peers


def fill_pushgateway(port, agents):
    """One group for each agent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for agent in range(agents):
        connection.request("PUT", push_path(agent), push_body(agent))
        response = connection.getresponse()
        response.read()
        if response.status not in (200, 202):
            raise BenchError(f"prometheus-pushgateway answered {response.status}")
    connection.close()


def push_path(agent):
    return f"/metrics/job/bench/endpoint/{simulated_fleet.endpoint(agent)}"


def push_body(agent):
    """The 65 series of one agent."""
    lines = [
        "# TYPE my_cpu_percents gauge",
        f'my_cpu_percents{{method="proc_stat"}} {simulated_fleet.PERCENT}',
        "# TYPE node_cpu_seconds_total counter",
    ]
    for cpu in range(CORES):
        for mode, seconds in simulated_fleet.seconds(agent, cpu):
            lines.append(f'node_cpu_seconds_total{{cpu="{cpu}",mode="{mode}"}} {seconds}')
    return ("\n".join(lines) + "\n").encode()
