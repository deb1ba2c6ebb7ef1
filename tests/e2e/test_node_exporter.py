"""Beside Debian's node_exporter: the same names, types, HELP, labels and values for the CPU domain.

Once on the real machine, whose counters move, and once for each shape of tests/e2e/fixtures.py,
where every number must be equal.
"""

import dataclasses
import math
import os
import tempfile
import time
import unittest

import families
import fixtures
import harness

PUSH_INTERVAL_S = 1
SLOW_DEADLINE_S = 15 + harness.DEADLINE_S  # slow readings are sent at most every 15 s
ENDPOINT = "web-1"

ARRIVED_AT = "cpu_monitor_agent_last_sample_timestamp_seconds"
# It is read at another moment than node_exporter's, or on another machine's clock.
MOMENTS = {"node_time_seconds"}
# The kernel that runs, whatever the folders say.
OF_THE_KERNEL = {"node_time_seconds", "node_uname_info"}
# They jump while one looks at them.
RESTLESS = {
    "node_cpu_frequency_hertz",
    "node_cpu_scaling_frequency_hertz",
    "node_procs_blocked",
    "node_procs_running",
    "node_thermal_zone_temp",
}
# Idle time comes late and whole, and iowait is taken back; both exporters hold their own marks.
WOBBLING_MODES = {"idle", "iowait"}
WOBBLE_S = 0.5
# With room for rounding, so that 13.20 and 13.21 are not further apart.
TICK_S = 1 / os.sysconf("SC_CLK_TCK") + 1e-6


def allowed_while_running(family, labels, _value):
    """How far beyond node_exporter's two scrapes a value of the running machine may lie."""
    if family in RESTLESS:
        return "any"
    if family == "node_cpu_seconds_total":
        return WOBBLE_S if labels["mode"] in WOBBLING_MODES else TICK_S
    if family.startswith("node_load"):
        return 0.1
    if family == "node_boot_time_seconds":
        return 1  # the kernel rounds now minus uptime, and the clock is being steered
    if family.endswith("_seconds_total"):
        return TICK_S
    return 0.001 if family in MOMENTS else 0


def allowed_in_fixtures(family, _labels, value):
    """One rounding error where node_exporter rounds twice: it divides microseconds by 1,000 two
    times, and turns nanoseconds into a double before it divides them."""
    rounds_twice = family.startswith("node_pressure_") or (
        family.startswith("node_schedstat_") and family.endswith("_seconds_total")
    )
    return math.ulp(value) if rounds_twice else 0


def without_invented_zeros(family, machine):
    """node_exporter up to 1.5 shows zeros for a CPU without a line between two that have one."""
    if family and family.type == "counter":
        offline = {("cpu", str(cpu.number)) for cpu in machine.cpus if not cpu.is_online()}
        for labels in [labels for labels in family.series if labels & offline]:
            if family.series[labels] == 0:
                del family.series[labels]
    return family


class WithNodeExporter(harness.EndToEndTest):

    def start_both(self, agent_flags=(), paths=()):
        """Our exporter, its agent, and node_exporter with the same folders."""
        collect = [part for group in families.GROUPS for part in ("--web.collect", group)]
        self.exporter = self.start_exporter(*collect)
        self.agent = self.start_agent(self.exporter, ENDPOINT, *paths, *agent_flags)
        self.node_exporter = self.start_node_exporter(families.COLLECTORS, *paths)

    def assert_good(self, verdicts, title):
        text = f"{title}\n{families.table(verdicts)}"
        print(f"\n{text}")
        bad = [verdict.family for verdict in verdicts if not verdict.is_good()]
        self.assertEqual(bad, [], text)


