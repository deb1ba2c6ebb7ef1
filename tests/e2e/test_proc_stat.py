"""The agent before a /proc/stat the test writes: exact counters, and nothing invented when the file
is not what it should be."""

import os

import harness

# Ticks by mode, all different, so that no two columns can be mistaken for each other.
CORES = {
    0: [1000, 200, 3000, 40000, 500, 60, 700, 80, 90, 10],
    1: [1100, 210, 3100, 41000, 510, 61, 710, 81, 91, 11],
}
BUSY_30 = [20, 0, 5, 60, 10, 2, 2, 1, 0, 0]  # 100 ticks, 30 of them busy


def advanced(cores, step=BUSY_30):
    return {cpu: [have + more for have, more in zip(ticks, step)] for cpu, ticks in cores.items()}


def summed(cores):
    return [sum(column) for column in zip(*cores.values())]


def shown_cpus(page):
    return {labels["cpu"] for labels, _ in page.find("node_cpu_seconds_total")}


class ScriptedProcStat(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        self.procfs = self.scripted_procfs()
        self.exporter = self.start_exporter()

    def start_scripted_agent(self):
        return self.start_agent(
            self.exporter, "web-1", "--path.procfs", self.procfs.path, "--push.interval", "200ms"
        )

    def assert_shows(self, cores, what):
        """Every counter equals the script, to the tick."""

        def is_shown(page):
            machine = harness.tick_counts(page, "web-1")
            per_core = {cpu: harness.tick_counts(page, "web-1", cpu) for cpu in cores}
            return machine == harness.exclusive(summed(cores)) and per_core == {
                cpu: harness.exclusive(ticks) for cpu, ticks in cores.items()
            }

        page = self.exporter.wait_for_page(is_shown, f"the scripted counters {what}")
        self.assertEqual(shown_cpus(page), {str(cpu) for cpu in cores})
        return page

    def wait_for_discard(self, reason, more_than=0):
        return self.exporter.wait_for_page(
            lambda page: (self.discards(page, reason) or 0) > more_than, f"a discard: {reason}"
        )

    @staticmethod
    def discards(page, reason):
        return page.value(
            "cpu_monitor_agent_samples_discarded_total", endpoint="web-1", reason=reason
        )

    def wait_for_no_values(self):
        """The machine is up, its CPU is not known: no series is better than an invented one."""
        self.exporter.wait_for_page(
            lambda page: page.value("cpu_monitor_agent_up", endpoint="web-1") == 1
            and not page.find("my_cpu_percents")
            and not page.find("node_cpu_seconds_total")
            and not page.find("cpu_monitor_host_cpu_seconds_total"),
            "an agent that is up and has no CPU series",
        )


class Counters(ScriptedProcStat):

    def test_equal_the_file_to_the_tick(self):
        self.procfs.write(CORES)
        self.start_scripted_agent()
        self.assert_shows(CORES, "after the first reading")
        later = advanced(CORES)
        self.procfs.write(later)
        self.assert_shows(later, "after a second of work")

    def test_busy_share_comes_from_the_difference(self):
        self.procfs.write(CORES)
        self.start_scripted_agent()
        self.assert_shows(CORES, "before")
        self.procfs.write(advanced(CORES))
        self.exporter.wait_for_page(
            lambda page: page.value("my_cpu_percents", endpoint="web-1") == 30, "30 percent"
        )

    def test_sparse_cpu_ids_keep_their_numbers(self):
        sparse = {0: CORES[0], 3: CORES[1], 17: CORES[0]}
        self.procfs.write(sparse)
        self.start_scripted_agent()
        self.assert_shows(sparse, "of CPUs 0, 3 and 17")

    def test_offline_cpu_leaves_and_comes_back_with_its_counters(self):
        self.procfs.write(CORES)
        self.start_scripted_agent()
        self.assert_shows(CORES, "of both CPUs")
        # The kernel's `cpu ` line goes on summing the CPUs that are possible.
        self.procfs.write({0: CORES[0]}, total=summed(CORES))
        self.exporter.wait_for_page(lambda page: shown_cpus(page) == {"0"}, "CPU 0 alone")
        later = advanced(CORES)
        self.procfs.write(later)
        self.assert_shows(later, "of both CPUs again")

    def test_seven_columns_show_seven_modes(self):
        old_kernel = {cpu: ticks[:7] for cpu, ticks in CORES.items()}
        self.procfs.write(old_kernel)
        self.start_scripted_agent()
        page = self.assert_shows(old_kernel, "without steal and guest")
        self.assertEqual(page.find("node_cpu_seconds_total", mode="steal"), [])

    def test_twelve_columns_show_those_that_are_known(self):
        self.procfs.write({cpu: [*ticks, 7, 8] for cpu, ticks in CORES.items()})
        self.start_scripted_agent()
        self.assert_shows(CORES, "of the first ten columns")

    def test_iowait_that_steps_back_does_not_fall(self):
        self.procfs.write(CORES)
        self.start_scripted_agent()
        self.assert_shows(CORES, "before")
        stepped = advanced(CORES, [1, 0, 0, 10, -40, 0, 0, 0, 0, 0])
        self.procfs.write(stepped)
        held = advanced(CORES, [1, 0, 0, 10, 0, 0, 0, 0, 0, 0])
        self.assert_shows(held, "with iowait held at its mark")
        # Only what lies beyond the mark is new.
        self.procfs.write(advanced(stepped, [0, 0, 0, 0, 45, 0, 0, 0, 0, 0]))
        self.assert_shows(advanced(held, [0, 0, 0, 0, 5, 0, 0, 0, 0, 0]), "with 5 ticks more")


class FilesThatAreNotProcStat(ScriptedProcStat):

    def assert_damage_passes(self, reason, damage, repair=lambda: None):
        """Healthy, damaged, healthy: nothing invented, the reason counted, the counters go on."""
        self.procfs.write(CORES)
        agent = self.start_scripted_agent()
        self.assert_shows(CORES, "before the damage")
        damage()
        self.wait_for_discard(reason)
        self.wait_for_no_values()
        later = advanced(CORES)
        repair()
        self.procfs.write(later)
        self.assert_shows(later, "after the repair")
        self.assertTrue(agent.is_running(), agent.said())
        # Ten readings a second failed; one line says so, and one more if the file was missing
        # for a moment.
        warnings = [line for line in agent.err if "level=warn" in line]
        self.assertIn(len(warnings), (1, 2), agent.said())

    def assert_bad_from_the_start(self, reason):
        """A reading that never was good: the agent is there and says why it has no values."""
        agent = self.start_scripted_agent()
        self.wait_for_discard(reason)
        self.wait_for_no_values()
        self.assertTrue(agent.is_running(), agent.said())

    def replace_stat(self, make):
        """An open file that is unlinked tells the agent to look at the path again."""
        self.procfs.stat_path.unlink(missing_ok=True)
        make()

    def remove_stat(self):
        self.procfs.stat_path.unlink()

    def link_to_unreadable(self):
        # A regular file, but reading it at offset 0 is an error for everybody, root included.
        self.procfs.stat_path.symlink_to("/proc/self/mem")

    def test_missing(self):
        self.assert_damage_passes("missing", self.remove_stat)

    def test_missing_from_the_start(self):
        self.assert_bad_from_the_start("missing")

    def test_unreadable(self):
        self.assert_damage_passes(
            "unreadable", lambda: self.replace_stat(self.link_to_unreadable), self.remove_stat
        )

    def test_unreadable_from_the_start(self):
        self.link_to_unreadable()
        self.assert_bad_from_the_start("unreadable")

    def test_empty(self):
        self.assert_damage_passes("empty", lambda: self.procfs.overwrite(""))

    def test_directory(self):
        self.assert_damage_passes(
            "not_a_file",
            lambda: self.replace_stat(self.procfs.stat_path.mkdir),
            self.procfs.stat_path.rmdir,
        )

    def test_fifo(self):
        self.assert_damage_passes(
            "not_a_file",
            lambda: self.replace_stat(lambda: os.mkfifo(self.procfs.stat_path)),
            self.remove_stat,
        )

    def test_fifo_from_the_start(self):
        os.mkfifo(self.procfs.stat_path)
        self.assert_bad_from_the_start("not_a_file")

    def assert_torn(self, bytes_before_the_last_line_end):
        text = harness.stat_text(advanced(CORES))
        kept = text[:text.index("\nintr") - bytes_before_the_last_line_end]
        self.assert_damage_passes("torn", lambda: self.procfs.overwrite(kept))

    def test_torn_within_the_last_number(self):
        self.assert_torn(1)

    def test_torn_between_two_numbers(self):
        self.assert_torn(3)

    def test_torn_before_the_line_end(self):
        self.assert_torn(0)

    def test_torn_behind_the_line_end(self):
        # The CPU lines look whole, but nothing shows that none is missing.
        self.assert_torn(-1)

    def test_damaged(self):
        text = harness.stat_text(CORES).replace("cpu1 1100", "cpu1 -100")
        self.assert_damage_passes("malformed", lambda: self.procfs.overwrite(text))

    def test_too_few_columns(self):
        text = harness.stat_text({cpu: ticks[:3] for cpu, ticks in CORES.items()})
        self.assert_damage_passes("malformed", lambda: self.procfs.overwrite(text))


if __name__ == "__main__":
    harness.main()
