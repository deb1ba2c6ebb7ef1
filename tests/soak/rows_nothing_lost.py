"""Everything dies, again and again, under load; in the end every counter is what it should be."""

import contextlib
import heapq
import pathlib
import random
import signal
import ssl
import tempfile
import time

from measure import BenchError, wait_until
from waiting import free_port

import network
import pages
from machines import Machines
from trust_files import TrustFiles

STALE_AFTER_S = 15.0
# An agent that lost its exporter waits up to 30 s, at random, before the next attempt.
BACK_DEADLINE_S = 90.0
# What an exporter has to take up new files, beside the times when it is stopped or dead.
RELOAD_DEADLINE_S = 15.0
LOOK_DEADLINE_S = 2.0
SITES = 5
PUSH_S = 1.0

ROWS = {}


class Shape:
    """How much of everything a run does, and in what time."""

    def __init__(self, soak):
        self.agents = soak.pick(200, 16)
        self.length_s = soak.pick(660.0, 24.0)
        self.agent_kills = soak.pick(176, 12)
        self.exporter_kills = soak.pick(28, 2)
        self.longest_partition_s = soak.pick(45.0, 20.0)
        self.partitions = soak.pick(22, 2)
        self.rotations = soak.pick(12, 3)
        self.suspends = soak.pick(6, 1)
        self.agent_stops = soak.pick(8, 1)
        self.exporter_stops = soak.pick(3, 1)


class Member:
    """A machine of the fleet and the agent on it."""

    def __init__(self, fleet, name, site):
        self._fleet = fleet
        self.name = name
        self.site = site  # None: the monitoring host itself
        self.process = None
        self.is_stopped = False
        self.was_suspended = False

    def start(self):
        self.process = self._fleet.start_agent(self)

    def is_running(self):
        return self.process is not None and not self.is_stopped

    def has_kernels_counters(self):
        return not self.was_suspended

    def kill(self):
        self.process.kill()
        self.process = None

    def signal(self, number):
        self.process.signal(number)


class Fleet:
    """The exporter, its agents, and the networks between them."""

    def __init__(self, soak, shape, stack):
        self._soak = soak
        folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="cpu-monitor-soak-")))
        names = [f"soak-{number:03}" for number in range(shape.agents)]
        self.trust = TrustFiles(folder / "trust", names)
        self.machines = stack.enter_context(Machines(folder / "machines", names))
        self.sites = None
        if soak.has_own_network:
            self.sites = stack.enter_context(network.Sites(soak, SITES))
        self._ports = {"ingest_port": free_port(), "web_port": free_port()}
        self.members = [Member(self, name, index % SITES if self.sites else None)
                        for index, name in enumerate(names)]
        self.exporter = None
        self.start_exporter()

    @property
    def web_port(self):
        return self._ports["web_port"]

    def start_exporter(self):
        flags = self.trust.exporter_flags()
        if self.sites:
            flags += ("--ingest.listen-address", f"{network.HOST}:{self._ports['ingest_port']}")
        self.exporter = self._soak.programs.exporter(*flags, **self._ports)

    def start_agent(self, member):
        inside, host = (), "127.0.0.1"
        if self.sites:
            inside, host = self.sites.command(member.site), network.HOST
        return self._soak.programs.agent(
            self._ports["ingest_port"], "--endpoint", member.name, "--push.interval", f"{PUSH_S:g}s",
            *self.machines[member.name].flags(), *self.trust.agent_flags(member.name),
            host=host, inside=inside)

    def names(self):
        return [member.name for member in self.members]

    def wait_for_truth(self, names, what, deadline_s):
        """Until the page shows these machines, which are held still, within one tick of each mode."""
        def is_true():
            page = pages.read_if_up(self.web_port)
            if not page:
                return None
            errors = pages.tick_errors(page, self.machines, names)
            return errors if max(errors.values()) <= 1 else None
        return wait_until(is_true, what, deadline_s)


