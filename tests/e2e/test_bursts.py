"""A burst of 300 ms between two scrapes: in our peak and our histogram every time, in the rate() of
node_exporter hardly.

In an everyday run the scrape interval is 3 s.  CPU_MONITOR_E2E_SCRAPE_S=15 and
CPU_MONITOR_E2E_ROUNDS=40 ask for the real thing, ten minutes; CPU_MONITOR_E2E_RECORD=FILE writes
what Prometheus stored, and when the bursts were, as JSON.
"""

import bisect
import json
import os
import pathlib
import random
import tempfile
import time

import burner
import harness

ROUNDS = harness.rounds(4)
SCRAPE_S = float(os.environ.get("CPU_MONITOR_E2E_SCRAPE_S", 3))
RECORD = os.environ.get("CPU_MONITOR_E2E_RECORD")

BURST_S = 0.3
HIGH = 0.9
# A burst is on the page when the push behind it has arrived.
PUSH_S = 1
ARRIVAL_S = PUSH_S + 0.5
# Long enough that each burst is in the window of the first scrape after it arrived.
PEAK_WINDOW_S = round(SCRAPE_S + ARRIVAL_S + 1)
# A burst that others disturbed tells nothing of ours and is repeated, up to so many times in all.
REPEATS = 3 * ROUNDS

CONFIG = """\
global:
  scrape_interval: {interval:g}s
  scrape_timeout: {interval:g}s
scrape_configs:
  - job_name: ours
    static_configs: [{{targets: ["127.0.0.1:{ours}"]}}]
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{node}"]}}]
"""

PEAK = 'cpu_monitor_host_utilization_peak_ratio{job="ours"}'
BUCKET = 'cpu_monitor_host_utilization_ratio_bucket{job="ours",le="%s"}'
GAUGE = 'my_cpu_percents{job="ours"}'
NODE_CPU = 'node_cpu_seconds_total{job="node"}'


class Stored:
    """What Prometheus stored since a moment, as [(scrape time, value)]."""

    def __init__(self, prometheus, since):
        now = time.time()
        span = f"[{int(now - since) + 1}s]"

        def points(selector):
            results = prometheus.query(selector + span, now)
            if len(results) > 1:
                raise AssertionError(f"{selector} has {len(results)} series")
            return [
                (scraped, float(value))
                for result in results for scraped, value in result["values"]
            ]

        self.peak = points(PEAK)
        self.percent = points(GAUGE)
        # Readings above HIGH, ever: all but those in the bucket up to it.
        below = dict(points(BUCKET % f"{HIGH:g}"))
        self.high_readings = [
            (scraped, count - below[scraped])
            for scraped, count in points(BUCKET % "+Inf") if scraped in below
        ]
        self.rate = busy_shares(prometheus.query(NODE_CPU + span, now))


def busy_shares(results):
    """What rate() makes of node_exporter's counters between two scrapes: [(start, end, share)]."""
    sums = {}
    for result in results:
        idle = result["metric"]["mode"] in ("idle", "iowait")
        for scraped, value in result["values"]:
            busy, rest = sums.get(scraped, (0, 0))
            value = float(value)
            sums[scraped] = (busy, rest + value) if idle else (busy + value, rest)
    shares = []
    for start, end in zip(sorted(sums), sorted(sums)[1:]):
        busy, rest = (later - earlier for earlier, later in zip(sums[start], sums[end]))
        if busy + rest > 0:
            shares.append((start, end, busy / (busy + rest)))
    return shares


def first_after(points, moment):
    """The first point scraped after the moment, None if there is none."""
    at = bisect.bisect_right(points, (moment, float("inf")))
    return points[at] if at < len(points) else None


def last_before(points, moment):
    at = bisect.bisect_left(points, (moment,))
    return points[at - 1] if at > 0 else None


def rate_of(stored, burst):
    """The highest share node_exporter's counters give an interval that the burst lies in."""
    return max(
        (share for start, end, share in stored.rate if start < burst.end and burst.start < end),
        default=None,
    )


def rest_until(moment):
    time.sleep(max(0, moment - time.monotonic()))


