"""What TLS costs the exporter and the agent, beside the same without it in the same run."""

import contextlib
import pathlib
import re
import shutil
import tempfile
import time

import rows_agent
import rows_ingest
from enrolment import Enrolment
from measure import BenchError, median, samples_taken, scrape
from table import Row

CORES = 8
FEW, MANY = 500, 2000
CONNECTS = 500
# Few enough that no handshake waits for long on a machine of two cores.
CONNECTS_PER_S = 500
INGEST_SIZE = 1000
SCRAPES = 3

ROWS = {
    "memory_per_agent_tls": f"memory of the exporter for each agent over TLS, from {FEW:,} to {MANY:,}",
    "connect_tls": "CPU of the exporter for a TLS connect with its hello and one sample",
    f"ingest_{INGEST_SIZE}_paced_tls":
        f"CPU a sample, {INGEST_SIZE:,} connections over TLS, one a second each",
    "agent_cpu_tls": "CPU of the agent over TLS",
    "agent_pss_tls": "its proportional share of memory, OpenSSL counted in full",
}
# What is allowed of these: KiB for each agent, with TLS and without; MiB of an agent with TLS.
ALLOWED_KIB = {"tls": 60.0, "plain": 12.0}
ALLOWED_AGENT_MIB = 4.0
PLAIN = "without TLS"
ALLOWED = "allowed"
OURS_TLS = "ours, TLS"


def run(bench):
    with tempfile.TemporaryDirectory() as folder:
        enrolment = None
        with bench.attempting(*ROWS):
            enrolment = Enrolment(bench.programs, folder)
        if enrolment is None:
            return
        for name, measure in MEASURES.items():
            if bench.wants(name):
                with bench.attempting(name):
                    measure(bench, enrolment, name)


def kinds(enrolment):
    """{name: (flags of the exporter, flags of the fleet)}."""
    return {"tls": (enrolment.exporter_flags, enrolment.fleet_flags), "plain": ((), ())}


# Memory of the exporter


def measure_memory(bench, enrolment, name):
    taken = {kind: memory_per_agent(bench, *flags) for kind, flags in kinds(enrolment).items()}
    ours, plain = taken["tls"], taken["plain"]
    for limit, other in ((PLAIN, plain["resident"]), (ALLOWED, ALLOWED_KIB["tls"])):
        bench.add(Row(name, "resident for each agent", "KiB", ours["resident"], limit=limit,
                      other=other, extra={
                          "proportional": ours["proportional"], "few_mib": ours["few_mib"],
                          "many_mib": ours["many_mib"], "peak_mib": ours["peak_mib"]}))
    bench.add(Row(name, "the same without TLS", "KiB", plain["resident"], limit=ALLOWED,
                  other=ALLOWED_KIB["plain"], extra={
                      "proportional": plain["proportional"], "few_mib": plain["few_mib"],
                      "many_mib": plain["many_mib"], "peak_mib": plain["peak_mib"]}))


def memory_per_agent(bench, exporter_flags, fleet_flags):
    """What each agent adds between a few and many, all of them sampled and scraped."""
    few, many = bench.agents(FEW), bench.agents(MANY)
    length_s = bench.seconds(5.0)
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(bench.programs.exporter(*exporter_flags))

        def add_agents(count, prefix):
            fleet = stack.enter_context(bench.programs.fleet(
                exporter.ingest_port, count, 600, *fleet_flags, cores=CORES,
                ramp_s=count / CONNECTS_PER_S, endpoint_prefix=prefix))
            fleet.wait_for(r"\bready\b", 120)
            for _ in range(SCRAPES):
                scrape(exporter.web_port, accept_gzip=True)
                # Samples flow meanwhile, and what the page took is given back.
                time.sleep(length_s / SCRAPES)
            return exporter.resident_kib(), exporter.proportional_kib()

        before = add_agents(few, "few-")
        after = add_agents(many - few, "many-")
        resident, proportional = ((more - less) / (many - few) for less, more in zip(before, after))
        return {"resident": resident, "proportional": proportional, "few_mib": before[0] / 1024,
                "many_mib": after[0] / 1024, "peak_mib": exporter.peak_kib() / 1024}


# A connect


