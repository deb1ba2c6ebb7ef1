"""Who is there and who is gone: one page for each dead machine, as long as it is dead, and no other."""

import math
import unittest

from fleet import BEFORE, Exporter, Fleet, Machine
from promtool import EXPORTER, HOUR, MINUTE, RulesTest

GONE = "CpuMonitorMachineGone"
DOWN = "CpuMonitorExporterDown"
FOR_S = 3 * MINUTE
# Silence, the scrape that sees it, the evaluation that sees that.
NOTICED_S = 10 + 15 + 15
EVER = math.inf


def until(end):
    return ((BEFORE, end),)


class MachineGone(RulesTest):

    ALERT = GONE

    def assert_quiet(self, fleet):
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def assert_gone_from(self, fleet, death, machines, end=None):
        """A page from soon after the death until the end, without a gap."""
        fleet.expect(0, {}, death + FOR_S - 15)
        fleet.expect(death + FOR_S + NOTICED_S, {GONE: machines}, end or fleet.end_s)

    # Machines that die.

    def test_fires_when_killed(self):
        fleet = Fleet(120, [Exporter()], [Machine("web-1", up=until(300)), Machine("web-2")])
        self.assert_gone_from(fleet, 300, ["web-1"])
        self.assert_as_expected(fleet)
        told = fleet.annotations(GONE, 900)
        self.assertIn('summary="web-1 is gone."', told)

    def test_fires_while_scrapes_are_a_minute_apart(self):
        away = [(1200 + 600 * i, 1200 + 600 * i + 20) for i in range(8)]
        fleet = Fleet(120, [Exporter(away=away)], [Machine("web-1", up=until(300)),
                                                   Machine("web-2")], scrape_s=60)
        fleet.expect_page(GONE, "web-1", 300 + FOR_S - 15, 300 + FOR_S + 90)
        fleet.expect_silence(GONE, "web-2")
        self.assert_as_expected(fleet)

    def test_fires_when_it_never_came(self):
        fleet = Fleet(30, [Exporter(away=[(BEFORE, 0)])], [Machine("web-1", up=())])
        fleet.expect(0, {}, 60 + FOR_S - 15)
        fleet.expect(60 + FOR_S + 30, {GONE: ["web-1"]}, 1800)
        self.assert_as_expected(fleet)

    def test_fires_when_stopped_in_order_but_still_listed(self):
        fleet = Fleet(60, [Exporter()], [Machine("web-1", up=until(300), ends="stop")])
        self.assert_gone_from(fleet, 300, ["web-1"])
        self.assert_as_expected(fleet)

    def test_fires_until_back_again(self):
        fleet = Fleet(60, [Exporter()], [Machine("web-1", up=((BEFORE, 300), (1200, EVER)))])
        self.assert_gone_from(fleet, 300, ["web-1"], 1185)
        fleet.expect(1215, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_fires_until_back_again_just_before_the_exporter_goes_away(self):
        fleet = Fleet(60, [Exporter(away=[(1140, 1150), (1230, 2400)])],
                      [Machine("web-1", up=((BEFORE, 300), (1200, EVER)))])
        self.assert_gone_from(fleet, 300, ["web-1"], 1185)
        fleet.expect(1215, {}, 1230 + FOR_S - 15)
        fleet.expect(1230 + FOR_S + 15, {DOWN: [EXPORTER]}, 2385)
        fleet.expect(2400, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    # Dead machines, and an exporter that does not stay.

    def test_fires_through_quick_restarts_of_an_exporter(self):
        # 3 in 30 minutes: more are worth a warning of their own.
        away = [(1200 + i * 660, 1200 + i * 660 + 3) for i in range(9)]
        fleet = Fleet(120, [Exporter(away=away)], [Machine("web-1", up=until(300)),
                                                   Machine("web-2")])
        self.assert_gone_from(fleet, 300, ["web-1"])
        self.assert_as_expected(fleet)

    def test_fires_while_an_exporter_is_away_for_hours(self):
        fleet = Fleet(300, [Exporter(away=[(1800, 1800 + 3 * HOUR)])],
                      [Machine("web-1", up=until(300)), Machine("web-2")])
        self.assert_gone_from(fleet, 300, ["web-1"], 1800 + FOR_S - 15)
        back = 1800 + 3 * HOUR
        fleet.expect(1800 + FOR_S + 30, {GONE: ["web-1"], DOWN: [EXPORTER]}, back - 15)
        fleet.expect(back + 15, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_fires_through_scrapes_that_fail(self):
        # As an exporter that is away for one scrape, but its process is the same.
        fleet = Fleet(60, [], [])
        labels = {"job": "my_cpu", "instance": EXPORTER}
        fails = range(1200, 3600, 300)
        for name, value in (("cpu_monitor_exporter_build_info", 1),
                            ("process_start_time_seconds", BEFORE)):
            fleet.add(name, lambda at, value=value: None if at in fails else value, **labels)
        fleet.add("up", lambda at: int(at not in fails), **labels)
        machine = {"job": "my_cpu", "endpoint": "web-1", "instance": "web-1"}
        for name, value in (("cpu_monitor_agent_up", lambda at: int(at < 300)),
                            ("cpu_monitor_agent_expected", lambda at: 1)):
            fleet.add(name, lambda at, value=value: None if at in fails else value(at), **machine)
        self.assert_gone_from(fleet, 285, ["web-1"])
        self.assert_as_expected(fleet)

    def test_fires_for_twenty_that_die_while_the_exporter_restarts_twenty_times(self):
        # Quick restarts, such as those of an upgrade, and some that last a minute.
        away = [(600 + i * 660, 600 + i * 660 + (3 if i % 3 else 60)) for i in range(20)]
        dead = [Machine(f"dead-{i}", up=until(900 + i * 600)) for i in range(20)]
        alive = [Machine(f"alive-{i}") for i in range(20)]
        fleet = Fleet(300, [Exporter(away=away)], dead + alive)
        for i in range(20):
            # What dies while the exporter is away is known to be down 60 s after its start.
            paged = 900 + i * 600 + FOR_S + NOTICED_S + 60 + 75
            fleet.expect_page(GONE, f"dead-{i}", 900 + i * 600, paged)
            fleet.expect_silence(GONE, f"alive-{i}")
        self.assert_as_expected(fleet)

    def test_fires_when_died_while_the_exporter_was_away(self):
        fleet = Fleet(60, [Exporter(away=[(600, 660)])], [Machine("web-1", up=until(615))])
        fleet.expect(0, {}, 660 + 60 + FOR_S - 15)
        fleet.expect(660 + 60 + FOR_S + 15, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)

    # Nothing to be paged for.

    def test_quiet_all_is_well(self):
        self.assert_quiet(Fleet(120, [Exporter()], [Machine(f"web-{i}") for i in range(5)]))

    def test_quiet_an_exporter_restarts(self):
        for duration in (3, 20, 60, 150):
            with self.subTest(duration=duration):
                self.assert_quiet(Fleet(60, [Exporter(away=[(600, 600 + duration)])],
                                        [Machine(f"web-{i}") for i in range(5)]))

    def test_quiet_an_exporter_is_away_long(self):
        fleet = Fleet(60, [Exporter(away=[(600, 1800)])], [Machine("web-1"), Machine("web-2")])
        fleet.expect(0, {}, 600 + FOR_S - 15)
        fleet.expect(600 + FOR_S + 15, {DOWN: [EXPORTER]}, 1785)
        fleet.expect(1800, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def upgraded(self, name, at):
        """An agent that restarts: it says goodbye, and is back within seconds."""
        return Machine(name, up=((BEFORE, at), (at + 15, EVER)), ends="stop")

    def test_quiet_a_rolling_upgrade_of_fifty_agents(self):
        self.assert_quiet(Fleet(60, [Exporter()],
                                [self.upgraded(f"web-{i}", 300 + 15 * i) for i in range(50)]))

    def test_quiet_a_rolling_upgrade_of_agents_that_are_killed(self):
        machines = [Machine(f"web-{i}", up=((BEFORE, 300 + 30 * i), (300 + 30 * i + 45, EVER)))
                    for i in range(50)]
        self.assert_quiet(Fleet(60, [Exporter()], machines))

    def test_quiet_a_rolling_upgrade_of_fifty_agents_and_their_exporter(self):
        self.assert_quiet(Fleet(60, [Exporter(away=[(600, 630)])],
                                [self.upgraded(f"web-{i}", 300 + 15 * i) for i in range(50)]))

    def test_quiet_a_machine_reboots(self):
        self.assert_quiet(Fleet(60, [Exporter()],
                                [Machine("web-1", up=((BEFORE, 600), (600 + 150, EVER)))]))

    def test_quiet_a_machine_reboots_while_the_exporter_does(self):
        self.assert_quiet(Fleet(60, [Exporter(away=[(615, 660)])],
                                [Machine("web-1", up=((BEFORE, 600), (600 + 90, EVER)))]))

    def test_quiet_stopped_in_order_and_not_listed(self):
        self.assert_quiet(Fleet(60, [Exporter()],
                                [Machine("web-1", up=until(600), ends="stop", listed=())]))

    def test_quiet_stopped_in_order_and_not_listed_while_the_exporter_restarts(self):
        self.assert_quiet(Fleet(60, [Exporter(away=[(615, 645)])],
                                [Machine("web-1", up=until(600), ends="stop", listed=())]))

    def test_quiet_stopped_in_order_and_not_listed_just_before_the_exporter_is_away(self):
        fleet = Fleet(60, [Exporter(away=[(615, 2400)])], [
            Machine("web-1", up=until(600), ends="stop", listed=()), Machine("web-2")])
        fleet.expect(0, {}, 615 + FOR_S - 15)
        fleet.expect(615 + FOR_S + 15, {DOWN: [EXPORTER]}, 2385)
        fleet.expect(2400, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_quiet_stopped_in_order_and_then_taken_from_the_list(self):
        self.assert_quiet(Fleet(60, [Exporter()], [
            Machine("web-1", up=until(600), ends="stop", listed=until(720))]))

    def test_quiet_taken_from_the_list_and_then_stopped_in_order(self):
        self.assert_quiet(Fleet(60, [Exporter()], [
            Machine("web-1", up=until(600), ends="stop", listed=until(540))]))

    def test_quiet_renamed(self):
        self.assert_quiet(Fleet(60, [Exporter()], [
            Machine("web-1", up=until(600), ends="stop", listed=until(660)),
            Machine("web-2", up=((615, EVER),), listed=((570, EVER),)),
        ]))

    def test_quiet_renamed_where_nothing_is_listed(self):
        self.assert_quiet(Fleet(60, [Exporter()], [
            Machine("web-1", up=until(600), ends="stop", listed=()),
            Machine("web-2", up=((605, EVER),), listed=()),
        ]))

    # What a person does about a dead machine.

    def test_fires_until_it_is_taken_from_the_list(self):
        fleet = Fleet(90, [Exporter(away=[(1200, 1210), (3000, 3010)])], [
            Machine("web-1", up=until(300), ends="stop", listed=until(2400))])
        self.assert_gone_from(fleet, 300, ["web-1"], 2385)
        # Not even the next restart brings it back.
        fleet.expect(2415, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_fires_until_it_is_taken_from_the_list_while_the_exporter_is_away(self):
        fleet = Fleet(60, [Exporter(away=[(1200, 1260)])], [
            Machine("web-1", up=until(300), ends="stop", listed=until(1230))])
        self.assert_gone_from(fleet, 300, ["web-1"], 1260 + 75)
        # Until the exporter, settled again, does not name it.
        fleet.expect(1260 + 105, {}, fleet.end_s)
        self.assert_as_expected(fleet)


    def test_fires_until_it_is_expected_no_longer_though_it_said_no_goodbye(self):
        fleet = Fleet(60, [Exporter()], [Machine("web-1", up=until(300), listed=until(1200))])
        self.assert_gone_from(fleet, 300, ["web-1"], 1185)
        fleet.expect(1215, {}, 1200 + 5 * MINUTE - 15)
        # The exporter remembers it, as all others that were killed.
        fleet.expect(1200 + 5 * MINUTE + 30, {AgentGone.ALERT: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)


class AgentGone(RulesTest):
    """Of machines that nobody expects."""

    ALERT = "CpuMonitorAgentGone"

    def test_fires_when_killed(self):
        fleet = Fleet(60, [Exporter()], [Machine("web-1", up=until(300), listed=())])
        fleet.expect(0, {}, 300 + 5 * MINUTE - 15)
        fleet.expect(300 + 5 * MINUTE + NOTICED_S, {self.ALERT: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)
        self.assertIn("is not among the expected machines", fleet.annotations(self.ALERT, 1800))

    def test_fires_until_the_exporter_restarts(self):
        fleet = Fleet(60, [Exporter(away=[(1200, 1210)])],
                      [Machine("web-1", up=until(300), listed=())])
        fleet.expect(300 + 5 * MINUTE + NOTICED_S, {self.ALERT: ["web-1"]}, 1185)
        fleet.expect(1215, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_quiet_when_it_reboots(self):
        fleet = Fleet(60, [Exporter()],
                      [Machine("web-1", up=((BEFORE, 600), (840, EVER)), listed=())])
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_quiet_when_it_is_stopped_in_order(self):
        fleet = Fleet(60, [Exporter()],
                      [Machine("web-1", up=until(600), ends="stop", listed=())])
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_quiet_when_an_expected_machine_is_gone_and_that_is_said(self):
        fleet = Fleet(60, [Exporter()], [Machine("web-1", up=until(300))])
        fleet.expect(300 + FOR_S + NOTICED_S, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)


class TwoExporters(RulesTest):
    """Machines are listed at both, and report to the first while it runs."""

    def fleet(self, minutes, machine, away_a=(), away_b=()):
        first, second = Exporter("a", away_a), Exporter("b", away_b)
        fleet = Fleet(minutes, [first, second], [])
        for each in (machine, Machine("web-2")):
            fleet.show(each, first)
            fleet.show(self.refuge(each, away_a), second)
        return fleet

    @staticmethod
    def refuge(machine, away):
        """The machine at the exporter it goes to while the other one is away."""
        spans = [(start + 45, min(end + 30, machine.up_until(start))) for start, end in away]
        return Machine(machine.endpoint, up=[span for span in spans if span[0] < span[1]],
                       ends="stop")

    def test_expected_at_both_and_reporting_to_one(self):
        fleet = self.fleet(60, Machine("web-1"))
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_one_exporter_is_away_and_the_machines_move_and_come_back(self):
        fleet = self.fleet(90, Machine("web-1"), away_a=[(600, 2400)])
        fleet.expect(0, {}, 600 + FOR_S - 15)
        fleet.expect(600 + FOR_S + 15, {DOWN: ["a:8000"]}, 2385)
        fleet.expect(2400, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_each_restarts(self):
        fleet = self.fleet(90, Machine("web-1"), away_a=[(600, 603), (2400, 2460)],
                           away_b=[(1200, 1260), (2460, 2490)])
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_killed(self):
        fleet = self.fleet(90, Machine("web-1", up=until(300)))
        fleet.expect(0, {}, 300 + FOR_S - 15)
        fleet.expect(300 + FOR_S + NOTICED_S, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_killed_and_then_both_restart(self):
        fleet = self.fleet(90, Machine("web-1", up=until(300)), away_a=[(1200, 1260)],
                           away_b=[(1230, 1290)])
        fleet.expect(300 + FOR_S + NOTICED_S, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_killed_after_it_moved(self):
        # That it was up at the exporter which is away since does not count.
        fleet = self.fleet(120, Machine("web-1", up=until(1200)), away_a=[(600, 6000)])
        both = {GONE: ["web-1"], DOWN: ["a:8000"]}
        fleet.expect(600 + FOR_S + 15, {DOWN: ["a:8000"]}, 1200 + FOR_S - 15)
        fleet.expect(1200 + FOR_S + NOTICED_S, both, 5985)
        fleet.expect(6015, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)


class TwoFleets(RulesTest):
    """Two exporters with machines of their own, without the label that tells them apart."""

    def fleet(self, *machines, away=()):
        first, second = Exporter("a", away, is_labelled=False), Exporter("b", is_labelled=False)
        fleet = Fleet(60, [first, second], [])
        for machine in machines:
            fleet.show(machine, first)
        fleet.show(Machine("db-1"), second)
        return fleet

    def test_one_restarts(self):
        fleet = self.fleet(Machine("web-1"), away=[(1200, 1260)])
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_one_restarts_that_had_a_dead_machine(self):
        fleet = self.fleet(Machine("web-1", up=until(300)), away=[(1200, 1320)])
        fleet.expect(0, {}, 300 + FOR_S - 15)
        fleet.expect(300 + FOR_S + NOTICED_S, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)


class TargetsOfTheirOwn(RulesTest):
    """Each machine is a target of job machines beside the page of the agents."""

    ALERT = "CpuMonitorMachinePageFailing"

    def fleet(self, machine, answers):
        exporter = Exporter()
        fleet = Fleet(60, [exporter], [machine])
        labels = {"job": "machines", "instance": machine.endpoint}
        fleet.add("up", lambda at: int(answers(at)), **labels)
        # Its own page says so too, without the label endpoint, and answers 503 soon after.
        fleet.add("cpu_monitor_agent_up", lambda at: 1 if answers(at) else None, **labels)
        return fleet

    def test_quiet_while_all_is_well(self):
        fleet = self.fleet(Machine("web-1"), lambda at: True)
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_quiet_when_a_dead_machine_is_one_page(self):
        fleet = self.fleet(Machine("web-1", up=until(300)), lambda at: at < 315)
        fleet.expect(0, {}, 300 + FOR_S - 15)
        fleet.expect(300 + FOR_S + NOTICED_S, {GONE: ["web-1"]}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_fires_for_a_page_that_fails(self):
        fleet = self.fleet(Machine("web-1"), lambda at: not 600 <= at < 1800)
        fleet.expect(0, {}, 600 + 300 - 15)
        fleet.expect(600 + 300 + 15, {self.ALERT: ["web-1"]}, 1785)
        fleet.expect(1800, {}, fleet.end_s)
        self.assert_as_expected(fleet)
        self.assertIn("own target in job machines", fleet.annotations(self.ALERT, 1200))

    def test_quiet_for_a_page_that_fails_a_few_times(self):
        fleet = self.fleet(Machine("web-1"), lambda at: at % 300 < 240)
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)


class InstanceNotCopied(RulesTest):

    ALERT = "CpuMonitorInstanceNotCopied"

    def fleet(self, copied):
        fleet = Fleet(30, [], [])
        for exporter in ("a", "b"):
            for endpoint in ("web-1", "web-2"):
                fleet.add("cpu_monitor_agent_up", 1, job="my_cpu", exporter=exporter,
                          endpoint=endpoint, instance=endpoint if copied else EXPORTER)
        fleet.add("up", 1, job="my_cpu", instance=EXPORTER)
        return fleet

    def test_fires_when_all_machines_are_called_as_the_exporter(self):
        fleet = self.fleet(copied=False)
        fleet.expect(0, {}, 585)
        fleet.expect(600, {self.ALERT: [EXPORTER]}, fleet.end_s)
        self.assert_as_expected(fleet)
        self.assertIn("calls 2 machines monitoring:8000", fleet.annotations(self.ALERT, 900))

    def test_quiet_when_each_has_its_name_at_both_exporters(self):
        fleet = self.fleet(copied=True)
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)

    def test_quiet_when_one_machine_alone_cannot_be_taken_for_another(self):
        fleet = Fleet(30, [Exporter()], [Machine("web-1")])
        fleet.expect(0, {}, fleet.end_s)
        self.assert_as_expected(fleet)


if __name__ == "__main__":
    unittest.main()
