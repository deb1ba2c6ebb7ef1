"""What a sample of 8 cores costs the one who takes it, beside a bare server and peers."""

import contextlib
import select
import socket
import time

import rows_scrape
from measure import BenchError, median
from table import Row

CORES = 8
SIZES = (1, 100, 1000, 10000)
PACED_SIZES = (1000, 10000)
PEER_SIZE = 1000
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
# The most that an agent may be allowed; one alone on its connection meets it.
MAX_SAMPLE_RATE = 10000
EXPORTER_FLAGS = ("--ingest.max-sample-rate", str(MAX_SAMPLE_RATE), "--ingest.max-agents", "20000")


def run(bench):
    for suffix, sample in SAMPLES.items():
        for size, pace in LOADS:
            name = f"ingest_{size}_{pace}{suffix}"
            if bench.wants(name):
                bench.say(f"ingest: {name}")
                run_row(bench, name, size, pace, sample)


def run_row(bench, name, size, pace, sample):
    agents = bench.agents(size)
    ours, limit = [], []
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(bench.programs.exporter(*EXPORTER_FLAGS))
        server, port = None, None
        with bench.skipping("the limit of ingest"):
            server, port = bench.programs.ack_server()
            stack.enter_context(server)
        for _ in range(bench.rounds(2 if size == 10000 else 3)):
            ours.append(measure(bench, exporter, exporter.ingest_port, agents, pace, sample))
            if server:
                limit.append(measure(bench, server, port, agents, pace, sample))
    if median([one["per_s"] for one in ours]) > 0.95 * MAX_SAMPLE_RATE * agents:
        bench.note(f"{name}: held by the exporter's rate limit, so it is not flat out")
    common = {"row": name, "what": "CPU a sample", "unit": "us",
              "ours": median([one["us"] for one in ours])}
    extra = {"per_s": median([one["per_s"] for one in ours]), "sample_bytes": ours[0]["bytes"],
             "ack_p99_ms": median([one["p99_ms"] for one in ours])}
    if not limit:
        bench.add(Row(**common, extra=extra))
    else:
        bench.add(Row(**common, limit="bare epoll server", other=median([one["us"] for one in limit]),
                      extra=extra | {"other_per_s": median([one["per_s"] for one in limit])}))
    if size == PEER_SIZE and sample == "ticks":
        add_peers(bench, common, agents, pace, extra)


def measure(bench, server, port, agents, pace, sample):
    """One fleet against one server that acknowledges."""
    duration_s = bench.seconds(4.0 if pace == "max" else 6.0, 0.5)
    with bench.programs.fleet(port, agents, duration_s, "--sample", sample, cores=CORES,
                              is_flat_out=pace == "max") as fleet:
        fleet.wait_for(r"\bready\b", 60)
        start, before = time.monotonic(), server.cpu_s()
        time.sleep(duration_s - MARGIN_S)
        cpu_share = (server.cpu_s() - before) / (time.monotonic() - start)
        result = fleet.result(duration_s + 30)
    if not result["samples_acked"]:
        raise BenchError(f"{server.name} acknowledged nothing")
    per_s = result["samples_acked"] / result["seconds"]
    return {"us": 1e6 * cpu_share / per_s, "per_s": per_s, "bytes": result["sample_bytes"],
            "p99_ms": result["ack_ms"]["p99"]}


# Peers


def add_peers(bench, common, agents, pace, extra):
    def add(peer, found):
        bench.add(Row(**common, peer=peer, other=found["us"],
                      extra=extra | {"other_per_s": found["per_s"]}))

    with bench.skipping("thread-per-connection Python server"):
        server, port = bench.programs.thread_server()
        with server:
            add("Python, a thread per connection",
                measure(bench, server, port, agents, pace, "ticks"))
    with bench.skipping("prometheus-pushgateway"):
        gateway, port = bench.programs.pushgateway()
        with gateway, PutLoad(port, agents) as load:
            # Groups that are new cost more; their second push is what one costs.
            load.run(bench.seconds(1.5), bench.seconds(1.0, 0.2))
            add("prometheus-pushgateway", measure_put(bench, gateway, load, pace))


def measure_put(bench, gateway, load, pace):
    before = gateway.cpu_s()
    interval_s = 0 if pace == "max" else bench.seconds(1.0, 0.2)
    pushed, seconds = load.run(bench.seconds(6.0, 0.5), interval_s)
    return {"us": 1e6 * (gateway.cpu_s() - before) / max(1, pushed), "per_s": pushed / seconds}


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