def measure_connect(bench, enrolment, name):
    taken = {kind: [] for kind in kinds(enrolment)}
    for _ in range(bench.rounds(5)):
        for kind, flags in kinds(enrolment).items():
            taken[kind].append(connect_cost_us(bench, *flags))
    ours, plain = median(taken["tls"]), median(taken["plain"])
    bench.add(Row(name, "CPU a connect", "us", ours, limit=PLAIN, other=plain, extra={
        "handshake_us": ours - plain, "connects_a_core_second": 1e6 / ours}))


def connect_cost_us(bench, exporter_flags, fleet_flags):
    """Of all that comes until each has been acknowledged once; pushes are as far apart as it lasts,
    so that none sends many samples before the last has connected."""
    agents = bench.agents(CONNECTS)
    with bench.programs.exporter(*exporter_flags) as exporter:
        before = exporter.cpu_s()
        with bench.programs.fleet(exporter.ingest_port, agents, 600, *fleet_flags, cores=CORES,
                                  ramp_s=agents / CONNECTS_PER_S) as fleet:
            fleet.wait_for(r"\bready\b", 60)
            return 1e6 * (exporter.cpu_s() - before) / agents


# A sample


def measure_ingest(bench, enrolment, name):
    with contextlib.ExitStack() as stack:
        measures = []
        for exporter_flags, fleet_flags in kinds(enrolment).values():
            exporter = stack.enter_context(
                bench.programs.exporter(*rows_ingest.EXPORTER_FLAGS, *exporter_flags))
            load = rows_ingest.Load(bench, bench.agents(INGEST_SIZE), "paced", "ticks", fleet_flags)
            measures.append(lambda exporter=exporter, load=load:
                            load.measure(exporter, exporter.ingest_port))
        ours, plain = rows_ingest.in_turns(bench.rounds(5), *measures)
        bench.add(rows_ingest.row_of(name, ours, plain, limit=PLAIN))


# The agent


def measure_agent_cpu(bench, enrolment, name):
    with contextlib.ExitStack() as stack:
        both = [start_tls(bench, stack, enrolment),
                rows_agent.start_ours(bench, stack, rows_agent.exporter_as_taker)]
        cpu_ms = rows_agent.take_windows(bench, both, rows_agent.WINDOWS_ALONE)
    bench.add(Row(name, "CPU a second", "ms", cpu_ms[OURS_TLS], limit=PLAIN,
                  other=cpu_ms[rows_agent.OURS]))


def measure_agent_memory(bench, enrolment, name):
    """With libraries that nobody shares, and once with those that the exporter maps as well."""
    def in_full(bench, stack, _):
        return start_tls(bench, stack, enrolment, with_own_openssl=True)

    def shared(bench, stack, _):
        return start_tls(bench, stack, enrolment)

    ours, with_others = rows_agent.memory_of(bench, in_full), rows_agent.memory_of(bench, shared)
    plain = rows_agent.memory_of(bench, rows_agent.start_ours)
    for limit, other in ((PLAIN, plain["proportional"]), (ALLOWED, ALLOWED_AGENT_MIB)):
        bench.add(Row(name, "proportional share", "MiB", ours["proportional"], limit=limit,
                      other=other, extra={"resident": ours["resident"],
                                          "resident_peak": ours["peak"],
                                          "openssl_shared": with_others["proportional"]}))


def start_tls(bench, stack, enrolment, with_own_openssl=False):
    exporter = stack.enter_context(
        bench.programs.exporter(*enrolment.exporter_flags, ingest_port=enrolment.agent_port))
    env = {}
    if with_own_openssl:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        copy_openssl(exporter, folder)
        env["LD_LIBRARY_PATH"] = folder
    agent = stack.enter_context(
        bench.programs.agent(exporter.ingest_port, *enrolment.agent_flags(), env=env))
    return rows_agent.Watched(OURS_TLS, [agent], lambda: samples_taken(exporter))


def copy_openssl(process, folder):
    """Copies the libraries that this process has mapped: other files, so other pages."""
    maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
    libraries = set(re.findall(r"/\S*/lib(?:ssl|crypto)\.so\S*", maps))
    if not libraries:
        raise BenchError("the exporter maps no library of OpenSSL")
    for library in libraries:
        shutil.copy(library, folder)


MEASURES = dict(zip(ROWS, (measure_memory, measure_connect, measure_ingest, measure_agent_cpu,
                           measure_agent_memory)))
