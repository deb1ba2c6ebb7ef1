"""How the costs of a scrape, a sample and an agent grow with agents and with cores."""

import contextlib
import time

from measure import exponent, idle_then, last_exponent, median, scrape
from table import Row

ROWS = {
    "growth_agents": "exponents over 10, 100, 1,000, 10,000 agents with 8 cores",
    "growth_cores": "exponents over 1, 8, 64, 256 cores of 100 agents",
}
SWEEPS = {
    "growth_agents": [(agents, 8) for agents in (10, 100, 1000, 10000)],
    "growth_cores": [(100, cores) for cores in (1, 8, 64, 256)],
}
FLAGS = ("--ingest.max-agents", "20000")
# What each point holds, of the whole fleet (so that 1 is linear), and its unit.
FIGURES = {
    "scrape_cpu": ("CPU a scrape", "ms"),
    "scrape_bytes": ("bytes a scrape, gzip where it is had", "bytes"),
    "sample_cpu": ("CPU of the samples of one second", "us"),
    "rss": ("resident memory after the scrapes", "KiB"),
}


def run(bench):
    for name, sweep in SWEEPS.items():
        if bench.wants(name):
            with bench.attempting(name):
                run_sweep(bench, name, sweep)


def run_sweep(bench, name, sweep):
    empty = measure(bench, 0, 0)
    place = 0 if name == "growth_agents" else 1
    points = {}
    for agents, cores in sweep:
        agents = bench.agents(agents)
        points[(agents, cores)[place]] = measure(bench, agents, cores)
    for figure, (what, unit) in FIGURES.items():
        found = {x: point[figure] - empty[figure] for x, point in points.items()}
        # Of these nothing was left; a logarithm has no use for them.
        dropped = [x for x, value in found.items() if value <= 0]
        bench.add(Row(name, f"exponent of {what}", "1", exponent(found), limit="linear", other=1.0,
                      extra={"last_exponent": last_exponent(found), "unit_of_points": unit,
                             "points": found, "subtracted": empty[figure], "dropped": dropped}))


def measure(bench, agents, cores):
    """One point: all figures of the whole fleet, the empty exporter's part included."""
    length_s = bench.seconds(4.0, 0.3)
    rounds = bench.rounds(3)
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(bench.programs.exporter(*FLAGS))
        if agents:
            fleet = stack.enter_context(
                bench.programs.fleet(exporter.ingest_port, agents, 300, cores=cores))
            fleet.wait_for(r"\bready\b", 120)
        else:
            time.sleep(bench.seconds(1.0))
        rates, scrapes = [], []
        for _ in range(rounds):
            start, before = time.monotonic(), exporter.cpu_s()
            time.sleep(length_s)
            rates.append((exporter.cpu_s() - before) / (time.monotonic() - start))
            scrapes.append(scrape_cost(exporter, bench.seconds(1.0, 0.1)))
        rss_kib = exporter.resident_kib()
    return {
        "scrape_cpu": 1000 * median([cpu_s for cpu_s, _ in scrapes]),
        "scrape_bytes": median([size for _, size in scrapes]),
        "sample_cpu": 1e6 * median(rates),
        "rss": rss_kib,
    }


def scrape_cost(exporter, length_s):
    """(CPU seconds, bytes) of one scrape of the default page."""
    sizes = []

    def some():
        end = time.monotonic() + length_s
        while not sizes or time.monotonic() < end:
            sizes.append(len(scrape(exporter.web_port, accept_gzip=True).body))

    cpu_s, _ = idle_then(exporter, length_s, some)
    return cpu_s / len(sizes), sizes[-1]
