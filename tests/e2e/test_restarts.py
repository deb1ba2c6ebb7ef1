"""Either side is killed, again and again: counters never fall, and end up as those of /proc/stat.

CPU_MONITOR_E2E_ROUNDS asks for more kills than the few of an everyday run.
"""

import random
import tempfile
import time

import fixtures
import harness

ROUNDS = harness.rounds(5)
START = {
    0: [1000, 200, 3000, 40000, 500, 60, 700, 80, 90, 10],
    1: [1100, 210, 3100, 41000, 510, 61, 710, 81, 91, 11],
}


def advanced(cores, step):
    return {cpu: [have + more for have, more in zip(ticks, step)] for cpu, ticks in cores.items()}


def exclusive_ticks(cores):
    return {str(cpu): harness.exclusive(ticks) for cpu, ticks in cores.items()}


def shown_ticks(page, endpoint):
    """{cpu: {mode: ticks}} as the page has it."""
    shown = {}
    for labels, _ in page.find("node_cpu_seconds_total", endpoint=endpoint, mode="idle"):
        shown[labels["cpu"]] = harness.tick_counts(page, endpoint, labels["cpu"])
    return shown


class Restarts(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        # Fixed ports, so that a restarted exporter is found where the old one was.
        self.ports = {"ingest_port": harness.free_port(), "web_port": harness.free_port()}

    def restart_exporter(self, exporter):
        exporter.kill()
        return self.start_exporter(**self.ports)

    def watch(self):
        watch = harness.CounterWatch(self.ports["web_port"], "web-1")
        self.addCleanup(watch.stop)
        return watch

    def assert_never_fell(self, watch):
        watch.stop()
        self.assertEqual(watch.falls, [])
        self.assertGreater(watch.scrapes_with_counters, 0)

    def wait_for_ticks(self, exporter, cores, what):
        exporter.wait_for_page(
            lambda page: shown_ticks(page, "web-1") == exclusive_ticks(cores),
            f"the counters of the script, {what}",
            harness.RECONNECT_DEADLINE_S,
        )

    def assert_equals_proc_stat(self, exporter):
        """A sample taken between two readings of ours lies between them, give or take a tick."""
        page = self.wait_for_next_sample(exporter, exporter.scrape())
        before = harness.read_proc_stat()
        # The next one may have been on its way already, the one behind it was not.
        page = self.wait_for_next_sample(exporter, page)
        page = self.wait_for_next_sample(exporter, page)
        after = harness.read_proc_stat()
        for cpu, modes in shown_ticks(page, "web-1").items():
            low = harness.exclusive(before[f"cpu{cpu}"])
            high = harness.exclusive(after[f"cpu{cpu}"])
            for mode, ticks in modes.items():
                self.assertGreaterEqual(ticks, low[mode] - (mode != "iowait"), (cpu, mode))
                # The kernel takes iowait back at times; the counter holds its mark.
                if mode != "iowait":
                    self.assertLessEqual(ticks, high[mode] + 1, (cpu, mode))

    def wait_for_next_sample(self, exporter, page):
        name = "cpu_monitor_agent_last_sample_timestamp_seconds"
        seen = page.value(name, endpoint="web-1")
        return exporter.wait_for_page(
            lambda page: (page.value(name, endpoint="web-1") or 0) > (seen or 0)
            and page.find("node_cpu_seconds_total"),
            "a newer sample",
            harness.RECONNECT_DEADLINE_S,
        )

    @staticmethod
    def wait_for_any_moment():
        """A kill must be able to hit every step of connecting, pushing and waiting."""
        time.sleep(random.uniform(0, 1.5))


class ExporterKilled(Restarts):

    def test_counters_go_on_as_if_nothing_had_happened(self):
        procfs = self.scripted_procfs()
        cores = START
        procfs.write(cores)
        exporter = self.start_exporter(**self.ports)
        agent = self.start_agent(
            exporter, "web-1", "--path.procfs", procfs.path, "--push.interval", "100ms"
        )
        watch = self.watch()
        for kill in range(ROUNDS):
            self.wait_for_ticks(exporter, cores, f"before kill {kill + 1}")
            self.wait_for_any_moment()
            exporter = self.restart_exporter(exporter)
            cores = advanced(cores, [7, 1, 2, 60, 3, 1, 1, 1, 0, 0])
            procfs.write(cores)
        self.wait_for_ticks(exporter, cores, "at the end")
        self.assert_never_fell(watch)
        self.assertTrue(agent.is_running(), agent.said())

    def test_counters_equal_proc_stat_at_the_end(self):
        exporter = self.start_exporter(**self.ports)
        self.start_agent(exporter, "web-1")
        exporter.wait_for_up("web-1")
        watch = self.watch()
        for _ in range(ROUNDS):
            self.wait_for_any_moment()
            exporter = self.restart_exporter(exporter)
        self.assert_equals_proc_stat(exporter)
        self.assert_never_fell(watch)

    def test_stop_is_told_to_the_agent_which_comes_back(self):
        exporter = self.start_exporter(**self.ports)
        agent = self.start_agent(exporter, "web-1")
        exporter.wait_for_up("web-1")
        self.assert_stops(exporter)
        agent.wait_for_log(msg="the exporter says goodbye", reason="stop")
        exporter = self.start_exporter(**self.ports)
        exporter.wait_for_up("web-1", deadline_s=harness.RECONNECT_DEADLINE_S)


class AgentKilled(Restarts):

    def setUp(self):
        super().setUp()
        self.exporter = self.start_exporter(**self.ports)

    def start_on(self, procfs):
        return self.start_agent(
            self.exporter, "web-1", "--path.procfs", procfs.path, "--push.interval", "100ms"
        )

    def end(self, agent, politely):
        if politely:
            agent.wait_for_log(msg="connected")
            self.assert_stops(agent)
        else:
            agent.kill()

    def test_counters_go_on_through_resume(self):
        procfs = self.scripted_procfs()
        cores = START
        procfs.write(cores)
        watch = self.watch()
        for start in range(ROUNDS):
            agent = self.start_on(procfs)
            self.wait_for_ticks(self.exporter, cores, f"at start {start + 1}")
            self.wait_for_any_moment()
            cores = advanced(cores, [7, 1, 2, 60, 3, 1, 1, 1, 0, 0])
            procfs.write(cores)
            self.end(agent, politely=start % 2)
        self.start_on(procfs)
        self.wait_for_ticks(self.exporter, cores, "at the end")
        self.assert_never_fell(watch)

    def test_iowait_that_stepped_back_meanwhile_does_not_fall(self):
        procfs = self.scripted_procfs()
        shown = START
        raw = START
        procfs.write(raw)
        watch = self.watch()
        agent = self.start_on(procfs)
        self.wait_for_ticks(self.exporter, shown, "before")
        for start in range(ROUNDS):
            self.end(agent, politely=start % 2)
            raw = advanced(raw, [5, 0, 1, 30, -40, 0, 0, 0, 0, 0])
            shown = advanced(shown, [5, 0, 1, 30, 0, 0, 0, 0, 0, 0])
            procfs.write(raw)
            agent = self.start_on(procfs)
            self.wait_for_ticks(self.exporter, shown, f"at restart {start + 1}")
            # The way back up to the mark is time that is in the counter already.
            raw = advanced(raw, [0, 0, 0, 10, 50, 0, 0, 0, 0, 0])
            shown = advanced(shown, [0, 0, 0, 10, 10, 0, 0, 0, 0, 0])
            procfs.write(raw)
            self.wait_for_ticks(self.exporter, shown, f"after restart {start + 1}")
        self.assert_never_fell(watch)

    def test_counters_equal_proc_stat_at_the_end(self):
        watch = self.watch()
        agent = self.start_agent(self.exporter, "web-1")
        for start in range(ROUNDS):
            self.exporter.wait_for_up("web-1")
            self.wait_for_any_moment()
            self.end(agent, politely=start % 2)
            agent = self.start_agent(self.exporter, "web-1")
        self.assert_equals_proc_stat(self.exporter)
        self.assert_never_fell(watch)

    def test_another_boot_starts_anew(self):
        procfs = self.scripted_procfs()
        procfs.write(START)
        agent = self.start_on(procfs)
        self.wait_for_ticks(self.exporter, START, "of the first boot")
        agent.kill()
        (procfs.path / "sys/kernel/random/boot_id").write_text(
            "0d1f5f3e-58a4-4a0e-8d2b-5d1c7f3f2b22\n"
        )
        rebooted = {cpu: [10] * 10 for cpu in START}
        procfs.write(rebooted)
        self.start_on(procfs)
        self.wait_for_ticks(self.exporter, rebooted, "of the second boot")


class RarelySaid(Restarts):
    """What an agent sends once, or every 15 s, stands on the page of an exporter that is new."""

    FAMILIES = (
        "node_boot_time_seconds", "node_cpu_info", "node_cpu_scaling_frequency_hertz",
        "node_cpu_scaling_governor", "node_thermal_zone_temp",
        "cpu_monitor_agent_process_cpu_seconds_total",
    )

    def collecting(self, *groups):
        return self.start_exporter(
            *(part for group in groups for part in ("--web.collect", group)), **self.ports)

    def start_fixture_agent(self, exporter):
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-machine-")
        self.addCleanup(folder.cleanup)
        procfs, sysfs = fixtures.make("eight_cpus").write(folder.name)
        self.start_agent(exporter, "web-1", "--path.procfs", procfs, "--path.sysfs", sysfs)
        return sysfs

    def wait_for_all(self, exporter):
        exporter.wait_for_page(
            lambda page: all(page.find(family, endpoint="web-1") for family in self.FAMILIES),
            "everything that is said rarely", harness.RECONNECT_DEADLINE_S,
        )

    def test_restarted_exporter_is_told_everything_again(self):
        exporter = self.collecting("detail", "load", "agent")
        self.start_fixture_agent(exporter)
        self.wait_for_all(exporter)
        exporter.kill()
        self.wait_for_all(self.collecting("detail", "load", "agent"))

    def test_group_that_is_collected_again_shows_nothing_old(self):
        exporter = self.collecting("detail", "agent")
        sysfs = self.start_fixture_agent(exporter)
        frequency = "node_cpu_scaling_frequency_hertz"
        exporter.wait_for_page(lambda page: page.find(frequency), "a clock rate")
        exporter.kill()
        exporter = self.collecting("agent")
        exporter.wait_for_up("web-1", deadline_s=harness.RECONNECT_DEADLINE_S)
        path = sysfs / "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
        path.write_text("1234567\n")
        exporter.kill()
        exporter = self.collecting("detail", "agent")
        page = exporter.wait_for_page(
            lambda page: page.find(frequency), "a clock rate", harness.RECONNECT_DEADLINE_S)
        self.assertEqual(page.value(frequency, endpoint="web-1", cpu="0"), 1234567000)


if __name__ == "__main__":
    harness.main()
