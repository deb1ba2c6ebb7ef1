"""A short run of each program of bench/: do they say what they should?  No timing is judged here.

The paths come from the environment, which bench/CMakeLists.txt sets.
"""

import http.client
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import tempfile
import threading
import unittest

BENCH_DIR = pathlib.Path(os.environ["CPU_MONITOR_BENCH_DIR"])
AGENT = os.environ["CPU_MONITOR_AGENT"]
EXPORTER = os.environ["CPU_MONITOR_EXPORTER"]

# Generous, for a busy machine: it is only ever waited out by a test that fails.
DEADLINE_S = 60.0
AGENTS = 20
SERIES_PER_AGENT = 64  # 8 CPUs, 8 modes

PERCENTILES = {"p50", "p90", "p99", "p999", "max"}
FLEET_KEYS = [
    "agents", "cores", "sample_bytes", "seconds", "connected", "samples_sent", "samples_acked",
    "samples_lost", "samples_merged", "disconnects", "refusals", "ack_ms", "connect_ms",
    "reconnects", "cpu_seconds", "bytes_sent", "bytes_received",
]


def program(name):
    return BENCH_DIR / f"bench-{name}"


def output_of(*argv):
    """What a program that ends by itself says on stdout; fails when it fails."""
    done = subprocess.run(
        [str(part) for part in argv], capture_output=True, text=True, timeout=DEADLINE_S)
    if done.returncode != 0:
        raise AssertionError(f"{argv} ended with {done.returncode}: {done.stderr}")
    return done.stdout


class Running:
    """A program that runs until it is stopped, and the lines it says."""

    def __init__(self, *argv):
        self.argv = [str(part) for part in argv]
        self._popen = subprocess.Popen(
            self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._popen.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, pattern):
        """The match of the first line that has one."""
        seen = []
        while True:
            try:
                line = self._lines.get(timeout=DEADLINE_S)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"{self.argv} never said {pattern!r}, but {seen}")
            match = re.search(pattern, line)
            if match:
                return match
            seen.append(line)

    def stop(self, with_signal=signal.SIGTERM):
        """Ends it, if it runs; its exit code."""
        if self._popen.poll() is None:
            self._popen.send_signal(with_signal)
        try:
            code = self._popen.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            raise
        self._reader.join(DEADLINE_S)
        self._popen.stdout.close()
        return code


class BenchTest(unittest.TestCase):

    maxDiff = None

    def start(self, *argv):
        running = Running(*argv)
        self.addCleanup(running.stop)
        return running

    def start_ack_server(self):
        """The server and its address."""
        server = self.start(program("ack-server"), "--listen", "127.0.0.1:0")
        return server, f"127.0.0.1:{server.wait_for('^listening ([0-9]+)$')[1]}"

    def start_exporter(self, *flags):
        """The exporter and its address."""
        exporter = self.start(
            EXPORTER, "--ingest.listen-address", "127.0.0.1:0",
            "--web.listen-address", "127.0.0.1:0", "--ingest.max-sample-rate", "10000", *flags)
        return exporter, exporter.wait_for(r"component=ingest address=(\S+)")[1]


