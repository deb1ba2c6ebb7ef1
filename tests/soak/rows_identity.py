"""Nobody gets in who does not belong, and nobody can speak for another machine."""

import asyncio
import contextlib
import pathlib
import secrets
import socket
import tempfile
import threading

from measure import FAILURES, wait_until

import certificates
import impostors
import pages
import wire
from machines import Machines
from trust_files import SERVER_NAME, digest

VICTIM = "web-1"
OTHER = "web-2"
# A budget of failed hellos is kept for each address: 200 at once, 10 a second.
ATTEMPTS_OF_AN_ADDRESS = 40
LOG_DEADLINE_S = 30.0
REPLAYS = 50

ROWS = {}


class Scene:
    """An exporter with one honest agent, and what must not become of it."""

    def __init__(self, soak, stack, folder, exporter_flags, agent_flags):
        self._soak = soak
        self._machines = stack.enter_context(Machines(folder, [VICTIM]))
        self.exporter = stack.enter_context(soak.programs.exporter(*exporter_flags))
        self.port = self.exporter.ingest_port
        stack.enter_context(soak.programs.agent(
            self.port, "--endpoint", VICTIM, "--tls.server-name", SERVER_NAME, *agent_flags,
            *self._machines[VICTIM].flags()))
        wait_until(lambda: pages.read(self.exporter.web_port).up().get(VICTIM) == 1, "the honest agent")
        self._watch = VictimWatch(self.exporter.web_port, self._machines)
        stack.callback(self._watch.end)

    def refusals(self):
        return pages.refusals(self.exporter.web_port)

    def values(self, family):
        page = pages.read(self.exporter.web_port, pages.EXPORTER_PATH)
        return page.by_reason(family)

    def report_victim(self, where):
        self._watch.end()
        self._machines.hold([VICTIM])

        def is_true():
            page = pages.read(self.exporter.web_port)
            return pages.tick_errors(page, self._machines, [VICTIM])[VICTIM] <= 1
        wait_until(is_true, "the true counters of the honest agent")
        self._soak.exactly(f"{where}: the honest machine's series touched", [], self._watch.faults[:3],
                           scrapes=self._watch.scrapes)


class VictimWatch(threading.Thread):
    """Looks at the honest machine all the time."""

    def __init__(self, port, machines):
        super().__init__(daemon=True)
        self._port = port
        self._machines = machines
        self._ended = threading.Event()
        self.scrapes = 0
        self.faults = []
        self.start()

    def end(self):
        self._ended.set()
        self.join()

    def run(self):
        highest = {}
        while not self._ended.wait(0.2):
            page = pages.read_if_up(self._port)
            if not page:
                self.faults.append("no page")
                continue
            self.scrapes += 1
            self._look(page, highest)

    def _look(self, page, highest):
        labels = {"endpoint": VICTIM}
        if page.value("cpu_monitor_agent_up", **labels) != 1:
            self.faults.append("not up")
        if (connects := page.value("cpu_monitor_agent_connects_total", **labels)) != 1:
            self.faults.append(f"{connects} connects")
        clean = self._machines.clean(VICTIM)[1]
        _, total = page.ticks().get(VICTIM, ({}, {}))
        if not total or any(total[mode] > true + 1 for mode, true in zip(pages.MODES, clean)):
            self.faults.append(f"counters {total} beyond {clean}")
        for key, value in page.counters().items():
            if value < highest.setdefault(key, value):
                self.faults.append(f"{key} fell")
            highest[key] = value


class Tally:
    """Attempts, and what the exporter made of them."""

    def __init__(self, scene):
        self._scene = scene
        self._before = scene.refusals()
        self.attempts = 0
        self.accepted = []

    def note(self, what, outcome):
        self.attempts += 1
        if outcome in ("welcome", "ack"):
            self.accepted.append(what)

    def counted(self):
        """{reason: connections refused since}, of what was counted at all."""
        after = self._scene.refusals()
        grown = {reason: round(after[reason] - self._before.get(reason, 0)) for reason in after}
        return {reason: count for reason, count in grown.items() if count}

    def wait_until_all_counted(self):
        wait_until(lambda: sum(self.counted().values()) >= self.attempts,
                   f"{self.attempts} refusals, not {self.counted()}")


def run(soak):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="cpu-monitor-soak-")))
        exporter_papers = impostors.Papers(folder / "exporter", impostors.exporter_side(SERVER_NAME))
        agent_papers = impostors.Papers(folder / "agent", impostors.agent_side(VICTIM))
        show_bad_certificates_to_exporter(soak, folder, exporter_papers, agent_papers)
        show_bad_certificates_to_agents(soak, exporter_papers)
        say_wrong_tokens(soak, folder, exporter_papers)


# Certificates


def tls_flags(papers):
    return ("--ingest.tls-cert-file", papers.good.cert, "--ingest.tls-key-file", papers.good.key)


