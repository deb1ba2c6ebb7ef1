"""The exporter is away for a while, under load: nothing that happened meanwhile is lost.

CPU_MONITOR_E2E_SECONDS asks for a longer outage than that of an everyday run.
"""

import math
import threading
import time

import burner
import harness

OUTAGE_S = harness.seconds(6)
PUSH_S = 1
SAMPLE_S = 0.1
ENDPOINT = "web-1"
# On for 0.3 s, off for 0.3 s: every shape of reading occurs.
BURST_S = PAUSE_S = 0.3

ARRIVED_AT = "cpu_monitor_agent_last_sample_timestamp_seconds"
HISTOGRAMS = (
    "cpu_monitor_host_utilization_ratio",
    "cpu_monitor_host_busiest_core_ratio",
    "cpu_monitor_host_burst_seconds",
)
# Idle time comes late and whole, and iowait is taken back: the counters hold their marks.
WOBBLE_TICKS = 50
WOBBLING_MODES = ("idle", "iowait")


class Load:
    """Bursts, one after the other, until it is stopped."""

    def __init__(self):
        self.bursts = []
        self._burners = burner.Burners()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(PAUSE_S):
            self.bursts.append(self._burners.burn(BURST_S))

    def stop(self):
        self._stop.set()
        self._thread.join()
        self._burners.stop()


class Diary:
    """Reads /proc/stat all the time, and remembers from when to when each reading took."""

    def __init__(self):
        self._entries = []  # (from, to, {"cpu": ticks, "cpu0": ticks, ...})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.02):
            start = time.time()
            ticks = harness.read_proc_stat()
            self._entries.append((start, time.time(), ticks))

    def around(self, earliest, latest):
        """The last reading before the one moment and the first one after the other."""
        before = [ticks for _, end, ticks in self._entries if end <= earliest]
        after = [ticks for start, _, ticks in self._entries if start >= latest]
        return (before[-1], after[0]) if before and after else None


class Mark:
    """A page, and /proc/stat as it was right before and right after the page's sample was read."""

    def __init__(self, page, diary):
        self.page = page
        self.read_at = page.value("node_time_seconds", endpoint=ENDPOINT)
        # The sample says when it was made, of readings that are one interval old or a little more.
        self._before, self._after = harness.wait_until(
            lambda: diary.around(self.read_at - 2 * SAMPLE_S, self.read_at + 0.01),
            "readings of /proc/stat around a sample",
        )

    def ticks(self, name):
        """By mode, of "cpu" or "cpuN", as the page has them."""
        cpu = name.removeprefix("cpu") or None
        return harness.tick_counts(self.page, ENDPOINT, cpu)

    def proc_stat(self, name):
        """By mode: the least and the most it can have been when the page's sample was read."""
        low, high = harness.exclusive(self._before[name]), harness.exclusive(self._after[name])
        return {mode: (low[mode], high[mode]) for mode in low}

    def cpus(self):
        return self._before.keys() & self._after.keys()