class Fleet(BenchTest):

    def run_fleet(self, address, *flags):
        text = output_of(program("fleet"), "--exporter", address, "--agents", AGENTS,
                         "--duration", "1s", "--ramp", "100ms", *flags)
        report = json.loads(text)
        self.assertEqual(list(report), FLEET_KEYS)
        for key in ("ack_ms", "connect_ms"):
            self.assertEqual(set(report[key]), PERCENTILES)
            self.assertEqual(sorted(report[key].values()), list(report[key].values()), key)
        return report

    def assert_all_is_well(self, report):
        self.assertEqual(report["agents"], AGENTS)
        self.assertEqual(report["connected"], AGENTS)
        self.assertGreater(report["samples_acked"], 0)
        self.assertEqual(report["samples_acked"], report["samples_sent"])
        self.assertEqual(report["samples_lost"], 0)
        self.assertEqual(report["disconnects"], 0)
        self.assertEqual(report["refusals"], {})
        self.assertGreaterEqual(
            report["bytes_sent"], report["samples_sent"] * report["sample_bytes"])

    def test_samples_are_acknowledged_by_the_ack_server(self):
        _, address = self.start_ack_server()
        self.assert_all_is_well(self.run_fleet(address, "--interval", "100ms"))

    def test_samples_are_acknowledged_by_the_exporter(self):
        _, address = self.start_exporter()
        self.assert_all_is_well(self.run_fleet(address, "--interval", "100ms"))

    def test_the_exporter_takes_every_kind_of_sample(self):
        groups = ("percent", "cpu", "load", "burst", "detail", "agent", "exporter")
        _, address = self.start_exporter(
            *(part for group in groups for part in ("--web.collect", group)))
        for flags in (["--sample", "ticks"], ["--full"], ["--cores", "200"]):
            with self.subTest(flags=flags):
                self.assert_all_is_well(self.run_fleet(address, *flags))

    def test_flat_out_the_next_sample_follows_the_ack(self):
        _, address = self.start_exporter()
        report = self.run_fleet(address, "--interval", "0")
        self.assert_all_is_well(report)
        self.assertGreater(report["samples_acked"], 2 * AGENTS)

    def test_all_is_counted_from_the_start_if_asked_for(self):
        _, address = self.start_ack_server()
        report = self.run_fleet(address, "--measure-from-start", "--interval", "100ms")
        self.assert_all_is_well(report)
        self.assertGreater(report["bytes_sent"], report["samples_sent"] * report["sample_bytes"])

    def test_an_ended_connection_is_a_disconnect(self):
        server, address = self.start_ack_server()
        fleet = self.start(program("fleet"), "--exporter", address, "--agents", AGENTS,
                           "--duration", "1m", "--ramp", "0s", "--interval", "100ms")
        fleet.wait_for("^ready$")
        server.stop()
        self.assertEqual(fleet.stop(), 0)
        report = json.loads(fleet.wait_for(r"^\{.*\}$")[0])
        self.assertEqual(report["disconnects"], AGENTS)
        self.assertEqual(report["samples_lost"], report["samples_sent"] - report["samples_acked"])
        self.assertLessEqual(report["samples_lost"], AGENTS)
        self.assertEqual(report["connected"], 0)

    def test_a_name_that_is_taken_is_a_refusal(self):
        _, address = self.start_exporter()
        flags = ("--exporter", address, "--agents", "1", "--endpoint-prefix", "twin-")
        first = self.start(program("fleet"), *flags, "--duration", "1m")
        first.wait_for("^ready$")
        second = subprocess.run(
            [program("fleet"), *flags, "--duration", "500ms", "--measure-from-start"],
            capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(second.returncode, 1)
        self.assertEqual(json.loads(second.stdout)["refusals"], {"endpoint_in_use": 1})
        self.assertIn("only 0 of 1 agents", second.stderr)


class AckServer(BenchTest):

    def test_the_real_agent_is_satisfied(self):
        _, address = self.start_ack_server()
        agent = self.start(AGENT, "--exporter", address, "--print")
        agent.wait_for("^my_cpu_percents ")

    def test_its_report_counts_the_acks(self):
        server, address = self.start_ack_server()
        output_of(program("fleet"), "--exporter", address, "--agents", "2", "--duration", "200ms")
        self.assertEqual(server.stop(), 0)
        report = json.loads(server.wait_for(r"^\{.*\}$")[0])
        self.assertGreaterEqual(report["acks"], 2)


class BareLoop(BenchTest):

    def assert_pushes(self, address):
        report = json.loads(output_of(
            program("bare-loop"), "--exporter", address, "--interval", "20ms", "--push", "100ms",
            "--duration", "1s"))
        self.assertEqual(report["readings"], 50)
        self.assertEqual(report["pushes"], 10)
        self.assertEqual(report["acks"], 10)

    def test_it_pushes_to_the_ack_server(self):
        self.assert_pushes(self.start_ack_server()[1])

    def test_it_pushes_to_the_exporter(self):
        self.assert_pushes(self.start_exporter()[1])


class RenderLimit(BenchTest):

    KEYS = ["series", "bytes", "gzip_bytes", "render_ms", "gzip_ms", "cpu_ms"]

    def report(self, *flags):
        report = json.loads(output_of(program("render-limit"), "--rounds", "3", *flags))
        self.assertEqual(list(report), self.KEYS)
        return report

    def test_every_series_of_the_fleet_is_on_the_page(self):
        report = self.report("--agents", AGENTS)
        page = output_of(program("render-limit"), "--agents", AGENTS, "--print")
        lines = [line for line in page.splitlines() if not line.startswith("#")]
        self.assertEqual(report["series"], SERIES_PER_AGENT * AGENTS)
        self.assertEqual(len({line.split()[0] for line in lines}), report["series"])
        self.assertEqual(report["bytes"], len(page))
        self.assertLess(report["gzip_bytes"], report["bytes"])

    def test_a_page_of_a_file_is_taken_as_it_is(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("# TYPE a gauge\n" + "a 1\n" * 1000)
            file.flush()
            report = self.report("--file", file.name)
        self.assertEqual(report["series"], 1000)
        self.assertEqual(report["bytes"], 4015)


class PeerExposer(BenchTest):

    def test_it_serves_every_series_of_the_fleet(self):
        peer = self.start(
            program("peer-exposer"), "--agents", AGENTS, "--listen", "127.0.0.1:0")
        peer.wait_for("^listening$")
        port = int(peer.wait_for("^port ([0-9]+)$")[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        self.addCleanup(connection.close)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        self.assertEqual(page.count("\nnode_cpu_seconds_total{"), SERIES_PER_AGENT * AGENTS)
        self.assertEqual(page.count("\nmy_cpu_percents{"), AGENTS)
        self.assertEqual(peer.stop(), 0)


class Micro(BenchTest):

    def test_every_kind_of_benchmark_runs(self):
        report = json.loads(output_of(
            program("micro"), "--benchmark_min_time=0.001", "--benchmark_format=json",
            "--benchmark_filter=code_sample/|/10$|/100$"))
        names = {run["name"].partition("/")[0] for run in report["benchmarks"]
                 if run["run_type"] == "iteration"}
        self.assertEqual(
            names,
            {"decode_sample", "encode_sample", "apply_samples", "take_snapshot", "render", "compress"})
        self.assertEqual([run for run in report["benchmarks"] if "error_occurred" in run], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
