"""A real Prometheus with the repository's prometheus.yml, and what it makes of one busy core."""

import bisect
import os
import subprocess
import sys
import tempfile
import threading
import time

import harness

CONFIG = harness.SOURCE_DIR / "prometheus.yml"
WINDOW_S = 10
TOLERANCE_POINTS = 3


def substituted(text, exporter_port):
    """The repository's file, but for what a test cannot keep: the port and the patience."""
    for old, new in (
        # In numbers: a folder made by debootstrap has no /etc/hosts, so no localhost.
        ('"localhost:8000"', f'"127.0.0.1:{exporter_port}"'),
        ("scrape_interval: 15s", "scrape_interval: 1s"),
    ):
        if text.count(old) != 1:
            raise AssertionError(f"prometheus.yml holds {old} {text.count(old)} times, not once")
        text = text.replace(old, new)
    return text


class ProcStatDiary:
    """Reads the real /proc/stat all the time; knows how busy it was between two moments."""

    def __init__(self):
        self._moments = []
        self._readings = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while True:
            ticks = dict(zip(harness.MODES, harness.read_proc_stat()["cpu"]))
            rest = ticks["idle"] + ticks["iowait"]
            busy = sum(ticks[mode] for mode in harness.EXCLUSIVE_MODES) - rest
            self._readings.append((busy, rest))
            self._moments.append(time.time())
            if self._stop.wait(0.05):
                return

    def _at(self, moment):
        """Ticks (busy, rest), interpolated between the two readings around that moment."""
        after = bisect.bisect_left(self._moments, moment)
        if not 0 < after < len(self._moments):
            raise AssertionError("a moment that was not recorded")
        start, end = self._moments[after - 1], self._moments[after]
        share = (moment - start) / (end - start)
        return [
            earlier + share * (later - earlier)
            for earlier, later in zip(self._readings[after - 1], self._readings[after])
        ]

    def busy_percent(self, start, end):
        busy, rest = (
            later - earlier for earlier, later in zip(self._at(start), self._at(end))
        )
        return 100 * busy / (busy + rest)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


class WithPrometheus(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        self.exporter = self.start_exporter()
        self.start_agent(self.exporter, "web-1")
        self.exporter.wait_for_up("web-1")
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-prometheus-")
        self.addCleanup(folder.cleanup)
        config = substituted(CONFIG.read_text(), self.exporter.web_port)
        self.prometheus = self.start(harness.Prometheus(folder.name, config))
        self.addCleanup(self.prometheus.kill)

    def wait_for(self, expression, value):
        harness.wait_until(
            lambda: self.prometheus.number(expression) == value, f"{expression} is {value}"
        )


class Scraped(WithPrometheus):

    def test_job_is_up_and_instance_is_the_machine(self):
        self.wait_for('up{job="my_cpu"}', 1)
        self.wait_for('cpu_monitor_agent_up{job="my_cpu",instance="web-1"}', 1)
        self.wait_for('count(my_cpu_percents{job="my_cpu",instance="web-1"})', 1)
        # Every series of the machine, and none of the exporter's own.
        own_name = f"127.0.0.1:{self.exporter.web_port}"
        self.assertEqual(self.prometheus.query('{endpoint="web-1",instance!="web-1"}'), [])
        self.wait_for(f'count(cpu_monitor_exporter_build_info{{instance="{own_name}"}})', 1)

    def test_no_sample_is_dropped_as_out_of_order_or_twice(self):
        self.wait_for('up{job="my_cpu"}', 1)
        harness.wait_until(
            lambda: len(self.prometheus.query('my_cpu_percents[1m]')) == 1
            and len(self.prometheus.series('my_cpu_percents[1m]', time.time())) >= 4,
            "four scrapes",
        )
        complaints = ("level=warn", "level=error")
        self.assertEqual(
            [line for line in self.prometheus.err if any(word in line for word in complaints)], []
        )


class OneBusyCore(WithPrometheus):

    def burn_one_core(self):
        burner = self.start(harness.Process([sys.executable, "-c", "while True: pass"]))
        self.addCleanup(burner.kill)

    def test_gauge_and_rate_agree_with_proc_stat(self):
        diary = ProcStatDiary()
        self.addCleanup(diary.stop)
        self.burn_one_core()
        burning_since = time.time()
        arrived_at = 'cpu_monitor_agent_last_sample_timestamp_seconds{instance="web-1"}'
        # Two seconds more than the window: the first push must lie within the time that burnt.
        harness.wait_until(
            lambda: (self.prometheus.number(arrived_at) or 0) > burning_since + WINDOW_S + 3,
            "a window of scrapes while the core burns",
        )
        now = self.prometheus.query(arrived_at)[0]["value"][0]
        arrivals = [value for _, value in self.prometheus.series(f"{arrived_at}[{WINDOW_S}s]", now)]
        self.assertGreaterEqual(len(arrivals), WINDOW_S - 2)
        diary.stop()

        with self.subTest("my_cpu_percents"):
            gauge = self.prometheus.number(
                f'avg_over_time(my_cpu_percents{{instance="web-1"}}[{WINDOW_S}s])', now
            )
            beside = mean(diary.busy_percent(arrival - 1, arrival) for arrival in arrivals)
            self.assert_agree(gauge, beside)
        with self.subTest("node_cpu_seconds_total"):
            selector = f'node_cpu_seconds_total{{instance="web-1"%s}}[{WINDOW_S}s]'
            idle = "sum(rate(" + selector % ',mode=~"idle|iowait"' + "))"
            total = "sum(rate(" + selector % "" + "))"
            rate = self.prometheus.number(f"100 * (1 - {idle} / {total})", now)
            self.assert_agree(rate, diary.busy_percent(arrivals[0], arrivals[-1]))

    def assert_agree(self, shown, beside):
        print(f"shown {shown:.1f} %, /proc/stat beside it {beside:.1f} %")
        self.assertAlmostEqual(shown, beside, delta=TOLERANCE_POINTS)
        # One core burns, so no less than its share can be right.
        self.assertGreater(shown, 100 / os.cpu_count() - 2 * TOLERANCE_POINTS)


class Configuration(harness.EndToEndTest):

    def test_promtool_finds_the_repository_file_valid(self):
        check = subprocess.run(
            [harness.PROMTOOL, "check", "config", CONFIG],
            capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False,
        )
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)


if __name__ == "__main__":
    harness.main()