class Havoc:
    """What happens to a fleet, in the order of time.  One thread; nothing in it takes long."""

    def __init__(self, soak, shape, fleet, watch):
        self._soak = soak
        self._shape = shape
        self._fleet = fleet
        self._watch = watch
        self._random = random.Random(20)
        self._queue = []
        self._order = 0
        self._exporter_is_paused = False
        self.counts = dict.fromkeys(("agent kills", "exporter kills", "partitions", "rotations",
                                     "suspends", "agent stops", "exporter stops"), 0)
        self.failures = []

    def run(self):
        shape, start = self._shape, time.monotonic()
        plan = [(shape.agent_kills, self._kill_agent), (shape.exporter_kills, self._kill_exporter),
                (shape.agent_stops, self._stop_agent), (shape.exporter_stops, self._stop_exporter),
                (shape.suspends, self._suspend)]
        if self._fleet.sites:
            plan.append((shape.partitions, self._cut))
        for count, action in plan:
            for _ in range(count):
                self._at(start + self._random.uniform(0, shape.length_s), action)
        # One after the other, in even steps: each takes seconds.
        for number in range(shape.rotations):
            due = start + shape.length_s * (number + 0.5) / shape.rotations
            kind = self._ROTATIONS[number % len(self._ROTATIONS)]
            self._at(due, lambda kind=kind: kind(self))
        while self._queue:
            due, _, action = heapq.heappop(self._queue)
            time.sleep(max(0.0, due - time.monotonic()))
            action()

    def _at(self, when, action):
        self._order += 1
        heapq.heappush(self._queue, (when, self._order, action))

    def _in(self, seconds, action):
        self._at(time.monotonic() + seconds, action)

    # Both sides

    def _some_agent(self, *conditions):
        """One that runs, may be reached, and fulfils these."""
        fit = [member for member in self._fleet.members
               if member.is_running() and all(condition(member) for condition in conditions)]
        return self._random.choice(fit) if fit else None

    def _down_time_s(self):
        """Most come back at once, some after their values must have gone."""
        if self._random.random() < 0.25:
            return self._random.uniform(STALE_AFTER_S + 1, STALE_AFTER_S + 8)
        return self._random.uniform(0, 4)

    def _kill_agent(self):
        # A machine that was suspended counts from then on above its kernel: an agent that starts
        # there loses the time of its own absence, as docs/metrics.md says.
        member = self._some_agent(Member.has_kernels_counters)
        if not member:
            return self._in(1.0, self._kill_agent)
        member.kill()
        self._watch.silenced(member.name)
        self.counts["agent kills"] += 1
        self._in(self._down_time_s(), lambda: self._start_agent(member))

    def _start_agent(self, member):
        self._hear_again(member)
        member.start()

    def _kill_exporter(self):
        if self._exporter_is_paused:
            return self._in(1.0, self._kill_exporter)
        self._fleet.exporter.kill()
        self.counts["exporter kills"] += 1
        time.sleep(self._random.uniform(0, 1.5))
        self._fleet.start_exporter()

    def _stop_agent(self):
        member = self._some_agent()
        if not member:
            return self._in(1.0, self._stop_agent)
        member.signal(signal.SIGSTOP)
        member.is_stopped = True
        self._watch.silenced(member.name)
        self.counts["agent stops"] += 1
        self._in(self._down_time_s(), lambda: self._continue_agent(member))

    def _continue_agent(self, member):
        self._hear_again(member)
        member.is_stopped = False
        member.signal(signal.SIGCONT)

    def _stop_exporter(self):
        if self._exporter_is_paused:
            return self._in(1.0, self._stop_exporter)
        self._exporter_is_paused = True
        self._watch.exporter_pauses()
        self._fleet.exporter.signal(signal.SIGSTOP)
        self.counts["exporter stops"] += 1
        self._in(self._random.uniform(1, 6), self._continue_exporter)

    def _continue_exporter(self):
        self._fleet.exporter.signal(signal.SIGCONT)
        self._watch.exporter_goes_on()
        self._exporter_is_paused = False

    # Networks

    def _cut(self):
        whole = [site for site in range(SITES) if not self._fleet.sites.is_cut(site)]
        if not whole:
            return self._in(2.0, self._cut)
        site = self._random.choice(whole)
        ways = self._random.choice([("from", "to"), ("from", "to"), ("from",), ("to",)])
        self._fleet.sites.cut(site, ways)
        if "from" in ways:
            for member in self._members_at(site):
                self._watch.silenced(member.name)
        self.counts["partitions"] += 1
        self._in(self._random.uniform(2, self._shape.longest_partition_s), lambda: self._heal(site))

    def _heal(self, site):
        self._fleet.sites.heal(site)
        for member in self._members_at(site):
            self._hear_again(member)

    def _members_at(self, site):
        return [member for member in self._fleet.members if member.site == site]

    def _hear_again(self, member):
        """As far as this goes: something else may still keep it silent, and then nobody knows since when."""
        self._watch.heard_again(member.name)

    # Machines that sleep

    def _suspend(self):
        def may_speak(member):
            return not (self._fleet.sites and self._fleet.sites.is_cut(member.site))
        member = self._some_agent(Member.has_kernels_counters, may_speak)
        if not member or self._exporter_is_paused:
            return self._in(1.0, self._suspend)
        names = [member.name]
        member.was_suspended = True
        self._fleet.machines.hold(names)
        self.counts["suspends"] += 1
        self._in(0.2, lambda: self._sleep(member, BACK_DEADLINE_S))

    def _sleep(self, member, patience_s):
        """Once everything it counted is shown, so that it is known what the suspend takes away."""
        # An exporter that is stopped does not answer, and nobody but this thread lets it go on.
        page = None if self._exporter_is_paused else pages.read_if_up(self._fleet.web_port)
        error = pages.tick_errors(page, self._fleet.machines, [member.name]) if page else None
        if not error or error[member.name] > 0:
            if patience_s <= 0:
                self.failures.append(f"{member.name} was never shown as it is")
                return self._fleet.machines.let_go([member.name])
            return self._in(0.3, lambda: self._sleep(member, patience_s - 0.3))
        self._fleet.machines.suspend(member.name, self._random.randrange(400, 3000))
        # Several readings of the agent later it counts on.
        self._in(1.0, lambda: self._fleet.machines.let_go([member.name]))

    # Keys, certificates, tokens

    def _rotate(self, change, *, by_signal, reload_agents):
        change()
        self.counts["rotations"] += 1
        self._reload(by_signal, reload_agents)

    def _reload(self, by_signal, reload_agents):
        if by_signal:
            self._fleet.exporter.signal(signal.SIGHUP)
        if reload_agents:
            for member in self._fleet.members:
                if member.process:
                    member.signal(signal.SIGHUP)
        self._in(0.5, self._look_at_the_certificate)

    def _look_at_the_certificate(self, patience_s=RELOAD_DEADLINE_S):
        """Whether the exporter shows the newest, whatever becomes of it meanwhile."""
        if not self._exporter_is_paused and self._shows_newest_certificate():
            return
        if patience_s <= 0:
            return self.failures.append("the exporter shows an old certificate")
        self._in(0.5, lambda: self._look_at_the_certificate(patience_s - 0.5))

    def _shows_newest_certificate(self):
        wanted = ssl.PEM_cert_to_DER_cert(self._fleet.trust.exporter().cert.read_text())
        try:
            shown = ssl.get_server_certificate(("127.0.0.1", self._fleet.exporter.ingest_port),
                                               timeout=LOOK_DEADLINE_S)
        except OSError:
            return False
        return ssl.PEM_cert_to_DER_cert(shown) == wanted

    def _rotate_leaf_by_signal(self):
        self._rotate(self._fleet.trust.new_exporter_certificate, by_signal=True, reload_agents=False)

    def _rotate_leaf_by_time(self):
        self._rotate(self._fleet.trust.new_exporter_certificate, by_signal=False, reload_agents=False)

    def _rotate_tokens(self):
        self._rotate(self._fleet.trust.add_tokens, by_signal=True, reload_agents=True)

    def _rotate_authority(self):
        """In three steps, each of which leaves everybody in."""
        trust = self._fleet.trust
        pause = self._soak.pick(8.0, 3.0)

        def issue():
            trust.new_exporter_certificate()
            trust.new_agent_certificate()
            self._reload(by_signal=False, reload_agents=True)

        def drop():
            trust.drop_old_authority()
            self._reload(by_signal=True, reload_agents=True)

        self._rotate(trust.add_authority, by_signal=True, reload_agents=True)
        self._in(pause, issue)
        self._in(2 * pause, drop)

    _ROTATIONS = (_rotate_authority, _rotate_tokens, _rotate_leaf_by_time, _rotate_leaf_by_signal)


