"""Streams of /proc/stat that other programs stumble over, replayed through agent and exporter.

Each file of tests/data/streams is one: the reason in words, `#:` lines with what must come of it,
then the texts of /proc/stat one after another, parted by lines of `---`.  Whatever the stream, no
value is above 100 %, no counter falls, and nothing is discarded but what is named.

  percent N           the last share the machine showed
  percent at most N   none was higher, peaks included
  busiest core at most N
  discards REASON N   as often, and for no other reason; `some`: at least once
  modes N             so many modes each CPU has
  cpus ID ...         and no others, at the end
  unchanged           the counters are those of the beginning
"""

import time

import harness

STREAMS = sorted((harness.SOURCE_DIR / "tests/data/streams").glob("*.txt"))
# A reading and a push each 100 ms: what is on the page 200 ms later was read after a change.
INTERVAL_S = 0.1
COUNTERS = ("node_cpu_seconds_total", "cpu_monitor_host_cpu_seconds_total", "node_cpu_guest_seconds_total")


class Stream:

    def __init__(self, path):
        head, *frames = path.read_text().split("---\n")
        self.why = [line[2:] for line in head.splitlines() if line.startswith("# ")]
        self.frames = [self._expanded(frame) for frame in frames]
        self.discards = {}
        self.claims = []
        for line in head.splitlines():
            if line.startswith("#: discards "):
                reason, count = line.split()[2:]
                self.discards[reason] = None if count == "some" else int(count)
            elif line.startswith("#: "):
                self.claims.append(line[3:].split())

    @staticmethod
    def _expanded(frame):
        frame = frame.replace("{no newline}\n", "")
        return frame.replace("{2 MiB}", "0 " * (1 << 20))


class Streams(harness.EndToEndTest):

    def replay(self, stream):
        """The pages of the run, one after each frame at least."""
        procfs = self.scripted_procfs()
        procfs.overwrite(stream.frames[0])
        exporter = self.start_exporter("--web.collect", "percent", "--web.collect", "cpu",
                                       "--web.collect", "load", "--web.collect", "burst",
                                       "--web.collect", "detail", "--web.collect", "agent")
        self.start_agent(exporter, "web-1", "--path.procfs", procfs.path,
                         "--path.sysfs", procfs.path / "sys",
                         "--sample.interval", "100ms", "--push.interval", "100ms")
        pages = []
        for frame in stream.frames:
            procfs.overwrite(frame)
            written = time.time()
            pages.append(self.wait_for_later_sample(exporter, written + 2 * INTERVAL_S, pages))
        return pages

    def wait_for_later_sample(self, exporter, moment, pages):
        """The first page whose sample is of after `moment`; those on the way go to `pages`."""

        def scraped():
            page = exporter.scrape()
            pages.append(page)
            return page if (page.value("node_time_seconds") or 0) > moment else None

        return harness.wait_until(scraped, "a sample of the new frame")

    def check(self, path):
        stream = Stream(path)
        pages = self.replay(stream)
        for earlier, later in zip(pages, pages[1:]):
            self.assert_no_counter_falls(earlier, later)
        for page in pages:
            self.assert_at_most(page, "my_cpu_percents", 100)
            for peak in ("utilization", "busiest_core", "steal"):
                self.assert_at_most(page, f"cpu_monitor_host_{peak}_peak_ratio", 1)
        # The machine is there to the end: an empty page would keep every limit.
        self.assertIsNotNone(pages[-1].value("my_cpu_percents"), "a percentage at the end")
        self.assertTrue(pages[-1].find("node_cpu_seconds_total"), "counters at the end")
        self.assert_discards(stream, pages[-1])
        for claim in stream.claims:
            self.assert_claim(claim, pages)

    def assert_no_counter_falls(self, earlier, later):
        for (name, labels), value in earlier.series.items():
            if name in COUNTERS and (name, labels) in later.series:
                self.assertGreaterEqual(later.series[(name, labels)], value, (name, labels))

    def assert_at_most(self, page, name, limit):
        for labels, value in page.find(name):
            self.assertLessEqual(value, limit, (name, labels))
            self.assertGreaterEqual(value, 0, (name, labels))

    def assert_discards(self, stream, page):
        found = {
            labels["reason"]: value
            for labels, value in page.find("cpu_monitor_agent_samples_discarded_total")
        }
        self.assertEqual(set(found), set(stream.discards))
        for reason, count in stream.discards.items():
            if count is not None:
                self.assertEqual(found[reason], count, reason)

    def assert_claim(self, claim, pages):
        last = pages[-1]
        match claim:
            case ["percent", "at", "most", limit]:
                for page in pages:
                    self.assert_at_most(page, "my_cpu_percents", float(limit))
                    self.assert_at_most(
                        page, "cpu_monitor_host_utilization_peak_ratio", float(limit) / 100)
            case ["busiest", "core", "at", "most", limit]:
                for page in pages:
                    self.assert_at_most(
                        page, "cpu_monitor_host_busiest_core_peak_ratio", float(limit) / 100)
            case ["percent", percent]:
                shown = {page.value("my_cpu_percents") for page in pages} - {None}
                self.assertIn(float(percent), shown)
                self.assertLessEqual(max(shown), float(percent) + 0.01)
            case ["modes", count]:
                modes = {labels["mode"] for labels, _ in last.find("node_cpu_seconds_total")}
                self.assertEqual(len(modes), int(count), modes)
            case ["cpus", *cpus]:
                shown = {labels["cpu"] for labels, _ in last.find("node_cpu_seconds_total")}
                self.assertEqual(shown, set(cpus))
            case ["unchanged"]:
                first = next(page for page in pages if page.find("node_cpu_seconds_total"))
                for name in COUNTERS:
                    self.assertEqual(first.find(name), last.find(name))
            case _:
                self.fail(f"no such claim: {claim}")


def add_test(path):
    setattr(Streams, f"test_{path.stem}", lambda self: self.check(path))


for stream_path in STREAMS:
    add_test(stream_path)


if __name__ == "__main__":
    harness.main()
