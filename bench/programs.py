"""Every program the bench starts: ours, the limits, the peers; and where they come from."""

import os
import pathlib
import re
import subprocess

from measure import BenchError, Process, Skip, run_tool
from waiting import free_port

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD_DIR = ROOT / "build/bench"
FETCH_DEADLINE_S = 300
PEER_SCRIPTS = ROOT / "bench/peers"
PEERS = ROOT / "build/peers"
PYTHON = "/usr/bin/python3"  # Debian's, whatever else is on the PATH: it runs Debian's packages
PYTHON_PACKAGES = "usr/lib/python3/dist-packages"

# What scripts/fetch is asked for: {package: programs}.
PACKAGES = {
    "prometheus": ["prometheus", "promtool"],
    "prometheus-node-exporter": ["prometheus-node-exporter"],
    "prometheus-pushgateway": ["prometheus-pushgateway"],
    "python3-prometheus-client": [f"{PYTHON_PACKAGES}/prometheus_client"],
    "python3-decorator": [f"{PYTHON_PACKAGES}/decorator.py"],  # which the one above imports
    "python3-psutil": [f"{PYTHON_PACKAGES}/psutil"],
    "collectd-core": ["usr/sbin/collectd", "usr/lib/collectd/cpu.so"],
}

CLIENT_LIBRARY = ["python3-prometheus-client", "python3-decorator"]


