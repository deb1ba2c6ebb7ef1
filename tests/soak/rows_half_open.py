"""Links that die without a word: who finds out, and when; and how a machine gets its name back."""

import contextlib
import pathlib
import signal
import tempfile
import time

from measure import BenchError, wait_until

import network
import pages
from machines import Machines
from trust_files import TrustFiles

# Both sides must have found it by then.
FOUND_S = 25.0
# Until the next SYN is sent again, after a link of three seconds' silence.
SYN_AGAIN_S = 4.0
SILENCE_S = 3.0
WAYS = (("from", "to"), ("from",), ("to",))

ROWS = {}


class Scene:
    """An exporter, and one agent at each of as many sites as there are ways to cut one off."""

    def __init__(self, soak, stack, with_tls):
        self._soak = soak
        folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="cpu-monitor-soak-")))
        self.names = [f"site-{index}" for index in range(len(WAYS))]
        self.trust = TrustFiles(folder / "trust", self.names) if with_tls else None
        self._machines = stack.enter_context(Machines(folder / "machines", self.names))
        self.sites = stack.enter_context(network.Sites(soak, len(WAYS)))
        flags = self.trust.exporter_flags() if with_tls else ("--ingest.allow-anonymous",)
        self.exporter = stack.enter_context(soak.programs.exporter(
            *flags, "--ingest.listen-address", f"{network.HOST}:0"))
        self._port = int(self.exporter.wait_for(
            rf"component=ingest address={network.HOST}:(\d+)")[1])
        self.agents = [self.start(index) for index in range(len(WAYS))]
        self.wait_for_up()

    def start(self, index):
        name = self.names[index]
        flags = self.trust.agent_flags(name) if self.trust else ()
        return self._soak.programs.agent(
            self._port, "--endpoint", name, *self._machines[name].flags(), *flags,
            host=network.HOST, inside=self.sites.command(index))

    def page(self):
        return pages.read(self.exporter.web_port)

    def wait_for_up(self):
        wait_until(lambda: sum(self.page().up().values()) == len(self.names), "every agent", 60)

    def connects(self, index):
        return self.page().value("cpu_monitor_agent_connects_total", endpoint=self.names[index])

    def heard(self, index):
        return self.page().heard()[self.names[index]]


def seconds_until(condition, what):
    """Since it was asked for; infinite when it is not so in twice the time there is."""
    began = time.monotonic()
    try:
        wait_until(condition, what, 2 * FOUND_S)
    except BenchError:
        return float("inf")
    return time.monotonic() - began


def count(process, text):
    return process.log().count(text)


def run(soak):
    for with_tls in soak.pick((False, True), (True,)):
        with contextlib.ExitStack() as stack:
            scene = Scene(soak, stack, with_tls)
            kind = "TLS" if with_tls else "plain"
            find(soak, scene, kind)
            if with_tls:
                come_back(soak, scene)


def find(soak, scene, kind):
    for index, ways in enumerate(WAYS):
        scene.sites.cut(index, ways)
    began = time.monotonic()
    found = {}  # {(who, way): after how long}

    def look():
        log = scene.exporter.log()
        up = scene.page().up()
        for index, ways in enumerate(WAYS):
            way = " and ".join(ways)
            seen = {
                "agent": "lost the exporter" in scene.agents[index].log(),
                "exporter": f'msg="agent disconnected" endpoint={scene.names[index]} ' in log,
                "page": up[scene.names[index]] == 0,
            }
            for who in (who for who, is_so in seen.items() if is_so):
                found.setdefault((who, way), round(time.monotonic() - began, 1))
        return len(found) == 3 * len(WAYS)

    with contextlib.suppress(BenchError):  # what is missing is reported
        wait_until(look, "both sides find out", 2 * FOUND_S)
    for who in ("agent", "exporter", "page"):
        times = {way: after for (finder, way), after in found.items() if finder == who}
        worst = max(times.values()) if len(times) == len(WAYS) else float("inf")
        what = "page says that it is down" if who == "page" else f"{who} finds it"
        soak.at_most(f"{kind}: packets lost without a word, until the {what}, s", FOUND_S, worst, **times)
    for index in range(len(WAYS)):
        scene.sites.heal(index)
    scene.wait_for_up()


def come_back(soak, scene):
    """The exporter still holds the old connection, on which nothing will ever come again."""
    refused_before = pages.refusals(scene.exporter.web_port)
    same_s = soak.pick(3, 1) * [0.0]
    for number in range(len(same_s)):
        same_s[number] = same_process_comes_back(scene)
    soak.at_most("the same process, over a new connection, s", SYN_AGAIN_S, max(same_s), each=same_s)
    new_s = new_process_comes_back(scene)
    soak.at_most("a new process with the token of that name, s", SYN_AGAIN_S, new_s)
    refused = pages.refusals(scene.exporter.web_port)
    soak.exactly("of these refused because the name was in use", 0,
                 round(refused["endpoint_in_use"] - refused_before["endpoint_in_use"]))


def same_process_comes_back(scene):
    """Its SIGHUP makes it connect anew; what it says to end the old connection is lost."""
    agent = scene.agents[0]
    connects = scene.connects(0)
    gone = count(scene.exporter, f'msg="agent disconnected" endpoint={scene.names[0]} ')
    scene.sites.cut(0)
    agent.signal(signal.SIGHUP)
    time.sleep(SILENCE_S)
    if count(scene.exporter, f'msg="agent disconnected" endpoint={scene.names[0]} ') != gone:
        raise BenchError("the exporter knew of the end of the old connection")
    scene.sites.heal(0)
    return round(seconds_until(lambda: scene.connects(0) == connects + 1, "a takeover"), 2)


def new_process_comes_back(scene):
    """As after a crash of the machine: nobody told the exporter."""
    connects = scene.connects(1)
    scene.sites.cut(1)
    scene.agents[1].kill()
    last = scene.heard(1)
    wait_until(lambda: time.time() > last + SILENCE_S, "two missed pushes")
    scene.sites.heal(1)
    scene.agents[1] = scene.start(1)
    return round(seconds_until(lambda: scene.connects(1) == connects + 1, "a takeover"), 2)


ROWS["half_open"] = ("links that die without a word are found, and names given back at once", run)
