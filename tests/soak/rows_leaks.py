"""Thousands of connections under valgrind: nothing is lost that was allocated for them."""

import asyncio
import contextlib
import pathlib
import re
import secrets
import shutil
import signal
import tempfile

from measure import BenchError, Skip, wait_until

import hostile
import pages
import wire
from machines import Machines
from trust_files import TrustFiles

# Valgrind makes everything some twenty times slower.
END_DEADLINE_S = 120
CONNECT_DEADLINE_S = 60
AT_ONCE = 20
NAMES = [f"leak-{number}" for number in range(20)]

ROWS = {}


def valgrind(log):
    return ("valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect",
            "--errors-for-leak-kinds=definite,indirect", f"--log-file={log}", "--")


def run(soak):
    if not shutil.which("valgrind"):
        raise Skip("there is no valgrind")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="cpu-monitor-soak-")))
        trust = TrustFiles(folder / "trust", NAMES)
        connects = soak.pick(5000, 100)
        exporter_in_plain(soak, folder, connects)
        exporter_in_tls(soak, folder, trust, connects)
        agent(soak, folder, trust, soak.pick(500, 15))


def exporter_in_plain(soak, folder, connects):
    log = folder / "plain.log"
    exporter = start_exporter(soak, log)
    kinds = (honest, *(thrower(words) for words in hostile.GARBAGE), classroom, silent)
    asyncio.run(call(exporter.ingest_port, kinds, connects))
    report(soak, "exporter, plain", exporter, log, connects, **became_of_them(exporter))


def exporter_in_tls(soak, folder, trust, connects):
    """Good and bad of both; it reads its files anew meanwhile."""
    log = folder / "tls.log"
    exporter = start_exporter(soak, log, *trust.exporter_flags())
    good = wire.client_context(trust.agents())
    none, stranger = wire.client_context(), wire.client_context(trust.exporter())
    kinds = (secured(good, lambda name: {"token": trust.token(name)}),
             secured(good, lambda name: {"token": secrets.token_hex(16)}),
             secured(good, lambda name: {}),
             secured(none, lambda name: {"token": trust.token(name)}),
             secured(stranger, lambda name: {}),
             thrower(hostile.client_hello), thrower(hostile.GARBAGE[0]), honest, silent)
    asyncio.run(call(exporter.ingest_port, kinds, connects,
                     every=(connects // 20, lambda: exporter.signal(signal.SIGHUP))))
    report(soak, "exporter, TLS", exporter, log, connects, **became_of_them(exporter))


def became_of_them(exporter):
    page = pages.read(exporter.web_port, pages.EXPORTER_PATH)
    refused = page.by_reason("cpu_monitor_exporter_connections_refused_total")
    return {"samples": round(page.value("cpu_monitor_exporter_samples_received_total")),
            "refused": {reason: round(count) for reason, count in refused.items() if count}}


def start_exporter(soak, log, *flags):
    return soak.programs.exporter(*flags, inside=valgrind(log))


def agent(soak, folder, trust, connects):
    """It connects anew whenever it is told to read its files again."""
    log, name = folder / "agent.log", NAMES[0]
    with Machines(folder / "machines", [name]) as machines, \
            soak.programs.exporter(*trust.exporter_flags()) as exporter:
        under_test = soak.programs.agent(
            exporter.ingest_port, "--endpoint", name, *machines[name].flags(),
            *trust.agent_flags(name), inside=valgrind(log))
        for number in range(1, connects + 1):
            wait_until(lambda number=number: connections(exporter, name) >= number,
                       f"connection {number} of the agent", CONNECT_DEADLINE_S)
            if number < connects:
                under_test.signal(signal.SIGHUP)
        report(soak, "agent, TLS", under_test, log, connects)


def connections(exporter, name):
    page = pages.read(exporter.web_port)
    return page.value("cpu_monitor_agent_connects_total", endpoint=name) or 0


def report(soak, what, process, log, connects, **more):
    process.require_running()
    process.end(END_DEADLINE_S)
    text = log.read_text()
    summary = re.search(r"ERROR SUMMARY: (\d+) errors", text)
    if not summary:
        raise BenchError(f"valgrind said nothing of {what}: {text[-300:]}")
    lost = {kind: int(amount.replace(",", ""))
            for kind, amount in re.findall(r"(definitely|indirectly) lost: ([\d,]+) bytes", text)}
    first = re.search(r"== (\d[\d,]* .*(?:lost|Invalid|uninitialised).*)", text)
    soak.check(f"{what}: bytes lost, errors", "0, 0", [sum(lost.values()), int(summary[1])],
               sum(lost.values()) == 0 and summary[1] == "0", connects=connects, **more,
               **({"first": first[1]} if first and summary[1] != "0" else {}))


# Callers


async def call(port, kinds, connects, every=None):
    """So many connections, of each kind in turn, some at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def call_one(number):
        async with gate:
            if every and number % every[0] == every[0] - 1:
                every[1]()
            # Each from an address of its own, since those who fail too often are turned away.
            source = f"127.20.{number // 250 % 250}.{number % 250 + 1}"
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async with asyncio.timeout(CONNECT_DEADLINE_S):
                    await kinds[number % len(kinds)](port, source, NAMES[number % len(NAMES)])

    await asyncio.gather(*(call_one(number) for number in range(connects)))


@contextlib.asynccontextmanager
async def connection(port, source, context=None):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def converse(reader, writer, name, **fields):
    writer.write(wire.hello(name, **fields))
    await reader.readline()
    writer.write(wire.line(type="sample", sequence=1, percent=1.5))
    await reader.readline()
    writer.write(wire.line(type="goodbye", reason="stop"))
    await reader.read()


async def honest(port, source, name):
    async with connection(port, source) as (reader, writer):
        await converse(reader, writer, name)


def secured(context, fields_of):
    async def do(port, source, name):
        async with connection(port, source, context) as (reader, writer):
            await converse(reader, writer, name, **fields_of(name))
    return do


def thrower(words):
    async def throw(port, source, name):
        async with connection(port, source) as (reader, writer):
            writer.write(words())
            await asyncio.wait([asyncio.ensure_future(reader.read(1000))], timeout=0.2)
    return throw


async def classroom(port, source, name):
    async with connection(port, source) as (reader, writer):
        writer.write(b'{"The Perecentage Of CPU USAGE": 14.6}')
        await reader.read(100)


async def silent(port, source, name):
    async with connection(port, source):
        pass


ROWS["valgrind"] = ("10,000 connections, good and bad: no byte is lost", run)
