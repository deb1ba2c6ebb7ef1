"""Processes and their cost: CPU clocks, memory, scrapes, TCP counters, medians, fits."""

import atexit
import contextlib
import dataclasses
import gzip
import http.client
import json
import math
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/support"))

import waiting

START_DEADLINE_S = 30.0
END_DEADLINE_S = 30.0
SCRAPE_DEADLINE_S = 60.0
# IPv4 and TCP, and the timestamps every segment of Linux carries.
HEADER_BYTES = 20 + 20 + 12
DAY_S = 86400


class BenchError(Exception):
    """The bench itself broke, or a program it runs did."""


class Skip(Exception):
    """Something cannot be had here; says what and why."""


# What may go wrong with a program that is run, or with a connection to it.
FAILURES = (BenchError, OSError, subprocess.SubprocessError, http.client.HTTPException)


# Processes


class Process:
    """A child with its stdout as lines and its stderr in a file; it dies with the bench."""

    _running = []

    def __init__(self, argv, env=None):
        self.name = pathlib.Path(argv[0]).name
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        self._popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, text=True,
            errors="replace", env={**os.environ, **(env or {})}, start_new_session=True,
        )
        self.pid = self._popen.pid
        self.out = []
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self._running.append(self)

    def _collect(self):
        for line in self._popen.stdout:
            self.out.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @classmethod
    def stop_all(cls):
        for process in list(cls._running):
            process.kill()

    def is_running(self):
        return self._popen.poll() is None

    def require_running(self):
        if not self.is_running():
            raise BenchError(f"{self.name} ended with {self._popen.returncode}: {self._last_words()}")

    def log(self):
        """All of stderr so far."""
        # pread, since the child writes at the offset that both share.
        descriptor = self._log.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def wait_for(self, pattern, deadline_s=START_DEADLINE_S):
        """The first match of the pattern in stdout or stderr."""
        def found():
            match = re.search(pattern, "\n".join(self.out) + "\n" + self.log(), re.MULTILINE)
            if not match and not self.is_running():
                raise BenchError(f"{self.name} ended before it said {pattern!r}: {self._last_words()}")
            return match
        return wait_until(found, f"{self.name} says {pattern!r}", deadline_s)

    def result(self, deadline_s):
        """The JSON object that the program prints when it is done."""
        try:
            code = self._popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self.name} did not end within {deadline_s:g} s") from None
        self._reader.join(START_DEADLINE_S)
        text = "\n".join(self.out)
        if code != 0 or "{" not in text:
            raise BenchError(f"{self.name} ended with {code}: {self._last_words()}")
        return json.loads(text[text.index("{"):])

    def signal(self, number):
        self._popen.send_signal(number)

    def interrupt(self):
        """Asks it to go; result() is still there."""
        self._popen.terminate()

    def end(self, deadline_s=END_DEADLINE_S):
        """Asks it to go, and waits until it has."""
        self.interrupt()
        try:
            self._popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self.name} did not end within {deadline_s:g} s of SIGTERM") from None

    def kill(self):
        """At once: nothing that the bench runs keeps anything worth a good end."""
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        self._reader.join(START_DEADLINE_S)
        if self in self._running:
            self._running.remove(self)
            self._popen.stdout.close()
            self._log.close()

    def cpu_s(self):
        """CPU time of all its threads, to the nanosecond: the process's CPU clock."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_kib(self):
        return self._kib("status", "VmRSS")

    def peak_kib(self):
        return self._kib("status", "VmHWM")

    def forget_peak(self):
        """Lets peak_kib() begin anew."""
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def proportional_kib(self):
        return self._kib("smaps_rollup", "Pss")

    def _kib(self, file, field):
        text = pathlib.Path(f"/proc/{self.pid}/{file}").read_text()
        match = re.search(rf"^{field}:\s*(\d+) kB", text, re.MULTILINE)
        if not match:
            raise BenchError(f"{self.name} has no memory, it ended: {self._last_words()}")
        return int(match[1])

    def _last_words(self):
        return (self.log() + "\n".join(self.out))[-600:].strip() or "it said nothing"


atexit.register(Process.stop_all)


def run_tool(argv, cwd, deadline_s=None):
    """Runs a program to its end, its words on stderr.  Returns its exit code.

    It and its children are a group of their own, which ends when this is left before the program is.
    """
    with subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=sys.stderr,
                          start_new_session=True) as tool:
        try:
            return tool.wait(deadline_s)
        except BaseException:
            end_group(tool)
            raise


def end_group(leader):
    """Asks first: a package manager that is killed leaves a mess."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(leader.pid, signal.SIGTERM)
        leader.wait(END_DEADLINE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)


