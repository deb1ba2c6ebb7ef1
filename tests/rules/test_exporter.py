"""What the alerts say of the exporter itself, and of who is refused."""

import unittest

from fleet import Exporter, Fleet, Machine
from promtool import DAY, EXPORTER, HOUR, MINUTE, RulesTest


class ExporterTest(RulesTest):

    ALERT = None

    def scene(self, minutes=60, away=()):
        self.exporter = Exporter(away=away)
        return Fleet(minutes, [self.exporter], [Machine("web-1")])

    def own(self, scene, name, value, **labels):
        function = value if callable(value) else lambda at: value
        scene.add(name, lambda at: function(at) if self.exporter.runs(at) else None,
                  **self.exporter.target, **labels)

    def counter(self, scene, name, per_second, **labels):
        scene.count(name, per_second, **self.exporter.target, **labels)

    def assert_fires(self, scene, quiet_until, fires_from, told, until=None, instance=EXPORTER):
        until = until or scene.end_s
        scene.expect(0, {}, quiet_until)
        scene.expect(fires_from, {self.ALERT: [instance]}, until)
        self.assert_as_expected(scene)
        self.assertIn(told, scene.annotations(self.ALERT, until))

    def assert_quiet(self, scene):
        scene.expect(0, {}, scene.end_s)
        self.assert_as_expected(scene)


class Down(ExporterTest):

    ALERT = "CpuMonitorExporterDown"

    def test_fires_while_it_is_away(self):
        scene = self.scene(away=[(600, 1800)])
        self.assert_fires(scene, 600 + 3 * MINUTE - 15, 600 + 3 * MINUTE,
                          "has not got the page of monitoring:8000", until=1785)

    def test_quiet_while_it_restarts(self):
        self.assert_quiet(self.scene(away=[(600, 603), (1800, 1920)]))

    def test_quiet_when_another_job_is_down(self):
        scene = self.scene()
        scene.add("up", 0, job="node", instance="web-1:9100")
        scene.add("up", 0, job="machines", instance="web-2")
        self.assert_quiet(scene)


class Missing(ExporterTest):

    ALERT = "CpuMonitorExporterMissing"

    def test_fires_when_the_job_has_another_name(self):
        scene = Fleet(30, [], [])
        scene.add("up", 1, job="cpu", instance=EXPORTER)
        self.assert_fires(scene, 10 * MINUTE - 15, 10 * MINUTE, "no target in job my_cpu",
                          instance=None)

    def test_quiet_while_it_is_scraped(self):
        self.assert_quiet(self.scene())

    def test_quiet_while_it_is_down_and_that_is_said(self):
        scene = self.scene(away=[(0, 3600)])
        scene.expect(300, {"CpuMonitorExporterDown": [EXPORTER]}, 3585)
        self.assert_as_expected(scene)


class Restarting(ExporterTest):

    ALERT = "CpuMonitorExporterRestarting"

    def test_fires_when_it_crashes_every_five_minutes(self):
        scene = self.scene(away=[(300 * i, 300 * i + 3) for i in range(1, 12)])
        self.assert_fires(scene, 1200, 1515, "started 5 times within 30 minutes", until=3300)

    def test_quiet_when_it_is_upgraded_and_set_up(self):
        self.assert_quiet(self.scene(away=[(600, 603), (900, 903), (1200, 1203)]))

    def test_quiet_when_others_restart(self):
        scene = self.scene()
        scene.add("process_start_time_seconds", lambda at: at // 60, job="prometheus",
                  instance="localhost:9090")
        self.assert_quiet(scene)


class Full(ExporterTest):

    ALERT = "CpuMonitorExporterFull"
    REFUSED = "cpu_monitor_exporter_connections_refused_total"
    REJECTED = "cpu_monitor_exporter_samples_rejected_total"

    def full(self, refused, rejected):
        scene = self.scene()
        self.counter(scene, self.REFUSED, refused, reason="capacity")
        self.counter(scene, self.REJECTED, rejected, reason="capacity")
        return scene

    def test_fires_when_agents_find_no_room(self):
        self.assert_fires(self.full(lambda at: 0.1 if at >= 600 else 0, 0),
                          600 + 5 * MINUTE - 15, 600 + 6 * MINUTE,
                          "turned machines or samples away 30 times in 5 minutes")

    def test_fires_when_series_find_no_room(self):
        scene = self.full(0, 1)
        scene.expect(6 * MINUTE, {self.ALERT: [EXPORTER]}, scene.end_s)
        self.assert_as_expected(scene)

    def test_quiet_when_nobody_was_ever_refused(self):
        self.assert_quiet(self.full(0, 0))

    def test_quiet_when_it_was_full_before(self):
        scene = self.scene()
        self.own(scene, self.REFUSED, 4711, reason="capacity")
        self.own(scene, self.REJECTED, 815, reason="capacity")
        self.assert_quiet(scene)

    def test_quiet_when_one_was_refused(self):
        self.assert_quiet(self.full(lambda at: 0.1 if at == 600 else 0, 0))