class RealMachine(WithNodeExporter):

    def test_shows_what_node_exporter_shows(self):
        self.start_both()
        self.exporter.wait_for_page(
            lambda page: families.family_of(page, "node_cpu_info", ENDPOINT)
            and families.family_of(page, "node_boot_time_seconds", ENDPOINT)
            and families.family_of(page, "node_cpu_seconds_total", ENDPOINT),
            "the facts, the slow readings and the counters",
            SLOW_DEADLINE_S,
        )
        page, before, after = self.bracketed()
        self.assertEqual(families.unlisted(page), [])
        verdicts = [
            families.compare(
                name,
                families.family_of(page, name, ENDPOINT),
                families.family_of(before, name),
                families.family_of(after, name),
                allowed_while_running,
            )
            for name in families.OURS
        ]
        self.assert_good(verdicts, "the real machine")

    def bracketed(self):
        """Our page, all of it read between two scrapes of node_exporter: (ours, before, after)."""
        before = self.node_exporter.scrape()
        since = time.time()
        # What a sample holds was read within the push interval that ends with it.
        page = self.exporter.wait_for_page(
            lambda page: (page.value(ARRIVED_AT, endpoint=ENDPOINT) or 0)
            > since + PUSH_INTERVAL_S
            and (page.value("node_time_seconds", endpoint=ENDPOINT) or 0)
            > since + PUSH_INTERVAL_S,
            "a sample that was read after node_exporter's",
        )
        return page, before, self.node_exporter.scrape()


class Shapes(WithNodeExporter):

    def assert_same(self, shape, agent_flags=(), unlike=()):
        folder = tempfile.TemporaryDirectory(prefix=f"cpu-monitor-{shape}-")
        self.addCleanup(folder.cleanup)
        machine = fixtures.make(shape)
        procfs, sysfs = machine.write(folder.name)
        self.start_both(agent_flags, ("--path.procfs", procfs, "--path.sysfs", sysfs))
        theirs = self.node_exporter.scrape()
        names = [name for name in families.OURS if name not in OF_THE_KERNEL | set(unlike)]
        verdicts = self.wait_for_verdicts(
            lambda page: self.judge(page, theirs, names, machine)
            + self.judge_newer(page, machine)
        )
        self.assert_good(verdicts, shape)

    def wait_for_verdicts(self, judge):
        """The first verdicts that are all good, else those of the last page."""
        last = []

        def is_good():
            last[:] = judge(self.exporter.scrape())
            return all(verdict.is_good() for verdict in last)

        try:
            harness.wait_until(is_good, "a page that equals node_exporter's", SLOW_DEADLINE_S)
        except AssertionError:
            pass  # the verdicts say more
        return last

    @staticmethod
    def judge(page, theirs, names, machine):
        return [
            families.compare(
                name,
                families.family_of(page, name, ENDPOINT),
                without_invented_zeros(families.family_of(theirs, name), machine),
                allowed=allowed_in_fixtures,
            )
            for name in names
        ]

    @staticmethod
    def judge_newer(page, machine):
        """What Debian's node_exporter does not know, against the fixture itself."""
        known = machine.newer_families()
        return [
            families.compare(
                name,
                families.family_of(page, name, ENDPOINT),
                families.Family(*about, known[name]) if name in known else None,
                allowed=allowed_in_fixtures,
            )
            for name, about in families.OURS_ONLY.items()
        ]

    def test_one_cpu(self):
        self.assert_same("one_cpu")

    def test_eight_cpus_of_which_three_are_isolated(self):
        self.assert_same("eight_cpus")

    def test_256_cpus(self):
        self.assert_same("many_cpus", agent_flags=["--cpu.per-core"])

    def test_two_nodes(self):
        self.assert_same("two_nodes")

    def test_hybrid_cores(self):
        self.assert_same("hybrid")

    def test_unplugged_cpu(self):
        self.assert_same("unplugged")

    def test_virtual_machine_that_has_guests(self):
        self.assert_same("virtual")

    def test_arm_board(self):
        # node_exporter reads /proc/cpuinfo as the architecture it was built for prints it.
        self.assert_same("arm_board", unlike=["node_cpu_info"])