class Programs:
    """Knows where the programs are.  Skips what cannot be had; without ours there is an error."""

    def __init__(self, build_dir, may_fetch, with_peers, push_interval):
        self._build_dir = pathlib.Path(build_dir).resolve()
        self._may_fetch = may_fetch
        self._with_peers = with_peers
        self.revision = "unknown"
        self._push_interval = push_interval  # of a fleet that is not flat out
        self._fetched = {}

    # Ours

    def read_revision(self):
        """Of what the exporter was built from, as it says itself."""
        said = subprocess.run([self._ours("exporter/cpu-monitor-exporter"), "--version"],
                              capture_output=True, text=True, check=True, timeout=30).stdout
        match = re.search(r"\(revision: ([^)]*)\)", said)
        if not match:
            raise BenchError(f"the exporter does not say its revision, but {said!r}")
        self.revision = match[1]

    def exporter(self, *flags, ingest_port=0, web_port=0, inside=()):
        """`inside`: a command that runs the one behind it, as prlimit or valgrind."""
        return Exporter([*inside, self._ours("exporter/cpu-monitor-exporter")], flags, ingest_port,
                        web_port)

    def enroll(self, name, state, ingest_port):
        """Makes `name` a member of the fleet of the exporter with this state; its join line."""
        done = subprocess.run(
            [self._ours("exporter/cpu-monitor-exporter"), "enroll", name,
             "--state.directory", state, "--address", f"127.0.0.1:{ingest_port}"],
            capture_output=True, text=True, check=False, timeout=30)
        match = re.search(r"cpu-monitor://[^\s']+", done.stdout)
        if not match:
            raise BenchError(f"enroll gave no line for {name}: {done.stderr.strip()[-300:]}")
        return match[0]

    def agent(self, ingest_port, *flags, host="127.0.0.1", inside=(), env=None):
        return Process([
            *inside, self._ours("agent/cpu-monitor-agent"), "--exporter", f"{host}:{ingest_port}",
            "--no-print", *flags,
        ], env)

    def static_agent(self, ingest_port, *flags):
        """The agent of the build directory's sibling, which was configured for it."""
        path = static_dir(self._build_dir) / "agent/cpu-monitor-agent"
        if not path.is_file():
            raise Skip(f"there is no build with CPU_MONITOR_STATIC in {path.parents[1]}")
        return Process([path, "--exporter", f"127.0.0.1:{ingest_port}", "--no-print", *flags])

    # The bench's own

    def fleet(self, ingest_port, agents, duration_s, *flags, cores=8, is_flat_out=False,
              ramp_s=None, endpoint_prefix="sim-"):
        if ramp_s is None:
            ramp_s = max(0.1, agents / 2000)
        return Process([
            self._ours("bench/bench-fleet"), "--exporter", f"127.0.0.1:{ingest_port}",
            "--agents", agents, "--cores", cores,
            "--interval", "0" if is_flat_out else self._push_interval,
            "--duration", milliseconds(duration_s), "--ramp", milliseconds(ramp_s),
            "--endpoint-prefix", endpoint_prefix, *flags,
        ])

    def ack_server(self, *flags):
        process = Process([self._limit("bench-ack-server"), "--listen", "127.0.0.1:0", *flags])
        return process, listening_port(process)

    def bare_loop(self, ingest_port, duration_s):
        return Process([
            self._limit("bench-bare-loop"), "--exporter", f"127.0.0.1:{ingest_port}",
            "--interval", "100ms", "--push", "1s", "--duration", milliseconds(duration_s),
            "--procfs", "/proc",
        ])

    def render_limit(self, agents, cores, rounds, file=None):
        """Its figures, all of one scrape: series, bytes, gzip_bytes, render_ms, gzip_ms, cpu_ms."""
        argv = [self._limit("bench-render-limit"), "--agents", agents, "--cores", cores,
                "--rounds", rounds, *(["--file", file] if file else [])]
        with Process(argv) as process:
            return process.result(120)

    def exposer(self, agents, cores):
        port = free_port()
        process = Process([self._limit("bench-peer-exposer"), "--agents", agents,
                           "--cores", cores, "--listen", f"127.0.0.1:{port}"])
        process.wait_for(r"\blistening\b")
        return process, port

    # Peers

    def pushgateway(self):
        port = free_port()
        process = Process([
            self._peer("prometheus-pushgateway", "usr/bin/prometheus-pushgateway"),
            f"--web.listen-address=127.0.0.1:{port}", "--push.disable-consistency-check",
        ])
        process.wait_for(r"Listening on")
        return process, port

    def python_client_server(self, agents, cores):
        port = free_port()
        process = self._script("python_client_server.py", CLIENT_LIBRARY,
                               port, agents, cores)
        process.wait_for(r"^listening")
        return process, port

    def thread_server(self):
        process = self._script("thread_server.py", CLIENT_LIBRARY)
        return process, listening_port(process)

    def psutil_agent(self, ingest_port):
        return self._script("psutil_agent.py", ["python3-psutil"], ingest_port, "psutil")

    def remote_write_sink(self):
        process = self._script("remote_write_sink.py", [])
        return process, listening_port(process)

    def node_exporter(self, *flags):
        port = free_port()
        process = Process([
            self._peer("prometheus-node-exporter", "usr/bin/prometheus-node-exporter"),
            f"--web.listen-address=127.0.0.1:{port}", *flags,
        ])
        process.wait_for(r"Listening on")
        return process, port

    def prometheus(self, folder, config, agent_mode=False):
        path = pathlib.Path(folder) / "prometheus.yml"
        path.write_text(config)
        port = free_port()
        storage = (["--enable-feature=agent", f"--storage.agent.path={folder}/wal"] if agent_mode
                   else [f"--storage.tsdb.path={folder}/data"])
        process = Process([
            self._peer("prometheus", "usr/bin/prometheus"), f"--config.file={path}",
            f"--web.listen-address=127.0.0.1:{port}", *storage,
        ])
        process.wait_for(r"Server is ready|Agent WAL storage started|msg=\"?Starting WAL watcher")
        return process, port

    def collectd(self, folder, interval_s, udp_port):
        program = self._peer("collectd-core", "usr/sbin/collectd")
        folder = pathlib.Path(folder)
        config = folder / "collectd.conf"
        config.write_text(
            f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nInterval {interval_s}\n'
            f'PluginDir "{PEERS}/usr/lib/collectd"\nTypesDB "{PEERS}/usr/share/collectd/types.db"\n'
            'Hostname "bench"\nFQDNLookup false\nLoadPlugin cpu\nLoadPlugin network\n'
            "<Plugin cpu>\n  ReportByCpu true\n  ReportByState true\n  ValuesPercentage false\n"
            "</Plugin>\n"
            f'<Plugin network>\n  Server "127.0.0.1" "{udp_port}"\n</Plugin>\n'
        )
        return Process([program, "-f", "-C", config])

    def versions(self):
        """{package: version} of the peers that are there."""
        found = {}
        for package in PACKAGES:
            for path in sorted(PEERS.glob(f"{package}_*.deb")):
                found[package] = path.name.split("_")[1].replace("%3a", ":")
        return found

    # Where they are

    def _ours(self, name):
        path = self._build_dir / name
        if not path.is_file():
            raise BenchError(f"{path} is not there")
        return path

    def _limit(self, name):
        path = self._build_dir / "bench" / name
        if not path.is_file():
            raise Skip(f"{name} is not built")
        return path

    def _peer(self, package, path):
        self._fetch(package)
        return PEERS / path

    def _script(self, name, packages, *arguments):
        for package in packages:
            self._fetch(package)
        return Process([PYTHON, "-B", PEER_SCRIPTS / name, *arguments], env={
            "PYTHONPATH": f"{PEERS / PYTHON_PACKAGES}:{PEER_SCRIPTS.parent}",
            # Else python3-prometheus-client shows twice as many series as the others.
            "PROMETHEUS_DISABLE_CREATED_SERIES": "True",
        })

    def _fetch(self, package):
        if not self._with_peers:
            raise Skip("--build-dir without --peers")
        if package not in self._fetched:
            self._fetched[package] = self._is_there(package) or self._download(package)
        if not self._fetched[package]:
            raise Skip(f"the Debian package {package} cannot be had")

    def _download(self, package):
        """Whether it is there now."""
        if not self._may_fetch:
            return False
        fetch = [ROOT / "scripts/fetch", package, *PACKAGES[package]]
        try:
            return run_tool(fetch, ROOT, FETCH_DEADLINE_S) == 0
        except subprocess.TimeoutExpired:
            return False

    @staticmethod
    def _is_there(package):
        return all(
            (PEERS / (name if "/" in name else f"usr/bin/{name}")).exists()
            for name in PACKAGES[package]
        )