class Outage(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        # Fixed ports, so that the exporter comes back where it was.
        self.ports = {"ingest_port": harness.free_port(), "web_port": harness.free_port()}

    def test_counters_and_histograms_lose_nothing(self):
        exporter = self.start_exporter(**self.ports)
        agent = self.start_agent(exporter, ENDPOINT)
        watch = harness.CounterWatch(self.ports["web_port"], ENDPOINT, ("cpu", "load", "burst"))
        self.addCleanup(watch.stop)
        load = Load()
        self.addCleanup(load.stop)

        start = self.mark(exporter)
        self.assert_stops(exporter)
        time.sleep(OUTAGE_S)  # the outage itself: there is nothing to wait for
        exporter = self.start_exporter(**self.ports)
        end = self.mark(exporter)
        watch.stop()

        self.assertTrue(agent.is_running(), agent.said())
        self.assertEqual(watch.falls, [])
        self.assertGreater(watch.scrapes_with_counters, 0)
        self.assertGreater(end.read_at - start.read_at, OUTAGE_S)
        print(f"\n{end.read_at - start.read_at:.1f} s, {OUTAGE_S:g} s of them without an exporter")
        self.assert_ticks_grew_as_in_proc_stat(start, end)
        self.assert_every_reading_was_counted(start, end)
        self.assert_every_burst_was_counted(start, end, load.bursts)
        self.assert_histograms_are_consistent(end.page)
        self.assert_average_is_that_of_proc_stat(start, end)

    def mark(self, exporter):
        self.wait_for_sample(exporter, 0)
        diary = Diary()
        try:
            return Mark(self.wait_for_sample(exporter, time.time() + PUSH_S), diary)
        finally:
            diary.stop()

    @staticmethod
    def wait_for_sample(exporter, after):
        """A page with a sample that was read and arrived after that moment."""
        return exporter.wait_for_page(
            lambda page: (page.value(ARRIVED_AT, endpoint=ENDPOINT) or 0) > after
            and (page.value("node_time_seconds", endpoint=ENDPOINT) or 0) > after
            and page.find("node_cpu_seconds_total", endpoint=ENDPOINT)
            and page.find(f"{HISTOGRAMS[0]}_count", endpoint=ENDPOINT),
            "a newer sample",
            harness.RECONNECT_DEADLINE_S,
        )

    def assert_ticks_grew_as_in_proc_stat(self, start, end):
        print("cpu   mode      grew by  /proc/stat, least and most")
        for name in sorted(start.cpus() & end.cpus()):
            shown_start, shown_end = start.ticks(name), end.ticks(name)
            before, after = start.proc_stat(name), end.proc_stat(name)
            self.assertEqual(shown_end.keys(), after.keys(), name)
            for mode, ticks in shown_end.items():
                grew = ticks - shown_start[mode]
                least = after[mode][0] - before[mode][1]
                most = after[mode][1] - before[mode][0]
                print(f"{name:<5} {mode:<8} {grew:>8g}  {least:>8} {most:>8}")
                slack = WOBBLE_TICKS if mode in WOBBLING_MODES else 1
                with self.subTest(cpu=name, mode=mode):
                    self.assertGreaterEqual(grew, least - slack)
                    self.assertLessEqual(grew, most + slack)

    def assert_every_reading_was_counted(self, start, end):
        elapsed = end.read_at - start.read_at
        # A reading that a mode's step back makes unusable is none, and counted as such.
        discarded = self.discards(end.page) - self.discards(start.page)
        for family in HISTOGRAMS[:2]:
            counted = self.grown(start, end, f"{family}_count")
            print(f"{family}: {counted:g} readings in {elapsed:.1f} s, {discarded:g} discarded")
            with self.subTest(family):
                expected = elapsed / SAMPLE_S
                slack = 0.02 * expected + 2
                self.assertGreaterEqual(counted, expected - slack - discarded)
                self.assertLessEqual(counted, expected + slack)
                self.assertLessEqual(discarded, slack)

    def assert_every_burst_was_counted(self, start, end, bursts):
        """Those that got the CPUs whole; each has two whole readings, and fills two more in part."""
        whole = [burst for burst in bursts
                 if start.read_at < burst.start and burst.end < end.read_at - 2 * SAMPLE_S
                 and burst.share >= 0.97]
        runs = self.grown(start, end, f"{HISTOGRAMS[2]}_count")
        length = self.grown(start, end, f"{HISTOGRAMS[2]}_sum")
        print(f"{len(whole)} bursts of {BURST_S} s: {runs:g} runs, {length:.1f} s together")
        self.assertGreater(len(whole), 0, "the machine is too busy for bursts")
        self.assertGreaterEqual(runs, 0.95 * len(whole) - 1)
        self.assertGreaterEqual(length, 0.95 * len(whole) * 2 * SAMPLE_S)
        for family in HISTOGRAMS[:2]:
            high = self.grown(start, end, f"{family}_count") - (
                end.page.value(f"{family}_bucket", endpoint=ENDPOINT, le="0.9")
                - start.page.value(f"{family}_bucket", endpoint=ENDPOINT, le="0.9"))
            with self.subTest(family):
                self.assertGreaterEqual(high, 0.95 * 2 * len(whole))

    @staticmethod
    def discards(page):
        found = page.find("cpu_monitor_agent_samples_discarded_total", endpoint=ENDPOINT)
        return sum(value for _, value in found)

    @staticmethod
    def grown(start, end, name):
        return end.page.value(name, endpoint=ENDPOINT) - start.page.value(name, endpoint=ENDPOINT)

    def assert_histograms_are_consistent(self, page):
        for family in HISTOGRAMS:
            with self.subTest(family):
                buckets = sorted(
                    (math.inf if labels["le"] == "+Inf" else float(labels["le"]), value)
                    for labels, value in page.find(f"{family}_bucket", endpoint=ENDPOINT)
                )
                counts = [value for _, value in buckets]
                self.assertEqual(len(buckets), 8)
                self.assertEqual(counts, sorted(counts))
                total = page.value(f"{family}_count", endpoint=ENDPOINT)
                self.assertEqual(buckets[-1], (math.inf, total))
                # The sum lies between what the bounds of each bucket make of it.
                bounds = [0, *(bound for bound, _ in buckets)]
                within = [high - low for low, high in zip([0, *counts], counts)]
                least = sum(number * low for number, low in zip(within, bounds))
                most = sum(
                    number * min(high, 1 if family.endswith("_ratio") else math.inf)
                    for number, high in zip(within, bounds[1:]) if number
                )
                value = page.value(f"{family}_sum", endpoint=ENDPOINT)
                rounding = 1e-6 * (total + 1)
                self.assertGreaterEqual(value, least - rounding)
                self.assertLessEqual(value, most + rounding)

    def assert_average_is_that_of_proc_stat(self, start, end):
        """The readings of the outage have the height they had, and not that of the gap."""
        family = HISTOGRAMS[0]
        counted = self.grown(start, end, f"{family}_count")
        average = self.grown(start, end, f"{family}_sum") / counted
        before, after = start.proc_stat("cpu"), end.proc_stat("cpu")
        grew = {mode: sum(after[mode]) - sum(before[mode]) for mode in after}
        busy = 1 - (grew["idle"] + grew["iowait"]) / sum(grew.values())
        print(f"busy on average: {100 * average:.1f} %, /proc/stat {100 * busy:.1f} %")
        self.assertAlmostEqual(average, busy, delta=0.05)


if __name__ == "__main__":
    harness.main()