class Comparison(unittest.TestCase):
    """The comparison itself: it must not be what finds everything the same."""

    ONE = frozenset({("cpu", "0")})
    TWO = frozenset({("cpu", "1")})

    @staticmethod
    def family(series, kind="counter", about="Some help."):
        return families.Family(kind, about, series)

    def judge(self, ours, before, after=None, allowed=None):
        return families.compare("node_some_total", ours, before, after, allowed)

    def test_equal_families_are_the_same(self):
        verdict = self.judge(self.family({self.ONE: 1.5}), self.family({self.ONE: 1.5}))
        self.assertEqual((verdict.word, verdict.series, verdict.difference), ("same", 1, 0))

    def test_absent_on_both_pages_is_good(self):
        self.assertTrue(self.judge(None, None).is_good())

    def test_absent_on_one_page_is_missing(self):
        some = self.family({self.ONE: 1})
        self.assertEqual(self.judge(None, some).word, "missing here")
        self.assertEqual(self.judge(some, None).word, "missing there")

    def test_other_type_help_or_labels_differ(self):
        theirs = self.family({self.ONE: 1})
        for ours in (
            self.family({self.ONE: 1}, kind="gauge"),
            self.family({self.ONE: 1}, about="Some help"),
            self.family({self.TWO: 1}),
            self.family({self.ONE: 1, self.TWO: 1}),
            self.family({self.ONE | {("mode", "")}: 1}),
        ):
            self.assertEqual(self.judge(ours, theirs).word, "differs", ours)

    def test_one_rounding_error_differs_unless_allowed(self):
        theirs = self.family({self.ONE: 233.61007899999998})
        ours = self.family({self.ONE: 233.610079})
        self.assertEqual(self.judge(ours, theirs).word, "differs")
        allowed = lambda _family, _labels, value: math.ulp(value)
        self.assertEqual(self.judge(ours, theirs, allowed=allowed).word, "same")

    def test_value_between_two_scrapes_is_the_same_and_one_outside_differs(self):
        before, after = self.family({self.ONE: 10.0}), self.family({self.ONE: 12.0})
        for value, word in ((9.99, "same"), (11, "same"), (12.01, "same"), (9.98, "differs"),
                            (12.02, "differs"), (math.nan, "differs")):
            verdict = self.judge(
                self.family({self.ONE: value}), before, after, lambda *_: TICK_S
            )
            self.assertEqual(verdict.word, word, value)

    def test_restless_value_must_be_there_and_no_more(self):
        theirs = self.family({self.ONE: 1.0})
        self.assertEqual(
            self.judge(self.family({self.ONE: 9.0}), theirs, None, lambda *_: "any").word, "same"
        )
        self.assertEqual(
            self.judge(self.family({self.TWO: 1.0}), theirs, None, lambda *_: "any").word, "differs"
        )

    def test_families_of_one_endpoint_are_compared_without_it(self):
        page = harness.Page(
            "# HELP node_load1 1m load average.\n"
            "# TYPE node_load1 gauge\n"
            'node_load1{endpoint="web-1"} 1\n'
            'node_load1{endpoint="web-2"} 2\n'
        )
        family = families.family_of(page, "node_load1", "web-2")
        self.assertEqual(
            dataclasses.astuple(family), ("gauge", "1m load average.", {frozenset(): 2.0})
        )
        self.assertIsNone(families.family_of(page, "node_load1", "web-3"))


class NodeExporterAlone(harness.EndToEndTest):
    """What the other tests rest upon: node_exporter itself shows what the folders hold."""

    def scrape(self, shape):
        with tempfile.TemporaryDirectory(prefix=f"cpu-monitor-{shape}-") as folder:
            machine = fixtures.make(shape)
            procfs, sysfs = machine.write(folder)
            node_exporter = self.start_node_exporter(
                families.COLLECTORS, "--path.procfs", procfs, "--path.sysfs", sysfs
            )
            page = node_exporter.scrape()
            node_exporter.kill()
            return machine, page

    def test_takes_every_shape(self):
        for shape in fixtures.SHAPES:
            with self.subTest(shape):
                machine, page = self.scrape(shape)
                failed = [
                    labels
                    for labels, value in page.find("node_scrape_collector_success") if value != 1
                ]
                self.assertEqual(failed, [])
                family = without_invented_zeros(
                    families.family_of(page, "node_cpu_seconds_total"), machine
                )
                self.assertEqual(
                    {dict(labels)["cpu"] for labels in family.series},
                    {str(cpu.number) for cpu in machine.online()},
                )

    def test_every_family_of_the_list_is_in_some_shape(self):
        shown = set()
        for shape in fixtures.SHAPES:
            _, page = self.scrape(shape)
            shown |= page.families()
        self.assertEqual(sorted(set(families.OURS) - shown), [])
        self.assertEqual(sorted(set(families.OURS_ONLY) & shown), [])


if __name__ == "__main__":
    harness.main()