def show_bad_certificates_to_exporter(soak, folder, exporter_papers, agent_papers):
    other = agent_papers.authority.issue("of-other", f"DNS:{OTHER}", impostors.AGENT_PURPOSE)
    with contextlib.ExitStack() as stack:
        scene = Scene(
            soak, stack, folder / "machines-1",
            (*tls_flags(exporter_papers), "--ingest.tls-client-ca-file", agent_papers.believed),
            ("--tls.ca-file", exporter_papers.believed, "--tls.cert-file", agent_papers.good.cert,
             "--tls.key-file", agent_papers.good.key))
        accepted, miscounted = [], {}
        shown = {**agent_papers.bad, "none at all": None}
        for kind, pair in shown.items():
            tally = Tally(scene)
            tally.note(kind, wire.outcome_of(scene.port, wire.lie(VICTIM), wire.client_context(pair)))
            tally.wait_until_all_counted()
            accepted += tally.accepted
            expected = {impostors.KINDS.get(kind, "unauthorized"): 1}
            if tally.counted() != expected:
                miscounted[kind] = tally.counted()
        soak.at_least("kinds of bad certificate shown to the exporter", 9, len(shown))
        soak.exactly("of these accepted", [], accepted)
        soak.exactly("of these not counted with their reason", {}, miscounted)

        tally = Tally(scene)
        context = wire.client_context(other)
        outcome = wire.outcome_of(scene.port, wire.lie(VICTIM), context)
        tally.note("another's", outcome)
        tally.wait_until_all_counted()
        soak.check("a good certificate of A that says hello as B", "refused and counted", outcome,
                   not tally.accepted and tally.counted() == {"endpoint_denied": 1},
                   counted=tally.counted(),
                   as_itself=wire.outcome_of(scene.port, wire.hello(OTHER), context))
        replay(soak, stack, scene, agent_papers, exporter_papers)
        scene.report_victim("certificates")


def show_bad_certificates_to_agents(soak, papers):
    """The agent must leave before it says a word, its token least of all."""
    with contextlib.ExitStack() as stack:
        believed = papers.believed

        def start(pair):
            exporter = stack.enter_context(impostors.FalseExporter(pair))
            return exporter, stack.enter_context(soak.programs.agent(
                exporter.port, "--endpoint", VICTIM, "--tls.ca-file", believed,
                "--tls.server-name", SERVER_NAME))

        good, _ = start(papers.good)
        wait_until(lambda: b'"hello"' in good.heard, "the hello to an exporter that is believed")
        started = {kind: start(pair) for kind, pair in papers.bad.items()}
        silent = []
        for kind, (exporter, agent) in started.items():
            wait_until(lambda exporter=exporter: exporter.callers, f"an agent at the one {kind}")
            with contextlib.suppress(*FAILURES):
                agent.wait_for(r'certificate is not believed.* reason=\S', LOG_DEADLINE_S)
                continue
            silent.append((kind, agent.log()[-200:]))
        told = [kind for kind, (exporter, _) in started.items() if exporter.heard]
        soak.at_least("kinds of bad certificate shown to agents", 9, len(started))
        soak.exactly("of these told anything", [], told)
        soak.exactly("of these not logged with a reason", [], silent)


# Replays