class NearlyFull(ExporterTest):

    ALERT = "CpuMonitorExporterNearlyFull"

    def filled(self, agents, series):
        scene = self.scene()
        for name, value in (("agents_remembered", agents), ("agents_limit", 10000),
                            ("series", series), ("series_limit", 5000000)):
            self.own(scene, f"cpu_monitor_exporter_{name}", value)
        return scene

    def test_fires_when_there_are_many_agents(self):
        self.assert_fires(self.filled(lambda at: 9500 if at >= 600 else 9000, 1000000),
                          600 + 10 * MINUTE - 15, 600 + 10 * MINUTE + 15,
                          "95% of the agents that the exporter monitoring:8000 takes are there")

    def test_fires_when_there_are_many_series(self):
        scene = self.filled(1000, 4900000)
        scene.expect(11 * MINUTE, {self.ALERT: [EXPORTER]}, scene.end_s)
        self.assert_as_expected(scene)
        self.assertIn("98% of the series", scene.annotations(self.ALERT, scene.end_s))

    def test_quiet_when_there_is_room(self):
        self.assert_quiet(self.filled(9000, 4500000))

    def test_quiet_when_it_was_nearly_full_for_some_minutes(self):
        self.assert_quiet(self.filled(lambda at: 9900 if 600 <= at < 900 else 100, 1000))


class Descriptors(ExporterTest):

    ALERT = "CpuMonitorExporterDescriptors"

    def files(self, opened):
        scene = self.scene()
        self.own(scene, "process_open_fds", opened)
        self.own(scene, "process_max_fds", 1024)
        return scene

    def test_fires_when_few_are_left(self):
        self.assert_fires(self.files(lambda at: 900 if at >= 600 else 20),
                          600 + 10 * MINUTE - 15, 600 + 10 * MINUTE + 15, "uses 87.89% of the")

    def test_quiet_when_half_are_left(self):
        self.assert_quiet(self.files(512))

    def test_quiet_when_scrapes_of_many_come_together(self):
        self.assert_quiet(self.files(lambda at: 900 if at % 300 < 60 else 20))


class AgentsRefused(ExporterTest):

    ALERT = "CpuMonitorAgentsRefused"
    FAMILY = "cpu_monitor_exporter_connections_refused_total"

    def refused(self, reason, per_second):
        scene = self.scene(120)
        self.counter(scene, self.FAMILY, per_second, reason=reason)
        return scene

    def test_fires_when_a_token_is_wrong(self):
        # An agent that a person must mend tries about every 2.5 minutes.
        self.assert_fires(self.refused("unauthorized", 1 / 150), 25 * MINUTE, 50 * MINUTE,
                          "12 connections in 30 minutes with unauthorized")

    def test_fires_when_agents_do_not_speak_tls(self):
        scene = self.refused("tls_required", 1)
        scene.expect(20 * MINUTE, {self.ALERT: [EXPORTER]}, scene.end_s)
        self.assert_as_expected(scene)

    def test_quiet_when_one_tried_for_five_minutes(self):
        self.assert_quiet(self.refused("endpoint_denied",
                                       lambda at: 1 / 75 if 600 <= at < 900 else 0))

    def test_quiet_when_strangers_knock(self):
        self.assert_quiet(self.refused("bad_json", 0.1))

    def test_quiet_when_it_was_so_before(self):
        scene = self.scene()
        self.own(scene, self.FAMILY, 99, reason="unauthorized")
        self.assert_quiet(scene)


class ConnectionsRefused(ExporterTest):

    ALERT = "CpuMonitorConnectionsRefused"
    FAMILY = "cpu_monitor_exporter_connections_refused_total"

    def refused(self, reason, per_second):
        scene = self.scene(120)
        self.counter(scene, self.FAMILY, per_second, reason=reason)
        return scene

    def test_fires_when_many_handshakes_fail(self):
        self.assert_fires(self.refused("tls_handshake", lambda at: 1 if at >= 600 else 0),
                          600 + 15 * MINUTE, 600 + 19 * MINUTE,
                          "1.0 connections a second with tls_handshake")

    def test_quiet_when_a_port_scan_comes_by(self):
        self.assert_quiet(self.refused("bad_json", lambda at: 2 if 600 <= at < 700 else 0))

    def test_quiet_when_strangers_knock_each_minute(self):
        self.assert_quiet(self.refused("handshake_timeout", 1 / 60))


class SamplesRejected(ExporterTest):

    ALERT = "CpuMonitorSamplesRejected"
    FAMILY = "cpu_monitor_exporter_samples_rejected_total"

    def rejected(self, reason, per_second):
        scene = self.scene()
        self.counter(scene, self.FAMILY, per_second, reason=reason)
        return scene

    def test_fires_when_a_client_sends_bad_fields(self):
        self.assert_fires(self.rejected("bad_field", lambda at: 1 if at >= 600 else 0),
                          600 + 15 * MINUTE - 15, 600 + 16 * MINUTE, "lines of agents")

    def test_quiet_when_acknowledgements_were_lost(self):
        self.assert_quiet(self.rejected("sequence_not_rising", 1))

    def test_quiet_when_agents_are_newer(self):
        self.assert_quiet(self.rejected("unknown_type", 1))

    def test_quiet_when_one_line_was_bad(self):
        self.assert_quiet(self.rejected("bad_json", lambda at: 1 / 15 if at == 600 else 0))