class Bursts(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        online = os.sysconf("SC_NPROCESSORS_ONLN")
        if len(os.sched_getaffinity(0)) < online:
            self.skipTest("not all CPUs are ours: a burst of all of them is not ours to make")
        self.exporter = self.start_exporter("--peak.window", f"{PEAK_WINDOW_S}s")
        self.start_agent(self.exporter, "web-1")
        node_exporter = self.start_node_exporter(["cpu"])
        self.burners = burner.Burners()
        self.addCleanup(self.burners.stop)
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-bursts-")
        self.addCleanup(folder.cleanup)
        config = CONFIG.format(
            interval=SCRAPE_S, ours=self.exporter.web_port, node=node_exporter.port
        )
        self.prometheus = self.start(harness.Prometheus(folder.name, config))
        self.addCleanup(self.prometheus.kill)

    def test_each_burst_is_seen_at_its_height(self):
        started = time.time()
        self.wait_for_scrapes(started)
        bursts, disturbed = self.burn_rounds()
        last_end = bursts[-1].end
        harness.wait_until(
            lambda: first_after(Stored(self.prometheus, started).peak, last_end + ARRIVAL_S)
            and first_after(
                [(end, share) for _, end, share in Stored(self.prometheus, started).rate], last_end
            ),
            "a scrape of both after the last burst",
            SCRAPE_S * 3 + harness.DEADLINE_S,
        )
        stored = Stored(self.prometheus, started)
        self.record(stored, bursts, disturbed)
        rows = [self.row_of(stored, burst) for burst in bursts]
        self.print_table(rows, disturbed)
        for number, row in enumerate(rows, 1):
            with self.subTest(burst=number):
                self.assertGreaterEqual(row["peak"], HIGH)
                self.assertGreaterEqual(row["high_readings"], 1)
        # Each burst has its own readings: none was counted for two of them.
        grown = stored.high_readings[-1][1] - stored.high_readings[0][1]
        self.assertGreaterEqual(grown, len(bursts))

    def wait_for_scrapes(self, started):
        def scraped():
            stored = Stored(self.prometheus, started)
            return stored.peak and stored.high_readings and stored.rate

        harness.wait_until(
            scraped, "scrapes of both exporters", SCRAPE_S * 3 + harness.DEADLINE_S
        )

    def burn_rounds(self):
        """A burst at a random moment of each scrape interval: (good ones, disturbed ones)."""
        good, disturbed = [], []
        interval_start = time.monotonic()
        while len(good) < ROUNDS:
            rest_until(interval_start + random.uniform(0, SCRAPE_S - BURST_S - burner.LEAD_S))
            burst = self.burners.burn(BURST_S)
            (good if burst.share >= HIGH else disturbed).append(burst)
            self.assertLessEqual(len(disturbed), REPEATS, "the machine is too busy for bursts")
            interval_start += SCRAPE_S
            rest_until(interval_start)
        # One more without a burst: whoever polled for its end would be load.
        rest_until(interval_start + SCRAPE_S)
        return good, disturbed

    @staticmethod
    def row_of(stored, burst):
        """What both saw of a burst; zeros where there is no scrape to look at."""
        arrived = burst.end + ARRIVAL_S
        scraped, peak = first_after(stored.peak, arrived) or (0, 0)
        _, after = first_after(stored.high_readings, arrived) or (0, 0)
        _, before = last_before(stored.high_readings, burst.start) or (0, after)
        return {
            "start": burst.start,
            "share": burst.share,
            "scraped_after_s": scraped - burst.end,
            "peak": peak,
            "high_readings": after - before,
            "rate": rate_of(stored, burst),
        }

    @staticmethod
    def print_table(rows, disturbed):
        print(
            f"\n{len(rows)} bursts of {BURST_S * 1000:g} ms on all CPUs, one in each scrape"
            f" interval of {SCRAPE_S:g} s; {len(disturbed)} more were disturbed and are left out"
        )
        print("burst  burners got  our peak  readings above 0.9  node_exporter's rate()")
        for number, row in enumerate(rows, 1):
            rate = "-" if row["rate"] is None else f"{100 * row['rate']:.1f} %"
            print(
                f"{number:>5}  {100 * row['share']:>9.1f} %  {100 * row['peak']:>6.1f} %"
                f"  {'+' + format(row['high_readings'], 'g'):>18}  {rate:>22}"
            )

    @staticmethod
    def record(stored, bursts, disturbed):
        if not RECORD:
            return
        pathlib.Path(RECORD).write_text(json.dumps({
            "scrape_interval_s": SCRAPE_S,
            "peak_window_s": PEAK_WINDOW_S,
            "cpus": os.cpu_count(),
            "bursts": [vars(burst) for burst in bursts],
            "disturbed_bursts": [vars(burst) for burst in disturbed],
            "utilization_peak_ratio": stored.peak,
            "my_cpu_percents": stored.percent,
            "readings_above_0_9": stored.high_readings,
            "node_exporter_rate": [
                {"start": start, "end": end, "busy": share} for start, end, share in stored.rate
            ],
        }, indent=1) + "\n")


if __name__ == "__main__":
    harness.main()