def wait_until(condition, what, deadline_s=START_DEADLINE_S):
    return waiting.wait_until(condition, what, deadline_s, fault=BenchError)


# Scrapes


@dataclasses.dataclass
class Scrape:
    wall_s: float
    body: bytes  # as it came
    is_gzip: bool

    def text(self):
        return gzip.decompress(self.body) if self.is_gzip else self.body

    def series(self):
        return sum(1 for line in self.text().split(b"\n") if line and not line.startswith(b"#"))


def scrape(port, path="/metrics", accept_gzip=False):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SCRAPE_DEADLINE_S)
    start = time.monotonic()
    try:
        connection.request("GET", path, headers={
            "Accept-Encoding": "gzip" if accept_gzip else "identity",
            "Accept": "text/plain;version=0.0.4",
        })
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"GET {path} of port {port}: {error}") from None
    finally:
        connection.close()
    if response.status != 200:
        raise BenchError(f"GET {path} of port {port} answered {response.status}: {body[:200]!r}")
    return Scrape(time.monotonic() - start, body, response.headers["Content-Encoding"] == "gzip")


def value_of(page, name):
    """The value of the first series of a page whose line begins with `name`."""
    match = re.search(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)", page, re.MULTILINE)
    if not match:
        raise BenchError(f"no {name} on the page")
    return float(match[1])


class EverySecond(threading.Thread):
    """Calls an action at a fixed interval until stopped; remembers what it returned or raised."""

    def __init__(self, action, interval_s=1.0):
        super().__init__(daemon=True)
        self._action = action
        self._interval_s = interval_s
        self._ended = threading.Event()
        self.results = []
        self.failures = []
        self.start()

    def run(self):
        next_s = time.monotonic()
        while not self._ended.is_set():
            try:
                self.results.append(self._action())
            except BenchError as failure:
                self.failures.append(failure)
            next_s += self._interval_s
            self._ended.wait(max(0, next_s - time.monotonic()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join(SCRAPE_DEADLINE_S)


def samples_taken(exporter):
    """How many samples our exporter has taken from agents."""
    page = scrape(exporter.web_port, "/metrics?collect[]=exporter").text().decode()
    return value_of(page, "cpu_monitor_exporter_samples_received_total")


# TCP


@dataclasses.dataclass
class Wire:
    """What the established connections to a port have moved, both ways, as their client counts."""

    payload: int = 0
    segments: int = 0

    def minus(self, before):
        return Wire(self.payload - before.payload, self.segments - before.segments)

    def bytes(self):
        return self.payload + self.segments * HEADER_BYTES


def wire_to(port):
    if not shutil.which("ss"):
        raise Skip("there is no ss, of the Debian package iproute2")
    text = subprocess.run(
        ["ss", "-tinH", "state", "established", f"( dport = :{port} )"],
        capture_output=True, text=True, check=True,
    ).stdout

    def total(field):
        return sum(map(int, re.findall(rf"\b{field}:(\d+)", text)))

    if "segs_out" not in text:
        raise BenchError(f"ss shows no connection to port {port}")
    # Bytes sent again are in bytes_sent, as they are on the wire.
    return Wire(total("bytes_sent") + total("bytes_received"), total("segs_out") + total("segs_in"))


# Figures


def median(values):
    return statistics.median(values)


def exponent(points):
    """The slope of the least squares line through log/log of {x: y}; None below two usable ones."""
    logs = [(math.log(x), math.log(y)) for x, y in points.items() if x > 0 and y > 0]
    if len(logs) < 2:
        return None
    return statistics.linear_regression(*zip(*logs)).slope


def last_exponent(points):
    """The slope between the last two points only; None when one of them is not usable."""
    return exponent(dict(list(points.items())[-2:]))


def idle_then(process, idle_s, action):
    """CPU seconds that action() costs the process beyond what it costs anyway, and what it returned.

    What it costs anyway is measured for idle_s just before, and counted by the time that passed.
    """
    start, before = time.monotonic(), process.cpu_s()
    time.sleep(idle_s)
    rate = (process.cpu_s() - before) / (time.monotonic() - start)
    start, before = time.monotonic(), process.cpu_s()
    result = action()
    return process.cpu_s() - before - rate * (time.monotonic() - start), result
