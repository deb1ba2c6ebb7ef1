"""What the alerts say of machines that are there: their CPUs, their clocks, their connections.

Each alert has at least one scene in which it fires, and more in which nothing does.
"""

import unittest

from fleet import Exporter, Fleet, Machine
from promtool import HOUR, MINUTE, RulesTest

LE = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, "+Inf")
BURST_LE = (0.1, 0.3, 1, 3, 10, 30, 60, "+Inf")


class Host(Fleet):
    """web-1 at one exporter, with what a scene says of it."""

    LABELS = {"job": "my_cpu", "endpoint": "web-1", "instance": "web-1"}

    def __init__(self, minutes=60, away=()):
        self.exporter = Exporter(away=away)
        super().__init__(minutes, [self.exporter], [Machine("web-1")])

    def on_page(self, value):
        """As the exporter shows it: not while it is away."""
        function = value if callable(value) else lambda at: value
        return lambda at: function(at) if self.exporter.runs(at) else None

    def gauge(self, name, value, **labels):
        self.add(name, self.on_page(value), **self.LABELS, **labels)

    def counter(self, name, per_second, **labels):
        self.count(name, per_second, **self.LABELS, **labels)

    def cpu(self, busy, steal=0.0, cpus=4):
        """How much of the machine is busy, steal included; may be functions of the time."""
        share = busy if callable(busy) else lambda at: busy
        stolen = steal if callable(steal) else lambda at: steal
        for mode, part in (
            ("user", lambda at: share(at) - stolen(at)), ("steal", stolen),
            ("idle", lambda at: 0.9 * (1 - share(at))), ("iowait", lambda at: 0.1 * (1 - share(at))),
        ):
            self.counter("cpu_monitor_host_cpu_seconds_total",
                         lambda at, part=part: cpus * part(at), mode=mode)

    def readings(self, family, mean, above):
        """A histogram of ten readings a second, of which `above` are higher than 0.9."""
        high = above if callable(above) else lambda at: above
        for le in LE:
            below = le != "+Inf" and le <= 0.9
            self.counter(f"{family}_bucket",
                         lambda at, below=below: 10 * (1 - high(at) if below else 1), le=le)
        self.counter(f"{family}_count", 10)
        self.counter(f"{family}_sum", 10 * mean)

    def utilization(self, mean, above):
        self.readings("cpu_monitor_host_utilization_ratio", mean, above)

    def busiest_core(self, above):
        self.readings("cpu_monitor_host_busiest_core_ratio", 0.5, above)

    def bursts(self, per_hour, seconds):
        for le in BURST_LE:
            counted = le == "+Inf" or seconds <= le
            self.counter("cpu_monitor_host_burst_seconds_bucket",
                         per_hour / HOUR if counted else 0, le=le)
        self.counter("cpu_monitor_host_burst_seconds_count", per_hour / HOUR)


class AlertTest(RulesTest):

    ALERT = None

    def assert_fires(self, scene, quiet_until, fires_from, told, instance="web-1"):
        scene.expect(0, {}, quiet_until)
        scene.expect(fires_from, {self.ALERT: [instance]}, scene.end_s)
        self.assert_as_expected(scene)
        for words in told if isinstance(told, tuple) else (told,):
            self.assertIn(words, scene.annotations(self.ALERT, scene.end_s))

    def assert_quiet(self, scene):
        scene.expect(0, {}, scene.end_s)
        self.assert_as_expected(scene)


