"""10,000 agents on one exporter: held for minutes, and what becomes of them when it is killed."""

import contextlib
import time

from measure import BenchError, EverySecond, Process, median, scrape, value_of, wait_until
from table import Row
from waiting import free_port

AGENTS = 10000
CORES = 8
SCRAPE_INTERVAL_S = 15.0
RECOVERY_DEADLINE_S = 120.0
FLAGS = ("--ingest.max-agents", "20000")
ALIVE = 'cpu_monitor_exporter_agents{state="alive"}'

ROWS = {
    "load_10000": "10,000 agents at one push a second, a gzip scrape each 15 s: what it takes, what is lost",
    "memory_per_agent": "resident memory of the exporter for each connected agent",
    "restart_10000": "the exporter is killed and started under 10,000 agents: until all are sampled again",
    "restart_10000_orderly": "the same, but it is asked to end (SIGTERM) and says when to come back",
}
# How the first exporter comes to its end.
ENDS = {"restart_10000": Process.kill, "restart_10000_orderly": Process.end}


def run(bench):
    if bench.wants("load_10000", "memory_per_agent"):
        with bench.attempting("load_10000", "memory_per_agent"):
            run_load(bench)
    for row, end in ENDS.items():
        if bench.wants(row):
            with bench.attempting(row):
                run_restart(bench, row, end)


def run_load(bench):
    agents = bench.agents(AGENTS)
    # memory_per_agent alone needs no more than two scrapes.
    length_s = bench.load_s if bench.wants("load_10000") else SCRAPE_INTERVAL_S + 5.0
    duration_s = bench.seconds(length_s, 1.0)
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(bench.programs.exporter(*FLAGS))
        empty_kib = exporter.resident_kib()
        fleet = stack.enter_context(
            bench.programs.fleet(exporter.ingest_port, agents, duration_s, cores=CORES))
        fleet.wait_for(r"\bready\b", 120)
        connected_kib = exporter.resident_kib()
        start, before = time.monotonic(), exporter.cpu_s()
        with EverySecond(lambda: scrape(exporter.web_port, accept_gzip=True),
                         SCRAPE_INTERVAL_S) as scrapes:
            time.sleep(max(0.5, duration_s - 1.0))
        cores = (exporter.cpu_s() - before) / (time.monotonic() - start)
        loaded_kib = exporter.resident_kib()
        peak_kib = exporter.peak_kib()
        result = fleet.result(duration_s + 60)
    if scrapes.failures:
        bench.note(f"load_10000: {len(scrapes.failures)} scrapes failed: {scrapes.failures[0]}")
    if not scrapes.results:
        raise BenchError("no scrape was answered")
    bench.add(Row("memory_per_agent", "resident for each agent, after scrapes", "KiB",
                  (loaded_kib - empty_kib) / agents,
                  extra={"before_scrapes": (connected_kib - empty_kib) / agents,
                         "agents": agents, "scrapes": len(scrapes.results)}))

    def add(what, unit, value, **extra):
        bench.add(Row("load_10000", what, unit, value, extra=extra))

    walls = [one.wall_s for one in scrapes.results]
    add("exporter CPU", "cores", cores, agents=result["connected"], seconds=result["seconds"])
    add("samples lost", "samples", result["samples_lost"], acked=result["samples_acked"],
        merged=result["samples_merged"])
    add("disconnects", "connections", result["disconnects"], refusals=result["refusals"])
    add("ack, 99th percentile", "ms", result["ack_ms"]["p99"],
        **{key: value for key, value in result["ack_ms"].items() if key != "p99"})
    add("resident memory", "MiB", loaded_kib / 1024, connected=connected_kib / 1024,
        peak=peak_kib / 1024)
    add("wall of a scrape", "s", median(walls), max=max(walls), scrapes=len(walls),
        bytes=len(scrapes.results[-1].body), gzip=scrapes.results[-1].is_gzip)
    add("simulator CPU", "cores", result["cpu_seconds"] / result["seconds"])


def run_restart(bench, row, end):
    agents = bench.agents(AGENTS)
    ports = {"ingest_port": free_port(), "web_port": free_port()}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(bench.programs.exporter(*FLAGS, **ports))
        fleet = stack.enter_context(
            bench.programs.fleet(ports["ingest_port"], agents, 300, cores=CORES))
        fleet.wait_for(r"\bready\b", 120)
        time.sleep(bench.seconds(5.0))
        asked = time.monotonic()
        end(first)
        ended_s = time.monotonic() - asked
        second = stack.enter_context(bench.programs.exporter(*FLAGS, **ports))
        all_back_s = back_after(second.web_port, agents, asked)
        fleet.interrupt()
        result = fleet.result(60)
    again = result["reconnects"]
    bench.add(Row(row, "until all are sampled again", "s", all_back_s, extra={
        "agents": agents, "ended_s": ended_s, "reconnects": again["count"], "last_s": again["last_s"],
        "bucket_s": again["bucket_s"], "histogram": again["histogram"],
        "samples_lost": result["samples_lost"], "refusals": result["refusals"],
    }))


def back_after(web_port, agents, since):
    """Seconds from then until the exporter counts all of them as alive."""
    def are_back():
        time.sleep(0.1)
        page = scrape(web_port, "/metrics?collect[]=exporter").text().decode()
        return value_of(page, ALIVE) >= agents
    wait_until(are_back, f"{agents} agents are back", RECOVERY_DEADLINE_S)
    return time.monotonic() - since