class PagesRefused(ExporterTest):

    ALERT = "CpuMonitorPagesRefused"
    FAMILY = "cpu_monitor_exporter_web_requests_refused_total"

    def refused(self, reason, per_second):
        scene = self.scene()
        self.counter(scene, self.FAMILY, per_second, reason=reason)
        return scene

    def test_fires_when_pages_are_cut(self):
        self.assert_fires(self.refused("slow_reader", lambda at: 0.05 if at >= 600 else 0),
                          600 + 15 * MINUTE, 600 + 22 * MINUTE, "with slow_reader")

    def test_quiet_when_a_password_is_wrong(self):
        self.assert_quiet(self.refused("unauthorized", 1))

    def test_quiet_when_some_come_at_once(self):
        self.assert_quiet(self.refused("busy", lambda at: 2 if 600 <= at < 615 else 0))


class CertificateExpiring(ExporterTest):

    ALERT = "CpuMonitorCertificateExpiring"
    FAMILY = "cpu_monitor_exporter_certificate_not_after_timestamp_seconds"

    def ends(self, after, certificate="web", minutes=120):
        scene = self.scene(minutes)
        self.own(scene, self.FAMILY, after, certificate=certificate)
        return scene

    def test_fires_in_the_last_two_weeks(self):
        self.assert_fires(self.ends(13 * DAY), 45 * MINUTE, 61 * MINUTE,
                          "The certificate web of the exporter monitoring:8000 ends in 12d")

    def test_fires_when_it_is_renewed_until_then(self):
        scene = self.ends(lambda at: 13 * DAY if at < 5400 else 365 * DAY)
        self.assert_fires(scene, 45 * MINUTE, 61 * MINUTE, "web", until=5385)

    def test_quiet_when_there_are_three_weeks(self):
        self.assert_quiet(self.ends(21 * DAY))

    def test_quiet_where_the_exporter_renews_its_own(self):
        # It does so when a third of its life is left.
        self.assert_quiet(self.ends(lambda at: 122 * DAY if at < 600 else 365 * DAY, "ingest"))

    def test_quiet_where_there_is_none(self):
        self.assert_quiet(self.scene())


class CertificateExpiresSoon(CertificateExpiring):

    ALERT = "CpuMonitorCertificateExpiresSoon"

    def test_fires_in_the_last_two_weeks(self):
        """And in the last two days, which both alerts say."""
        scene = self.ends(DAY, "ingest")
        scene.expect(0, {}, 4 * MINUTE)
        scene.expect(6 * MINUTE, {self.ALERT: [EXPORTER]}, 55 * MINUTE)
        self.assert_as_expected(scene)
        self.assertIn("From then on no agent connects", scene.annotations(self.ALERT, 1800))

    def test_fires_when_it_is_renewed_until_then(self):
        scene = self.ends(lambda at: HOUR if at < 1800 else 365 * DAY)
        self.assert_fires(scene, 4 * MINUTE, 6 * MINUTE, "ends within two days", until=1785)

    def test_fires_when_it_has_ended(self):
        scene = self.ends(-HOUR)
        scene.expect(6 * MINUTE, {self.ALERT: [EXPORTER]}, 55 * MINUTE)
        self.assert_as_expected(scene)
        self.assertIn("or has ended", scene.annotations(self.ALERT, 1800))

    def test_quiet_when_there_are_three_days(self):
        scene = self.ends(3 * DAY)
        scene.expect(0, {}, 55 * MINUTE)
        self.assert_as_expected(scene)


class ReloadFailed(ExporterTest):

    ALERT = "CpuMonitorReloadFailed"
    FAMILY = "cpu_monitor_exporter_config_last_reload_successful"

    def reload(self, value, **options):
        scene = self.scene(**options)
        self.own(scene, self.FAMILY, value)
        return scene

    def test_fires_when_new_files_are_bad(self):
        self.assert_fires(self.reload(lambda at: int(at < 600)), 600 + 5 * MINUTE - 15,
                          600 + 5 * MINUTE + 15, "is still in force")

    def test_quiet_when_they_are_good(self):
        self.assert_quiet(self.reload(1))

    def test_quiet_when_they_were_half_written_for_a_moment(self):
        self.assert_quiet(self.reload(lambda at: int(not 600 <= at < 660)))

    def test_quiet_when_the_exporter_restarts_with_good_ones(self):
        self.assert_quiet(self.reload(lambda at: int(not 600 <= at < 720), away=[(720, 725)]))


if __name__ == "__main__":
    unittest.main()