class HighCpu(AlertTest):

    ALERT = "CpuMonitorHighCpu"

    def test_fires_when_all_is_busy_for_long(self):
        host = Host()
        host.cpu(lambda at: 0.97 if at >= 600 else 0.2)
        self.assert_fires(host, 600 + 15 * MINUTE, 600 + 21 * MINUTE, "has used 97% of its CPUs")

    def test_fires_through_a_restart_of_the_exporter(self):
        host = Host(away=[(2400, 2460)])
        host.cpu(0.97)
        host.expect(20 * MINUTE, {self.ALERT: ["web-1"]}, host.end_s)
        self.assert_as_expected(host)

    def test_fires_where_only_readings_are_collected(self):
        host = Host()
        host.utilization(0.95, 0.95)
        host.expect(20 * MINUTE, {self.ALERT: ["web-1"]}, host.end_s)
        self.assert_as_expected(host)

    def test_fires_for_a_client_that_reports_a_percentage_only(self):
        host = Host()
        host.gauge("my_cpu_percents", 99, method="reported")
        host.expect(20 * MINUTE, {self.ALERT: ["web-1"]}, host.end_s)
        self.assert_as_expected(host)

    def test_fires_where_counters_stand_still_between_rare_pushes(self):
        host = Host()
        host.gauge("cpu_monitor_host_cpu_seconds_total", 5000, mode="user")
        host.gauge("cpu_monitor_host_cpu_seconds_total", 50, mode="idle")
        host.gauge("my_cpu_percents", 99, method="proc_stat")
        host.expect(20 * MINUTE, {self.ALERT: ["web-1"]}, host.end_s)
        self.assert_as_expected(host)

    def test_quiet_when_nine_tenths_are_busy(self):
        host = Host()
        host.cpu(0.89)
        self.assert_quiet(host)

    def test_quiet_when_all_is_busy_for_ten_minutes(self):
        host = Host()
        host.cpu(lambda at: 1.0 if 600 <= at < 1200 else 0.1)
        self.assert_quiet(host)

    def test_quiet_when_all_is_busy_every_other_minute(self):
        host = Host()
        host.cpu(lambda at: 1.0 if at // 60 % 2 else 0.2)
        self.assert_quiet(host)

    def test_quiet_when_it_waits_for_disks(self):
        host = Host()
        host.counter("cpu_monitor_host_cpu_seconds_total", 3.9, mode="iowait")
        host.counter("cpu_monitor_host_cpu_seconds_total", 0.1, mode="user")
        self.assert_quiet(host)

    def test_quiet_when_two_exporters_have_it_one_after_the_other(self):
        host = Host()
        host.cpu(lambda at: 0.5)
        for mode in ("user", "idle"):
            host.count("cpu_monitor_host_cpu_seconds_total", 2, mode=mode, job="my_cpu",
                       exporter="b", endpoint="web-1", instance="web-1")
        self.assert_quiet(host)


class Bursts(AlertTest):

    ALERT = "CpuMonitorBursts"

    def test_fires_when_bursts_hide_in_a_low_average(self):
        host = Host()
        host.cpu(0.3)
        host.utilization(0.3, lambda at: 0.2 if at >= 600 else 0)
        self.assert_fires(host, 600 + 15 * MINUTE, 600 + 21 * MINUTE,
                          "busy in 20% of its readings of 100 ms")

    def test_quiet_when_they_are_rare(self):
        host = Host()
        host.cpu(0.3)
        host.utilization(0.3, 0.05)
        self.assert_quiet(host)

    def test_quiet_when_they_last_ten_minutes(self):
        host = Host()
        host.cpu(0.3)
        host.utilization(0.3, lambda at: 0.5 if 600 <= at < 1200 else 0)
        self.assert_quiet(host)

    def test_quiet_when_the_average_says_it_too(self):
        host = Host()
        host.cpu(0.85)
        host.utilization(0.85, 0.8)
        self.assert_quiet(host)

    def test_quiet_when_its_agent_restarts(self):
        host = Host()
        host.cpu(0.3)
        for le in LE:
            host.gauge("cpu_monitor_host_utilization_ratio_bucket",
                       lambda at, le=le: 10.0 * (at % 900), le=le)
        host.gauge("cpu_monitor_host_utilization_ratio_count", lambda at: 10.0 * (at % 900))
        self.assert_quiet(host)


class LongBursts(AlertTest):

    ALERT = "CpuMonitorLongBursts"

    def test_fires_when_many_are_long(self):
        host = Host(120)
        host.cpu(0.3)
        host.bursts(12, 25)
        self.assert_fires(host, 30 * MINUTE, 80 * MINUTE,
                          "busy for more than 10 s without a break, 12 times within an hour")

    def test_quiet_when_many_are_short(self):
        host = Host(120)
        host.cpu(0.3)
        host.bursts(600, 3)
        self.assert_quiet(host)

    def test_quiet_when_few_are_long(self):
        host = Host(120)
        host.cpu(0.3)
        host.bursts(4, 60)
        self.assert_quiet(host)

    def test_quiet_when_the_average_says_it_too(self):
        host = Host(120)
        host.cpu(0.8)
        host.bursts(30, 60)
        self.assert_quiet(host)


class SaturatedCore(AlertTest):

    ALERT = "CpuMonitorSaturatedCore"

    def test_fires_when_one_of_four_is_busy(self):
        host = Host()
        host.cpu(0.27)
        host.busiest_core(lambda at: 0.98 if at >= 600 else 0.1)
        self.assert_fires(host, 600 + 15 * MINUTE, 600 + 21 * MINUTE,
                          "In 98% of the readings of web-1 one CPU is busy")

    def test_quiet_when_it_is_busy_half_the_time(self):
        host = Host()
        host.cpu(0.2)
        host.busiest_core(0.5)
        self.assert_quiet(host)

    def test_quiet_when_it_is_busy_for_ten_minutes(self):
        host = Host()
        host.cpu(0.2)
        host.busiest_core(lambda at: 1 if 600 <= at < 1200 else 0)
        self.assert_quiet(host)

    def test_quiet_when_all_are_busy_and_that_is_said(self):
        host = Host()
        host.cpu(0.97)
        host.busiest_core(1)
        host.expect(0, {}, 15 * MINUTE)
        host.expect(20 * MINUTE, {"CpuMonitorHighCpu": ["web-1"]}, host.end_s)
        self.assert_as_expected(host)


class Steal(AlertTest):

    ALERT = "CpuMonitorSteal"

    def test_fires_when_a_neighbour_is_noisy(self):
        host = Host()
        host.cpu(0.6, steal=lambda at: 0.2 if at >= 600 else 0)
        self.assert_fires(host, 600 + 15 * MINUTE, 600 + 21 * MINUTE,
                          "20% of the CPU time of web-1 went to others")

    def test_quiet_when_it_takes_little(self):
        host = Host()
        host.cpu(0.6, steal=0.05)
        self.assert_quiet(host)

    def test_quiet_when_it_is_noisy_for_ten_minutes(self):
        host = Host()
        host.cpu(0.6, steal=lambda at: 0.5 if 600 <= at < 1200 else 0)
        self.assert_quiet(host)

    def test_quiet_on_hardware(self):
        host = Host()
        host.cpu(0.85)
        self.assert_quiet(host)


class CgroupThrottled(AlertTest):

    ALERT = "CpuMonitorCgroupThrottled"

    def host(self, throttled, periods=10.0):
        host = Host()
        host.counter("cpu_monitor_cgroup_periods_total", periods)
        host.counter("cpu_monitor_cgroup_throttled_periods_total", throttled)
        return host

    def test_fires_when_it_waits_in_half_of_the_periods(self):
        self.assert_fires(self.host(lambda at: 5 if at >= 600 else 0),
                          600 + 15 * MINUTE, 600 + 21 * MINUTE, "in 50% of the periods")

    def test_quiet_when_it_waits_in_few(self):
        self.assert_quiet(self.host(2))

    def test_quiet_when_it_waits_for_ten_minutes(self):
        self.assert_quiet(self.host(lambda at: 10 if 600 <= at < 1200 else 0))

    def test_quiet_when_it_never_runs(self):
        self.assert_quiet(self.host(0, periods=0))


class CpuThrottled(AlertTest):

    ALERT = "CpuMonitorCpuThrottled"

    def test_fires_when_cores_are_hot(self):
        host = Host()
        for core in (0, 1):
            host.counter("node_cpu_core_throttles_total",
                         lambda at: 0.1 if at >= 600 else 0, package=0, core=core)
        self.assert_fires(host, 600 + 14 * MINUTE, 600 + 16 * MINUTE,
                          "slow down: 60 times in 5 minutes")

    def test_fires_when_only_packages_are_counted(self):
        host = Host()
        host.counter("node_cpu_package_throttles_total", 0.1, package=0)
        host.expect(20 * MINUTE, {self.ALERT: ["web-1"]}, host.end_s)
        self.assert_as_expected(host)

    def test_quiet_when_they_were_hot_once(self):
        host = Host()
        host.counter("node_cpu_core_throttles_total",
                     lambda at: 1 if 600 <= at < 900 else 0, package=0, core=0)
        self.assert_quiet(host)

    def test_quiet_when_they_were_hot_before(self):
        host = Host()
        host.gauge("node_cpu_core_throttles_total", 12345, package=0, core=0)
        host.gauge("node_cpu_package_throttles_total", 23456, package=0)
        self.assert_quiet(host)


class ClockSkew(AlertTest):

    ALERT = "CpuMonitorClockSkew"
    FAMILY = "cpu_monitor_agent_clock_skew_seconds"

    def test_fires_when_a_clock_is_slow(self):
        host = Host()
        host.gauge(self.FAMILY, lambda at: -90.0 if at >= 600 else 0.01)
        self.assert_fires(host, 600 + 9 * MINUTE, 600 + 16 * MINUTE, "are 90.0 s apart")

    def test_fires_when_a_clock_is_fast_through_a_restart_of_the_exporter(self):
        host = Host(away=[(2400, 2460)])
        host.gauge(self.FAMILY, 3.0)
        host.expect(11 * MINUTE, {self.ALERT: ["web-1"]}, host.end_s)
        self.assert_as_expected(host)

    def test_quiet_when_the_way_is_long(self):
        host = Host()
        host.gauge(self.FAMILY, -0.8)
        self.assert_quiet(host)

    def test_quiet_when_it_is_set_right_soon(self):
        host = Host()
        host.gauge(self.FAMILY, lambda at: 10.0 if 600 <= at < 720 else 0.0)
        self.assert_quiet(host)


class AgentFlapping(AlertTest):

    ALERT = "CpuMonitorAgentFlapping"
    FAMILY = "cpu_monitor_agent_connects_total"

    def test_fires_when_it_connects_every_few_minutes(self):
        host = Host(120)
        host.gauge(self.FAMILY, lambda at: 1 + at // 300)
        self.assert_fires(host, 25 * MINUTE, HOUR, "connected 12 times within an hour")

    def test_quiet_when_it_is_upgraded(self):
        host = Host(120)
        host.gauge(self.FAMILY, lambda at: 1 + int(at >= 600) + int(at >= 900))
        self.assert_quiet(host)

    def test_quiet_when_its_link_is_cut_once_an_hour(self):
        host = Host(240)
        host.gauge(self.FAMILY, lambda at: 1 + at // HOUR)
        self.assert_quiet(host)

    def test_quiet_when_the_exporter_restarts(self):
        host = Host(120, away=[(600 * i, 600 * i + 3) for i in range(1, 4)])
        host.gauge(self.FAMILY, lambda at: 5 if at < 600 else 1)
        self.assert_quiet(host)


class DuplicateEndpoint(AlertTest):

    ALERT = "CpuMonitorDuplicateEndpoint"
    FAMILY = "cpu_monitor_agent_claims_refused_total"

    def refused(self, per_second):
        host = Host()
        host.counter(self.FAMILY, per_second)
        return host

    def test_fires_when_two_machines_have_one_name(self):
        # The second one tries again after 10 to 30 s.
        self.assert_fires(self.refused(lambda at: 1 / 30 if at >= 600 else 0),
                          600 + 15 * MINUTE, 600 + 20 * MINUTE,
                          "wanted the name web-1 while a live agent holds it")

    def test_quiet_when_it_comes_back_before_its_old_connection_ended(self):
        self.assert_quiet(self.refused(lambda at: 2 / 15 if 600 <= at < 615 else 0))

    def test_quiet_when_its_link_is_cut_now_and_then(self):
        self.assert_quiet(self.refused(1 / 120))

    def test_quiet_when_nobody_was_ever_refused(self):
        self.assert_quiet(self.refused(0))


class ReadingsDiscarded(AlertTest):

    ALERT = "CpuMonitorReadingsDiscarded"
    FAMILY = "cpu_monitor_agent_samples_discarded_total"

    def test_fires_when_the_file_cannot_be_read(self):
        host = Host()
        host.counter(self.FAMILY, lambda at: 10 if at >= 600 else 0, reason="unreadable")
        self.assert_fires(host, 600 + 9 * MINUTE, 600 + 11 * MINUTE,
                          "throws away 10.0 readings of /proc/stat a second: unreadable")

    def test_quiet_when_the_kernel_steps_back(self):
        host = Host()
        host.counter(self.FAMILY, 2, reason="stepped_back")
        self.assert_quiet(host)

    def test_quiet_after_a_suspend(self):
        host = Host()
        host.gauge(self.FAMILY, 17, reason="suspend")
        self.assert_quiet(host)

    def test_quiet_when_one_reading_is_torn_now_and_then(self):
        host = Host()
        host.counter(self.FAMILY, 0.02, reason="torn")
        self.assert_quiet(host)


if __name__ == "__main__":
    unittest.main()
