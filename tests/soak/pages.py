"""What a page of the exporter says, read fast: a soak reads thousands of large ones."""

import http.client
import re
import threading
import time

from measure import BenchError, scrape

from machines import MODES, TICKS_PER_SECOND

PATH = "/metrics?collect[]=percent&collect[]=cpu&collect[]=load&collect[]=agent"
EXPORTER_PATH = "/metrics?collect[]=exporter"
LAST_SAMPLE = "cpu_monitor_agent_last_sample_timestamp_seconds"
HOST_SECONDS = "cpu_monitor_host_cpu_seconds_total"

_LINE = re.compile(r'^([a-z_0-9:]+)(?:\{(.*)\})? (\S+)$', re.MULTILINE)
_ENDPOINT = re.compile(r'\bendpoint="([^"]*)"')
# What a machine that is gone keeps.
_OF_THE_GONE = ("cpu_monitor_agent_up", "cpu_monitor_agent_expected", LAST_SAMPLE,
                "cpu_monitor_agent_connects_total", "cpu_monitor_agent_claims_refused_total",
                "cpu_monitor_agent_info")
# Of the kernel, so that no restart of either program is a reason to fall.
_COUNTERS = {"node_cpu_seconds_total", HOST_SECONDS, "node_context_switches_total",
             "node_intr_total", "node_forks_total"}


class Page:

    def __init__(self, text):
        self._lines = _LINE.findall(text)
        self._values = None

    def value(self, name, **labels):
        """Of the one series with exactly these labels; None when there is none."""
        if self._values is None:
            self._values = {
                (series, frozenset(re.findall(r'([a-z_]+)="([^"]*)"', have))): float(value)
                for series, have, value in self._lines
            }
        return self._values.get((name, frozenset(labels.items())))

    def counters(self):
        """{series as its line has it: value}."""
        return {f"{name}{{{labels}}}": float(value)
                for name, labels, value in self._lines if name in _COUNTERS}

    def without(self, families):
        """{series as its line has it: value as text} of all others."""
        return {f"{name}{{{labels}}}": value for name, labels, value in self._lines
                if name not in families}

    def ticks(self):
        """{endpoint: ({cpu: {mode: ticks}}, {mode: ticks of the machine})}."""
        found = {}
        for name, labels, value in self._lines:
            if name not in ("node_cpu_seconds_total", HOST_SECONDS):
                continue
            have = dict(re.findall(r'([a-z_]+)="([^"]*)"', labels))
            cpus, total = found.setdefault(have["endpoint"], ({}, {}))
            into = cpus.setdefault(int(have["cpu"]), {}) if "cpu" in have else total
            into[have["mode"]] = round(float(value) * TICKS_PER_SECOND, 6)
        return found

    def heard(self):
        """{endpoint: when its last sample came, Unix time}."""
        return {_ENDPOINT.search(labels)[1]: float(value)
                for name, labels, value in self._lines if name == LAST_SAMPLE}

    def shown(self):
        """The machines of which it shows more than that they exist."""
        return {_ENDPOINT.search(labels)[1] for name, labels, _ in self._lines
                if "endpoint=" in labels and name not in _OF_THE_GONE}

    def up(self):
        """{endpoint: cpu_monitor_agent_up}."""
        return {_ENDPOINT.search(labels)[1]: float(value)
                for name, labels, value in self._lines if name == "cpu_monitor_agent_up"}

    def by_reason(self, name):
        """{reason: value} of one of the exporter's families."""
        return {labels.split('"')[1]: float(value)
                for series, labels, value in self._lines if series == name}


def read(port, path=PATH):
    return Page(scrape(port, path).text().decode())


def refusals(port):
    """{reason: connections refused}."""
    return read(port, EXPORTER_PATH).by_reason("cpu_monitor_exporter_connections_refused_total")


def read_if_up(port, path=PATH):
    """None while the exporter is away, which is the point of a soak."""
    try:
        return read(port, path)
    except (BenchError, http.client.HTTPException):
        return None


def tick_errors(page, machines, names):
    """{name: the largest difference, in ticks, between what is shown and what is true}.

    Infinite for a machine of which something is missing.
    """
    shown = page.ticks()
    return {name: _tick_error(shown.get(name), machines.clean(name)) for name in names}


def _tick_error(shown, clean):
    if shown is None:
        return float("inf")
    cpus, total = shown
    pairs = [(cpus.get(number, {}), ticks) for number, ticks in enumerate(clean[0])]
    pairs.append((total, clean[1]))
    return max(abs(have.get(mode, float("inf")) - ticks)
               for have, true in pairs for mode, ticks in zip(MODES, true))


class Watch(threading.Thread):
    """Scrapes all the time: remembers each counter that fell and each value shown for too long."""

    def __init__(self, port, stale_after_s, interval_s=0.4):
        super().__init__(daemon=True)
        self._port = port
        self._stale_after_s = stale_after_s
        self._interval_s = interval_s
        self._highest = {}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._silent_since = {}  # by our own knowledge, whatever the exporter says
        self._pauses = []  # of the exporter itself: [from, to]
        self.scrapes = 0
        self.falls = []
        self.stale = []
        self.oldest_s = 0.0
        self.start()

    def end(self):
        self._ended.set()
        self.join()

    def silenced(self, name):
        """Nothing can come from this machine from now on."""
        with self._lock:
            self._silent_since[name] = time.time()

    def heard_again(self, name):
        """It may speak again, at any moment from now on."""
        with self._lock:
            self._silent_since.pop(name, None)

    def exporter_pauses(self):
        with self._lock:
            self._pauses.append([time.time(), None])

    def exporter_goes_on(self):
        with self._lock:
            self._pauses[-1][1] = time.time()

    def run(self):
        while not self._ended.wait(self._interval_s):
            with self._lock:
                silent = dict(self._silent_since)
            began = time.time()
            page = read_if_up(self._port)
            if page:
                self._take(page, began, silent)

    def _take(self, page, began, silent):
        self.scrapes += 1
        for key, value in page.counters().items():
            before = self._highest.get(key, value)
            if value < before:
                self.falls.append((key, before, value))
            self._highest[key] = max(before, value)
        heard = page.heard()
        for name in page.shown():
            # What it says itself, and what we know of a machine that was killed, stopped or cut off.
            last = min(heard.get(name, began), silent.get(name, began) + self._ON_ITS_WAY_S)
            age = began - last - self._paused_s(last, began)
            self.oldest_s = max(self.oldest_s, age)
            if age > self._stale_after_s:
                self.stale.append((name, age))

    # A sample that was sent before a machine fell silent is taken a moment later.
    _ON_ITS_WAY_S = 0.5

    def _paused_s(self, since, until):
        with self._lock:
            return sum(max(0.0, min(until, end or until) - max(since, start))
                       for start, end in self._pauses)
