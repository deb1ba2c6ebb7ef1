"""A fleet of honest agents and an honest Prometheus among thousands who mean harm."""

import contextlib
import dataclasses
import pathlib
import statistics
import sys
import tempfile
import threading
import time

from measure import BenchError, Process, scrape

import pages
import wire
from trust_files import SERVER_NAME, digest
from certificates import Authority, put_secret

HOSTILE = pathlib.Path(__file__).with_name("hostile.py")
TOKEN = "the-token-of-a-whole-fleet"
CORES = 8
READY_DEADLINE_S = 120
SCRAPE_EVERY_S = 1.0
DESCRIPTORS = 256
KEPT_DESCRIPTORS = 128  # by the exporter, for all else
# What a scrape must be done in, however many others there are.
P99_S = 1.0
# What an agent may take to get in, by the exporter's own limit.
HANDSHAKE_S = 5.0
# How much the exporter may grow beside its honest agents: 64 MiB are the web gate's buffers.
GROWTH_MIB = 128

ROWS = {}


@dataclasses.dataclass
class Load:
    """Who comes, and for how long."""

    agents: int
    length_s: float
    loris: int
    garbage: int
    half_tls: int
    slow_scrapes: int
    with_tls: bool = False
    descriptors: int | None = None
    turned_away: int = 0  # agents for whom there are no descriptors

    def flags(self):
        flags = ["--loris", self.loris, "--garbage", self.garbage, "--half-tls", self.half_tls,
                 "--slow-scrapes", self.slow_scrapes]
        return flags + (["--tls"] if self.with_tls else [])


class Scraper(threading.Thread):
    """An honest Prometheus: how long each scrape took, and how large the exporter is by then."""

    def __init__(self, exporter):
        super().__init__(daemon=True)
        self._exporter = exporter
        self._ended = threading.Event()
        self.walls_s = []
        self.failures = []
        self.resident_mib = []
        self.start()

    def end(self):
        self._ended.set()
        self.join()

    def run(self):
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += SCRAPE_EVERY_S
            try:
                self.walls_s.append(scrape(self._exporter.web_port, accept_gzip=True).wall_s)
                self.resident_mib.append(self._exporter.resident_kib() / 1024)
            except BenchError as failure:
                self.failures.append(str(failure))


def hold(soak, load):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="cpu-monitor-soak-")))
        exporter_flags, fleet_flags = trust(folder) if load.with_tls else ((), ())
        inside = ("prlimit", f"--nofile={load.descriptors}", "--") if load.descriptors else ()
        exporter = stack.enter_context(soak.programs.exporter(*exporter_flags, inside=inside))
        fleet = stack.enter_context(soak.programs.fleet(
            exporter.ingest_port, load.agents, load.length_s + 10, *fleet_flags, cores=CORES))
        fleet.wait_for(r"\bready\b", READY_DEADLINE_S)
        if load.turned_away:
            # Nobody waits for these, who knock again and again.
            stack.enter_context(soak.programs.fleet(
                exporter.ingest_port, load.turned_away, load.length_s + 10, *fleet_flags, cores=CORES,
                endpoint_prefix="late-"))
        calm_mib = exporter.resident_kib() / 1024
        scraper = Scraper(exporter)
        stack.callback(scraper.end)
        harm = stack.enter_context(Process([
            sys.executable, "-B", HOSTILE, "--ingest", exporter.ingest_port,
            "--web", exporter.web_port, *load.flags()]))
        harm.wait_for("^hostile$")
        ended = time.monotonic() + load.length_s
        newcomers_s = []
        while time.monotonic() < ended:
            exporter.require_running()
            harm.require_running()
            time.sleep(1.0)
            if not load.turned_away:
                newcomers_s.append(welcome_s(exporter.ingest_port, load, len(newcomers_s)))
        harm.interrupt()
        done = harm.result(30)
        refused = pages.refusals(exporter.web_port)
        result = fleet.result(load.length_s + 60)
        scraper.end()
        report(soak, load, exporter, scraper, done, refused, result, calm_mib, newcomers_s)


