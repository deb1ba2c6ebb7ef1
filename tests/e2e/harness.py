"""What the end-to-end tests share: both programs as processes, scrapes, the wire protocol, waiting.

The paths of the programs come from the environment, which tests/e2e/CMakeLists.txt sets.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import waiting
from waiting import free_port, is_free

AGENT = os.environ["CPU_MONITOR_AGENT"]
EXPORTER = os.environ["CPU_MONITOR_EXPORTER"]
PROMETHEUS = os.environ["CPU_MONITOR_PROMETHEUS"]
PROMTOOL = os.environ["CPU_MONITOR_PROMTOOL"]
NODE_EXPORTER = os.environ["CPU_MONITOR_NODE_EXPORTER"]
SOURCE_DIR = pathlib.Path(os.environ["CPU_MONITOR_SOURCE_DIR"])
SANITIZERS = os.environ.get("CPU_MONITOR_SANITIZE", "")

# The order of the columns of /proc/stat.
MODES = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"
]
EXCLUSIVE_MODES = MODES[:8]

# Generous, for a busy machine and for sanitizers: it is only ever waited out by a test that fails.
DEADLINE_S = 30.0
# An agent that lost its exporter waits up to 30 s, at random, before the next attempt.
RECONNECT_DEADLINE_S = 60.0
# Both programs promise to stop within 2 s; LeakSanitizer looks around before it lets them go.
STOP_DEADLINE_S = 10.0 if SANITIZERS else 2.0


def rounds(default):
    """How often a test that repeats something does so; CPU_MONITOR_E2E_ROUNDS asks for more."""
    return int(os.environ.get("CPU_MONITOR_E2E_ROUNDS", default))


def seconds(default):
    """How long a test that lasts goes on; CPU_MONITOR_E2E_SECONDS asks for more."""
    return float(os.environ.get("CPU_MONITOR_E2E_SECONDS", default))


def wait_until(condition, what, deadline_s=DEADLINE_S):
    return waiting.wait_until(condition, what, deadline_s)


# Exposition text


class Page:
    """One scrape, parsed.  Raises on what Prometheus would refuse, as a series that comes twice."""

    _SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
    _LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')
    _ESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

    def __init__(self, text):
        self.text = text
        self.help = {}
        self.type = {}
        self.series = {}
        # Not splitlines(), which also splits at U+2028 and others.
        for line in text.split("\n"):
            self._take(line)

    def _take(self, line):
        if line.startswith("# "):
            _, keyword, family, rest = (line + " ").split(" ", 3)
            table = {"HELP": self.help, "TYPE": self.type}[keyword]
            if family in table:
                raise AssertionError(f"{family} has two {keyword} lines")
            table[family] = rest.strip()
        elif line:
            self._take_sample(line)

    def _take_sample(self, line):
        match = self._SAMPLE.fullmatch(line)
        if not match:
            raise AssertionError(f"not a line of the exposition format: {line!r}")
        name, label_text, value = match.groups()
        key = (name, frozenset(self._labels(label_text or "").items()))
        if key in self.series:
            raise AssertionError(f"a series twice: {line}")
        self.series[key] = float(value)

    def _labels(self, text):
        matches = list(self._LABEL.finditer(text))
        if "".join(match.group() for match in matches) != text:
            raise AssertionError(f"not a list of labels: {text!r}")
        return {match[1]: self._unescaped(match[2]) for match in matches}

    def _unescaped(self, text):
        return re.sub(r"\\.", lambda match: self._ESCAPED[match[0]], text)

    def families(self):
        return set(self.type)

    def family_of(self, name):
        """The family that a series of this name belongs to."""
        for suffix in ("_bucket", "_sum", "_count"):
            family = name.removesuffix(suffix)
            if family != name and self.type.get(family) == "histogram":
                return family
        return name

    def of_family(self, family):
        """The series of one family: {(name, labels as a frozenset): value}."""
        return {
            (name, labels): value
            for (name, labels), value in self.series.items()
            if self.family_of(name) == family
        }

    def find(self, name, **labels):
        """The series that have at least these labels, as [(labels, value)]."""
        wanted = labels.items()
        return [
            (dict(have), value)
            for (have_name, have), value in self.series.items()
            if have_name == name and wanted <= have
        ]

    def value(self, name, **labels):
        """The value of the one series with at least these labels, None when there is none."""
        found = self.find(name, **labels)
        if len(found) > 1:
            raise AssertionError(f"{len(found)} series match {name} {labels}")
        return found[0][1] if found else None

    def of_endpoint(self, endpoint):
        """The names of all series of one machine."""
        return {name for name, labels in self.series if ("endpoint", endpoint) in labels}


def http_get(port, path):
    """Returns (status, headers, body as text)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