def run(soak):
    shape = Shape(soak)
    with contextlib.ExitStack() as stack:
        fleet = Fleet(soak, shape, stack)
        for member in fleet.members:
            member.start()
        everybody_is_up(fleet, "at the start")
        watch = pages.Watch(fleet.web_port, STALE_AFTER_S)
        stack.callback(watch.end)
        havoc = Havoc(soak, shape, fleet, watch)
        havoc.run()
        soak.say("nothing_lost: the dust settles")
        settled_s = settle(fleet)
        watch.end()
        report(soak, shape, fleet, havoc, watch, settled_s)


def everybody_is_up(fleet, when):
    def are_up():
        page = pages.read_if_up(fleet.web_port)
        return page and sum(page.up().values()) == len(fleet.members)
    wait_until(are_up, f"every agent is up {when}", BACK_DEADLINE_S)


def settle(fleet):
    """Seconds until everybody is back, all of it true; the machines stand still from here on."""
    began = time.monotonic()
    everybody_is_up(fleet, "at the end")
    back_s = time.monotonic() - began
    fleet.machines.hold(fleet.names())
    with contextlib.suppress(BenchError):  # the report says what is not as it should be
        fleet.wait_for_truth(fleet.names(), "the true counters", BACK_DEADLINE_S)
    return back_s


