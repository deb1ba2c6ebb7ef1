"""What a sample of 8 cores costs the one who takes it, beside a bare server and peers."""

import contextlib
import dataclasses
import select
import socket
import time

import rows_scrape
from bench import Bench
from measure import BenchError, median
from table import Row

CORES = 8
SIZES = (1, 100, 1000, 10000)
PACED_SIZES = (1000, 10000)
PEER_SIZE = 1000
PEER_ROUNDS = 2
# Where the fleet ends by itself; the CPU is measured from its start to a little before.
MARGIN_S = 0.2

LOADS = [(size, "max") for size in SIZES] + [(size, "paced") for size in PACED_SIZES]
SAMPLES = {"": "ticks", "_default": "default"}
ROWS = {
    f"ingest_{size}_{pace}{suffix}":
        f"CPU a sample, {size:,} connections, {'flat out' if pace == 'max' else 'one a second each'}"
        + (", samples of the default groups" if suffix else ", samples of about 700 bytes")
    for suffix in SAMPLES for size, pace in LOADS
}
# The highest there is: it must not hold anybody here.
EXPORTER_FLAGS = ("--ingest.max-sample-rate", "10000", "--ingest.max-agents", "20000")
# How far apart our exporter handles what comes; a limit that does as well is beside it where it matters.
BATCH = "10ms"


def run(bench):
    for suffix, sample in SAMPLES.items():
        for size, pace in LOADS:
            name = f"ingest_{size}_{pace}{suffix}"
            if bench.wants(name):
                with bench.attempting(name):
                    run_row(bench, name, Load(bench, bench.agents(size), pace, sample), size)


@dataclasses.dataclass
class Load:
    """Agents that push, as fast as they are acknowledged ("max") or once a second ("paced")."""

    bench: Bench
    agents: int
    pace: str
    sample: str
    fleet_flags: tuple = ()

    def measure(self, server, port):
        """One fleet against one server that acknowledges."""
        bench = self.bench
        duration_s = bench.seconds(4.0 if self.pace == "max" else 6.0, 0.5)
        with bench.programs.fleet(port, self.agents, duration_s, "--sample", self.sample,
                                  *self.fleet_flags, cores=CORES, is_flat_out=self.pace == "max") as fleet:
            fleet.wait_for(r"\bready\b", 60)
            start, before = time.monotonic(), server.cpu_s()
            time.sleep(duration_s - MARGIN_S)
            cpu_share = (server.cpu_s() - before) / (time.monotonic() - start)
            result = fleet.result(duration_s + 30)
        if not result["samples_acked"]:
            raise BenchError(f"{server.name} acknowledged nothing")
        per_s = result["samples_acked"] / result["seconds"]
        return {"us": 1e6 * cpu_share / per_s, "per_s": per_s, "ack_p99_ms": result["ack_ms"]["p99"],
                "sample_bytes": result["sample_bytes"]}


def run_row(bench, name, load, size):
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(bench.programs.exporter(*EXPORTER_FLAGS))

        def ours():
            return load.measure(exporter, exporter.ingest_port)

        limits = start_limits(bench, stack, load)
        found, *beside = in_turns(bench.rounds(2 if size == 10000 else 3), ours, *limits.values())
        if not limits:
            bench.add(row_of(name, found))
        for limit, other in zip(limits, beside):
            bench.add(row_of(name, found, other, limit=limit))
        if size == PEER_SIZE and load.sample == "ticks":
            for peer, start in PEERS.items():
                with bench.peer(peer), contextlib.ExitStack() as peer_stack:
                    theirs = start(bench, peer_stack, load)
                    found, other = in_turns(bench.rounds(PEER_ROUNDS), ours, theirs)
                    bench.add(row_of(name, found, other, peer=peer))
        exporter.require_running()