def welcome_s(port, load, number):
    """How long another honest agent waits for its welcome; infinite when it gets none."""
    began = time.monotonic()
    context = wire.client_context() if load.with_tls else None
    try:
        with wire.Caller(port, context, source=f"127.250.0.{number % 250 + 1}") as caller:
            caller.send(wire.hello(f"new-{number}", token=TOKEN))
            if wire.outcome_in(caller.receive()) != "welcome":
                return float("inf")
    except OSError:
        return float("inf")
    return time.monotonic() - began


def trust(folder):
    """Flags of an exporter and of a fleet that speak TLS, and share a token."""
    authority = Authority(folder, "authority")
    own = authority.issue("exporter", f"DNS:{SERVER_NAME}", "serverAuth")
    put_secret(folder / "tokens", f"* {digest(TOKEN)}\n")
    return (("--ingest.tls-cert-file", own.cert, "--ingest.tls-key-file", own.key,
             "--ingest.tokens-file", folder / "tokens"),
            ("--tls.ca-file", authority.cert, "--tls.server-name", SERVER_NAME, "--token", TOKEN))


def report(soak, load, exporter, scraper, done, refused, result, calm_mib, newcomers_s):
    soak.check("who meant harm", "all of it, all the time", done.get("loris connections", 0),
               done.get("loris connections", 0) >= load.loris
               and done.get("half handshakes", 0) >= load.half_tls
               and done.get("slow scrapes", 0) >= load.slow_scrapes
               and done.get("garbage lines", 0) >= 0.8 * load.garbage * load.length_s,
               **done, seconds=load.length_s,
               refused={reason: round(count) for reason, count in refused.items() if count})
    if load.turned_away:
        soak.at_least("agents too many that were told so", load.turned_away,
                      round(refused.get("capacity", 0)))
    soak.exactly("samples lost by healthy agents", 0, result["samples_lost"],
                 agents=result["connected"], acked=result["samples_acked"],
                 merged=result["samples_merged"], ack_p99_ms=result["ack_ms"]["p99"])
    soak.exactly("healthy agents disconnected", 0, result["disconnects"], of=result["agents"])
    if newcomers_s:
        soak.at_most("another agent's wait for its welcome, s", HANDSHAKE_S, max(newcomers_s),
                     median=statistics.median(newcomers_s), newcomers=len(newcomers_s))
    walls = sorted(scraper.walls_s)
    if len(walls) < 2:
        raise BenchError(f"no scrapes, but {scraper.failures[:1]}")
    p99_s = statistics.quantiles(walls, n=100, method="inclusive")[98]
    soak.at_most("a scrape's 99th percentile, s", P99_S, p99_s, median=statistics.median(walls), max=walls[-1], scrapes=len(walls))
    soak.exactly("scrapes that failed", [], scraper.failures[:2])
    half = len(scraper.resident_mib) // 2
    early, late = max(scraper.resident_mib[:half]), max(scraper.resident_mib[half:])
    soak.at_most("growth of the exporter beside its fleet, MiB", GROWTH_MIB,
                 exporter.peak_kib() / 1024 - calm_mib, calm=calm_mib,
                 peak=exporter.peak_kib() / 1024, first_half=early, second_half=late)


def run_tls(soak):
    hold(soak, Load(soak.pick(1000, 100), soak.pick(300, 12), soak.pick(2000, 200),
                    soak.pick(1000, 100), soak.pick(200, 20), soak.pick(50, 10), with_tls=True))


def run_plain(soak):
    hold(soak, Load(soak.pick(1000, 100), soak.pick(300, 12), soak.pick(2000, 200),
                    soak.pick(1000, 100), soak.pick(200, 20), soak.pick(50, 10)))


def run_256(soak):
    in_time = DESCRIPTORS - KEPT_DESCRIPTORS
    hold(soak, Load(in_time, soak.pick(120, 12), soak.pick(400, 200), soak.pick(200, 100),
                    soak.pick(50, 20), soak.pick(50, 10), descriptors=DESCRIPTORS, turned_away=400 - in_time))


ROWS["hostile_load"] = ("slow clients, garbage, half handshakes, slow scrapes beside 1,000 agents in TLS",
                        run_tls)
ROWS["hostile_load_plain"] = ("the same beside 1,000 agents in plain text", run_plain)
ROWS["hostile_load_256"] = ("the same, less of it, beside 400 agents, of an exporter with 256 descriptors",
                            run_256)