def report(soak, shape, fleet, havoc, watch, settled_s):
    counts = havoc.counts
    kills = counts["agent kills"] + counts["exporter kills"]
    soak.at_least("kill -9 over both sides", soak.pick(200, 14), kills, agents=counts["agent kills"],
                  exporter=counts["exporter kills"], fleet=len(fleet.members))
    if fleet.sites:
        soak.at_least("partitions", shape.partitions, counts["partitions"], sites=SITES)
    else:
        soak.skip("partitions", f">= {shape.partitions}", "no network namespaces here")
    soak.at_least("rotations of keys, certificates, authorities, tokens", shape.rotations,
                  counts["rotations"])
    soak.at_least("suspends", soak.pick(5, 1), counts["suspends"],
                  stopped_agents=counts["agent stops"], stopped_exporters=counts["exporter stops"])
    page = pages.read(fleet.web_port)
    errors = pages.tick_errors(page, fleet.machines, fleet.names())
    wrong = sorted(name for name, error in errors.items() if error > 1)
    soak.at_most("worst counter against the sum of clean steps, ticks", 1, max(errors.values()),
                 counters=len(errors) * 24, wrong=wrong[:5], back_after_s=round(settled_s, 1))
    soak.exactly("counter resets", 0, len(watch.falls), scrapes=watch.scrapes,
                 **({"first": str(watch.falls[0])} if watch.falls else {}))
    soak.exactly(f"values shown past {STALE_AFTER_S:g} s of silence", 0, len(watch.stale),
                 oldest_s=round(watch.oldest_s, 2),
                 **({"first": str(watch.stale[0])} if watch.stale else {}))
    soak.exactly("rotations that were not taken up", [], havoc.failures)


ROWS["nothing_lost"] = (
    "200 agents, kills, partitions, rotations and suspends: every counter is right in the end", run)