class Recorder(threading.Thread):
    """Passes one connection on, and keeps what the caller said."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self._exporter_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.said = b""
        self.start()

    def run(self):
        caller, _ = self._listener.accept()
        with caller, socket.create_connection(("127.0.0.1", self._exporter_port)) as exporter:
            back = threading.Thread(target=self._pass_on, args=(exporter, caller), daemon=True)
            back.start()
            self._pass_on(caller, exporter, self._keep)
            back.join()
        self._listener.close()

    def _keep(self, data):
        self.said += data

    @staticmethod
    def _pass_on(source, target, keep=lambda data: None):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                keep(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def replay(soak, stack, scene, agent_papers, exporter_papers):
    """What an honest agent said, said again by somebody who listened."""
    name = "replayed"
    pair = agent_papers.authority.issue("of-replayed", f"DNS:{name}", impostors.AGENT_PURPOSE)
    recorder = Recorder(scene.port)
    agent = soak.programs.agent(
        recorder.port, "--endpoint", name, "--tls.server-name", SERVER_NAME,
        "--tls.ca-file", exporter_papers.believed, "--tls.cert-file", pair.cert,
        "--tls.key-file", pair.key, "--push.interval", "100ms")
    wait_until(lambda: pages.read(scene.exporter.web_port).up().get(name) == 1, "the recorded agent")
    agent.kill()
    recorder.join()
    tally = Tally(scene)
    for _ in range(REPLAYS):
        tally.note("a replay", raw_outcome(scene.port, recorder.said))
    tally.wait_until_all_counted()
    connects = pages.read(scene.exporter.web_port).value("cpu_monitor_agent_connects_total",
                                                         endpoint=name)
    soak.check("recorded TLS streams said again", "0 accepted, each counted", tally.attempts,
               not tally.accepted and connects == 1
               and tally.counted() == {"tls_handshake": REPLAYS},
               counted=tally.counted(), bytes=len(recorder.said))
    repeat_messages(soak, scene, wire.client_context(pair), name)


def raw_outcome(port, data):
    """Anything but an alert of TLS would be more than whoever repeats it may have."""
    with socket.create_connection(("127.0.0.1", port), wire.ANSWER_DEADLINE_S) as caller:
        with contextlib.suppress(OSError):
            caller.sendall(data)
            caller.shutdown(socket.SHUT_WR)
            while caller.recv(65536):
                pass
    return "closed"


def repeat_messages(soak, scene, context, name):
    """A sample that comes again changes nothing, and a second hello ends the connection."""
    family = "cpu_monitor_exporter_samples_rejected_total"
    before = scene.values(family)
    with wire.Caller(scene.port, context) as caller:
        caller.send(wire.hello(name))
        caller.receive()
        for sequence, percent in ((1, 10.0), (2, 20.0), (2, 90.0), (1, 95.0)):
            caller.send(wire.line(type="sample", sequence=sequence, percent=percent))
            caller.receive()
        percent = pages.read(scene.exporter.web_port).value(
            "my_cpu_percents", endpoint=name, method="reported")
        caller.send(wire.hello(name))
        answer = wire.outcome_in(caller.receive())
    grown = scene.values(family)["sequence_not_rising"] - before["sequence_not_rising"]
    soak.check("repeated samples and a second hello", "ignored and counted; bad_field",
               [percent, round(grown), answer], (percent, grown, answer) == (20.0, 2, "bad_field"))


# Tokens


def say_wrong_tokens(soak, folder, papers):
    right, others = secrets.token_hex(16), secrets.token_hex(16)
    expired = secrets.token_hex(16)
    tokens = folder / "tokens"
    certificates.put_secret(tokens, f"{VICTIM} {digest(right)}\n{VICTIM} {digest(expired)} "
                                    f"expires=2020-02-29\n{OTHER} {digest(others)}\n")
    token_file = folder / "token"
    certificates.put_secret(token_file, right + "\n")
    wrong = [None, "", right[:-1], right + "0", right.upper() + " ", digest(right), expired, others]
    with contextlib.ExitStack() as stack:
        scene = Scene(soak, stack, folder / "machines-2",
                      (*tls_flags(papers), "--ingest.tokens-file", tokens),
                      ("--tls.ca-file", papers.believed, "--token-file", token_file))
        tally = Tally(scene)
        many = soak.pick(9000, 400)
        of_one_address = soak.pick(1000, 300)
        attempts = [(wrong[number] if number < len(wrong) else secrets.token_hex(16),
                     address(number // ATTEMPTS_OF_AN_ADDRESS)) for number in range(many)]
        attempts += [(secrets.token_hex(16), "127.9.9.9")] * of_one_address
        outcomes = asyncio.run(try_tokens(scene.port, attempts))
        for outcome in outcomes:
            tally.note("a wrong token", outcome)
        tally.wait_until_all_counted()
        counted = tally.counted()
        soak.at_least("wrong tokens said", soak.pick(10000, 700), tally.attempts,
                      addresses=many // ATTEMPTS_OF_AN_ADDRESS + 1)
        soak.exactly("of these accepted", [], tally.accepted)
        soak.check("of these counted, by reason", "each, once", counted,
                   sum(counted.values()) == tally.attempts and counted.get("rate", 0) > 0
                   and counted.get("endpoint_denied") == 1
                   and counted.keys() == {"unauthorized", "endpoint_denied", "rate"})
        scene.report_victim("tokens")


def address(number):
    return f"127.8.{number // 250}.{number % 250 + 1}"


async def try_tokens(port, attempts, at_once=40):
    """The outcome of each: [(token or none, where it comes from)]."""
    context = wire.client_context()
    gate = asyncio.Semaphore(at_once)

    async def try_one(token, source):
        fields = {} if token is None else {"token": token}
        async with gate:
            return await async_outcome(port, context, source, wire.lie(VICTIM, **fields))

    return await asyncio.gather(*(try_one(*attempt) for attempt in attempts))


async def async_outcome(port, context, source, data):
    writer = None
    try:
        async with asyncio.timeout(wire.ANSWER_DEADLINE_S):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, local_addr=(source, 0))
            writer.write(data)
            text = await reader.readline()
            return wire.outcome_in(wire.json.loads(text) if text else None)
    except OSError:
        return "closed"
    finally:
        if writer:
            writer.transport.abort()


ROWS["identity"] = (
    "bad certificates, wrong tokens, replays: nobody speaks for another machine", run)