class Exporter(Process):
    """Ours, with both of its ports known."""

    def __init__(self, command, flags, ingest_port, web_port):
        super().__init__([
            *command, "--ingest.listen-address", f"127.0.0.1:{ingest_port}",
            "--web.listen-address", f"127.0.0.1:{web_port}", *flags,
        ])
        self.ingest_port = self._listening_port("ingest")
        self.web_port = self._listening_port("web")

    def _listening_port(self, component):
        line = rf'msg="?listening"? .*component={component} address=127\.0\.0\.1:(\d+)'
        return int(self.wait_for(line)[1])


def listening_port(process):
    return int(process.wait_for(r"\blistening (\d+)")[1])


def milliseconds(seconds):
    return f"{round(seconds * 1000)}ms"


def static_dir(build_dir):
    """Where the agent without shared libraries is built."""
    return build_dir.with_name(build_dir.name + "-static")


def build(with_static):
    """Builds ours and the bench's own with preset bench, and the static agent."""
    steps = [["scripts/deps", "test"], ["cmake", "--preset", "bench"],
             ["cmake", "--build", "--preset", "bench"]]
    if with_static:
        folder = str(static_dir(BUILD_DIR))
        steps += [["cmake", "--preset", "bench", "-B", folder, "-DCPU_MONITOR_STATIC=ON"],
                  ["cmake", "--build", folder, "--target", "cpu-monitor-agent"]]
    for argv in steps:
        if run_tool(argv, ROOT) != 0:
            raise BenchError(f"{' '.join(argv)} failed")


def machine():
    """What the figures were measured on."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model[1] if model else os.uname().machine,
        "kernel": os.uname().release,
    }