def in_turns(rounds, *measures):
    """Measures one after another, again and again: for each of them the medians of its rounds."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [{key: median([one[key] for one in of_one]) for key in of_one[0]}
            for of_one in zip(*taken)]


def row_of(name, ours, other=None, **beside):
    """The row of ours beside a limit or a peer: limit=NAME or peer=NAME."""
    extra = {key: value for key, value in ours.items() if key != "us"}
    if other:
        extra |= {f"other_{key}": other[key] for key in ("per_s", "ack_p99_ms") if key in other}
    return Row(name, "CPU a sample", "us", ours["us"], **beside,
               other=other["us"] if other else None, extra=extra)


def start_limits(bench, stack, load):
    """{name: what measures one round of it}."""
    flags = {"bare epoll server": []}
    if load.pace == "paced":
        flags["bare epoll server, in batches"] = ["--batch", BATCH]
    limits = {}
    for name, of_it in flags.items():
        with bench.limit(name):
            server, port = bench.programs.ack_server(*of_it)
            stack.enter_context(server)
            limits[name] = lambda server=server, port=port: load.measure(server, port)
    return limits


# Peers: each is started, and what measures one round of it is returned.


def start_thread_server(bench, stack, load):
    server, port = bench.programs.thread_server()
    stack.enter_context(server)
    return lambda: load.measure(server, port)


def start_pushgateway(bench, stack, load):
    gateway, port = bench.programs.pushgateway()
    stack.enter_context(gateway)
    puts = stack.enter_context(PutLoad(port, load.agents))
    # Groups that are new cost more; their second push is what one costs.
    puts.run(bench.seconds(1.5), bench.seconds(1.0, 0.2))
    interval_s = 0 if load.pace == "max" else bench.seconds(1.0, 0.2)

    def measure():
        before = gateway.cpu_s()
        pushed, seconds = puts.run(bench.seconds(6.0, 0.5), interval_s)
        if not pushed:
            raise BenchError("it answered no push")
        return {"us": 1e6 * (gateway.cpu_s() - before) / pushed, "per_s": pushed / seconds}

    return measure


PEERS = {"Python, a thread per connection": start_thread_server,
         "prometheus-pushgateway": start_pushgateway}


class PutLoad:
    """Connections that are kept; on each the 65 series of one agent are PUT, again and again."""

    def __init__(self, port, agents):
        self._sockets = {}
        self._poll = select.epoll()
        for agent in range(agents):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.settimeout(30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            body = rows_scrape.push_body(agent)
            head = (f"PUT {rows_scrape.push_path(agent)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    f"Content-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n\r\n")
            self._sockets[connection.fileno()] = connection, head.encode() + body
            self._poll.register(connection, select.EPOLLIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._poll.close()
        for connection, _ in self._sockets.values():
            connection.close()

    def run(self, duration_s, interval_s):
        """Pushes for so long, each connection as soon as it is answered or once an interval.

        Returns the answered pushes and the seconds they took.
        """
        start = time.monotonic()
        end = start + duration_s
        step = interval_s / len(self._sockets)
        due = [(start + place * step, one) for place, one in enumerate(self._sockets)]
        due.reverse()  # the next one is the last
        waiting, answered = set(), 0
        while waiting or due:
            now = time.monotonic()
            while due and due[-1][0] <= now < end:
                waiting.add(due[-1][1])
                self._send(due.pop()[1])
            if now >= end:
                due.clear()
            pause_s = min(due[-1][0] - now if due else 1.0, 1.0)
            ready = self._poll.poll(max(0.0, pause_s)) if waiting or due else []
            for descriptor, _ in ready:
                self._take_answer(descriptor)
                waiting.discard(descriptor)
                answered += 1
                if interval_s:
                    due.insert(0, (now + interval_s, descriptor))
                else:
                    due.append((now, descriptor))
            if now > end + 30:
                raise BenchError("prometheus-pushgateway does not answer")
        return answered, time.monotonic() - start

    def _send(self, descriptor):
        connection, request = self._sockets[descriptor]
        connection.sendall(request)

    def _take_answer(self, descriptor):
        answer = self._sockets[descriptor][0].recv(65536)
        if not answer.startswith(b"HTTP/1.1 20") or not answer.endswith(b"\r\n\r\n"):
            raise BenchError(f"prometheus-pushgateway answered {answer[:200]!r}")