# Processes


class Process:
    """A program, its stdout and its log."""

    _FIELD = re.compile(r'([A-Za-z0-9_.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')

    def __init__(self, argv, cwd=None):
        self.argv = [str(part) for part in argv]
        self._popen = subprocess.Popen(
            # Nothing survives a test that is killed, as ctest does at its timeout.
            ["setpriv", "--pdeathsig", "KILL", *self.argv],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.pid = self._popen.pid
        self._changed = threading.Condition()
        self.out = []
        self.err = []
        self._readers = [
            threading.Thread(target=self._collect, args=(stream, lines), daemon=True)
            for stream, lines in ((self._popen.stdout, self.out), (self._popen.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def _collect(self, stream, lines):
        for line in stream:
            with self._changed:
                lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def is_running(self):
        return self._popen.poll() is None

    def send_signal(self, number):
        self._popen.send_signal(number)

    def kill(self):
        self._popen.kill()
        self.wait()

    def wait(self, deadline_s=DEADLINE_S):
        """The exit code, once it ended and all it wrote was read."""
        code = self._popen.wait(deadline_s)
        for reader in self._readers:
            reader.join(deadline_s)
        self._popen.stdout.close()
        self._popen.stderr.close()
        return code

    def stop(self, number=signal.SIGTERM):
        """Asks it to go and returns (exit code, seconds it took)."""
        asked = time.monotonic()
        self.send_signal(number)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop; it said:\n{self.said()}") from None
        return code, time.monotonic() - asked

    def wait_for_line(self, matches, what, deadline_s=DEADLINE_S):
        """The first value of matches(line) that is true, over all lines of stdout and stderr."""
        end = time.monotonic() + deadline_s
        with self._changed:
            while True:
                for line in self.err + self.out:
                    found = matches(line)
                    if found:
                        return found
                left = end - time.monotonic()
                if left <= 0 or not self.is_running():
                    raise AssertionError(f"it did not say {what}; it said:\n{self.said()}")
                self._changed.wait(min(left, 0.1))

    def wait_for_log(self, deadline_s=DEADLINE_S, **fields):
        """The fields of the first log line that has these."""

        def matches(line):
            found = self.log_fields(line)
            return found if fields.items() <= found.items() else None

        return self.wait_for_line(matches, f"a log line with {fields}", deadline_s)

    @classmethod
    def log_fields(cls, line):
        return {
            key: re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
            for key, quoted, bare in cls._FIELD.findall(line)
        }

    def said(self):
        """The end of what it wrote: what a person wants to see when a test fails."""
        return "\n".join(self.err[-40:] + self.out[-10:])

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1])


class Exporter(Process):
    """The exporter on loopback, ready to be scraped."""

    def __init__(self, *flags, ingest_port=0, web_port=0):
        super().__init__([
            EXPORTER,
            "--ingest.listen-address", f"127.0.0.1:{ingest_port}",
            "--web.listen-address", f"127.0.0.1:{web_port}",
            *flags,
        ])
        try:
            self.ingest_port = self._listening_port("ingest")
            self.web_port = self._listening_port("web")
        except AssertionError:
            self.kill()
            raise

    def _listening_port(self, component):
        fields = self.wait_for_log(msg="listening", component=component)
        return int(fields["address"].rpartition(":")[2])

    def get(self, path):
        return http_get(self.web_port, path)

    def scrape(self, path="/metrics"):
        status, headers, body = self.get(path)
        if status != 200:
            raise AssertionError(f"GET {path} answered {status}: {body}")
        content_type = headers["Content-Type"]
        if content_type != "text/plain; version=0.0.4; charset=utf-8":
            raise AssertionError(f"GET {path} has content type {content_type!r}")
        return Page(body)

    def wait_for_page(self, condition, what, deadline_s=DEADLINE_S):
        """The first scrape for which condition(page) is true."""

        def scraped():
            page = self.scrape()
            return page if condition(page) else None

        try:
            return wait_until(scraped, what, deadline_s)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; the page is:\n{self.scrape().text}") from None

    def wait_for_up(self, endpoint, value=1, deadline_s=DEADLINE_S):
        return self.wait_for_page(
            lambda page: page.value("cpu_monitor_agent_up", endpoint=endpoint) == value,
            f"cpu_monitor_agent_up of {endpoint} is {value}",
            deadline_s,
        )


class Agent(Process):
    """The agent, dialling an exporter on loopback."""

    def __init__(self, exporter_port, endpoint, *flags):
        super().__init__([
            AGENT, "--exporter", f"127.0.0.1:{exporter_port}", "--endpoint", endpoint, *flags
        ])
        self.endpoint = endpoint


class NodeExporter(Process):
    """Debian's node_exporter on loopback, with those collectors alone."""

    def __init__(self, collectors, *flags):
        self.port = free_port()
        super().__init__([
            NODE_EXPORTER,
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.disable-exporter-metrics",
            "--collector.disable-defaults",
            *(f"--collector.{name}" for name in collectors),
            *flags,
        ])
        self.wait_for_log(msg="Listening on")

    def scrape(self):
        status, _, body = http_get(self.port, "/metrics")
        if status != 200:
            raise AssertionError(f"node_exporter answered {status}: {body}")
        return Page(body)


class Prometheus(Process):
    """A Prometheus on loopback, with its own folder for what it scrapes."""

    def __init__(self, folder, config):
        config_path = pathlib.Path(folder) / "prometheus.yml"
        config_path.write_text(config)
        self.port = free_port()
        super().__init__([
            PROMETHEUS,
            f"--config.file={config_path}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ])
        self.wait_for_log(msg="Server is ready to receive web requests.")

    def query(self, expression, at=None):
        """The result of an instant query: [{"metric": labels, "value" or "values": ...}]."""
        parameters = {"query": expression} | ({"time": at} if at else {})
        path = "/api/v1/query?" + urllib.parse.urlencode(parameters)
        status, _, body = http_get(self.port, path)
        if status != 200:
            raise AssertionError(f"{expression} answered {status}: {body}")
        return json.loads(body)["data"]["result"]

    def number(self, expression, at=None):
        """The value of an expression with one result, None without any."""
        results = self.query(expression, at)
        if len(results) > 1:
            raise AssertionError(f"{expression} has {len(results)} results")
        return float(results[0]["value"][1]) if results else None

    def series(self, expression, at):
        """The points [(scrape time, value)] of a range selector of one series."""
        [result] = self.query(expression, at)
        return [(scraped, float(value)) for scraped, value in result["values"]]


class CounterWatch:
    """Scrapes all the time and remembers every counter of an endpoint that ever fell."""

    def __init__(self, web_port, endpoint, groups=("cpu",)):
        self._web_port = web_port
        self._endpoint = endpoint
        self._path = "/metrics?" + "&".join(f"collect[]={group}" for group in groups)
        self._highest = {}
        self.falls = []
        self.scrapes_with_counters = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.05):
            try:
                status, _, body = http_get(self._web_port, self._path)
            except (OSError, http.client.HTTPException):
                continue  # the exporter is dead, which is the point of these tests
            if status == 200:
                self._take(Page(body))

    def _take(self, page):
        found = {
            key: value
            for key, value in page.series.items()
            if ("endpoint", self._endpoint) in key[1]
            and page.type[page.family_of(key[0])] in ("counter", "histogram")
        }
        self.scrapes_with_counters += bool(found)
        for key, value in found.items():
            before = self._highest.get(key, value)
            if value < before:
                self.falls.append((key, before, value))
            self._highest[key] = max(value, before)


# The wire protocol


class WireClient:
    """The smallest agent: speaks the protocol, line by line."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self._lines = self._socket.makefile("rb")
        self.sequence = 0

    def send(self, /, **message):
        self.send_raw(json.dumps(message).encode() + b"\n")

    def send_raw(self, data):
        self._socket.sendall(data)

    def receive(self):
        """The next message, None when the other side closed."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def receive_bytes(self, count):
        """That many bytes, fewer when the other side closed."""
        return self._lines.read(count)

    def hello(self, endpoint, **fields):
        self.send(type="hello", protocol=1, endpoint=endpoint, **fields)
        return self.receive()

    def sample(self, /, **fields):
        """Sends a sample and returns once it is acknowledged."""
        self.sequence += 1
        self.send(type="sample", sequence=self.sequence, **fields)
        answer = self.receive()
        if answer != {"type": "ack", "sequence": self.sequence}:
            raise AssertionError(f"sample {self.sequence} was answered by {answer}")

    def goodbye(self, reason):
        """Says goodbye and returns once the exporter closed."""
        self.send(type="goodbye", reason=reason)
        if self.receive() is not None:
            raise AssertionError("an answer to a goodbye")
        self.close()

    def close(self):
        self._lines.close()
        self._socket.close()


# /proc/stat


class ScriptedProcfs:
    """A folder in the place of /proc, with a `stat` the test writes."""

    # Every text has this length, so that overwriting it in place never shows a reader half of it.
    STAT_BYTES = 4096

    def __init__(self, folder):
        self.path = pathlib.Path(folder)
        self.stat_path = self.path / "stat"
        random_folder = self.path / "sys/kernel/random"
        random_folder.mkdir(parents=True)
        (random_folder / "boot_id").write_text("6b8c6f7e-3f0e-4d43-9f65-2f8b1f7a9c11\n")

    def write(self, cores, total=None):
        """`cores`: {id: ticks per mode}; the `cpu ` line sums them unless `total` is given."""
        self.overwrite(stat_text(cores, total))

    def overwrite(self, text):
        descriptor = os.open(self.stat_path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            data = text.encode()
            os.pwrite(descriptor, data, 0)
            os.ftruncate(descriptor, len(data))
        finally:
            os.close(descriptor)


def stat_text(cores, total=None):
    total = total or [sum(column) for column in zip(*cores.values())]
    lines = [f"cpu  {' '.join(map(str, total))}"]
    lines += [f"cpu{cpu} {' '.join(map(str, ticks))}" for cpu, ticks in sorted(cores.items())]
    head = "\n".join(lines) + "\nintr 1"
    # The kernel's `intr` line is long too.
    padding = ScriptedProcfs.STAT_BYTES - len(head) - len("\n")
    return head + " 0" * (padding // 2) + "0" * (padding % 2) + "\n"


def read_proc_stat():
    """The real one: {"cpu": ticks, "cpu0": ticks, ...}."""
    with open("/proc/stat", encoding="ascii") as file:
        rows = (line.split() for line in file if line.startswith("cpu"))
        return {row[0]: [int(ticks) for ticks in row[1:11]] for row in rows}


def tick_counts(page, endpoint, cpu=None):
    """Ticks per mode as the page shows them; of the whole machine when `cpu` is None."""
    if cpu is None:
        found = page.find("cpu_monitor_host_cpu_seconds_total", endpoint=endpoint)
    else:
        found = page.find("node_cpu_seconds_total", endpoint=endpoint, cpu=str(cpu))
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    return {labels["mode"]: round(value * ticks_per_second, 6) for labels, value in found}


def exclusive(ticks):
    """The eight modes that exclude each other, by name."""
    return dict(zip(EXCLUSIVE_MODES, ticks))


# Tests


class EndToEndTest(unittest.TestCase):
    """Starts programs, stops them at the end, and shows what they said if the test failed."""

    maxDiff = None

    def setUp(self):
        self._processes = []

    def start(self, process):
        self._processes.append(process)
        self.addCleanup(self._end, process)
        return process

    def start_exporter(self, *flags, **ports):
        return self.start(Exporter(*flags, **ports))

    def start_agent(self, exporter, endpoint, *flags):
        return self.start(Agent(exporter.ingest_port, endpoint, *flags))

    def start_node_exporter(self, collectors, *flags):
        node_exporter = self.start(NodeExporter(collectors, *flags))
        self.addCleanup(node_exporter.kill)  # it ends by the signal, not with an exit code
        return node_exporter

    def connect(self, exporter):
        client = WireClient(exporter.ingest_port)
        self.addCleanup(client.close)
        return client

    def scripted_procfs(self):
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-procfs-")
        self.addCleanup(folder.cleanup)
        return ScriptedProcfs(folder.name)

    def assert_stops(self, process, number=signal.SIGTERM):
        code, took = process.stop(number)
        self.assertEqual(code, 0, process.said())
        self.assertLessEqual(took, STOP_DEADLINE_S, process.said())

    def assert_promtool_is_silent(self, page):
        check = subprocess.run(
            [PROMTOOL, "check", "metrics"],
            input=page.text, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )
        self.assertEqual((check.stdout + check.stderr).strip(), "")
        self.assertEqual(check.returncode, 0)

    def _end(self, process):
        if process.is_running():
            # A sanitizer's report at the end is a failure too.
            self.assert_stops(process)

    def run(self, result=None):
        before = _problems(result)
        outcome = super().run(result)
        if _problems(result) > before:
            for process in getattr(self, "_processes", []):
                print(f"--- {' '.join(process.argv)}\n{process.said()}", file=sys.stderr)
        return outcome


def _problems(result):
    return len(result.failures) + len(result.errors) if result else 0


def main():
    unittest.main(module="__main__", verbosity=2)
