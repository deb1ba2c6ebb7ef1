"""Agent and exporter together: what a person sees, and what promtool thinks of it."""

import os
import sys

import harness

AGENT_FAMILIES = {
    "my_cpu_percents": "gauge",
    "node_cpu_seconds_total": "counter",
    "cpu_monitor_host_cpu_seconds_total": "counter",
    "node_load1": "gauge",
    "node_load5": "gauge",
    "node_load15": "gauge",
    "node_context_switches_total": "counter",
    "node_intr_total": "counter",
    "node_forks_total": "counter",
    "node_procs_running": "gauge",
    "node_procs_blocked": "gauge",
    "node_boot_time_seconds": "gauge",
    "node_time_seconds": "gauge",
    "node_uname_info": "gauge",
    "cpu_monitor_host_utilization_ratio": "histogram",
    "cpu_monitor_host_busiest_core_ratio": "histogram",
    "cpu_monitor_host_burst_seconds": "histogram",
    "cpu_monitor_host_utilization_peak_ratio": "gauge",
    "cpu_monitor_host_busiest_core_peak_ratio": "gauge",
    "cpu_monitor_host_steal_peak_ratio": "gauge",
    "cpu_monitor_agent_up": "gauge",
    "cpu_monitor_agent_last_sample_timestamp_seconds": "gauge",
    "cpu_monitor_agent_info": "gauge",
    "cpu_monitor_agent_clock_skew_seconds": "gauge",
    "cpu_monitor_agent_expected": "gauge",
    "cpu_monitor_agent_connects_total": "counter",
    "cpu_monitor_agent_claims_refused_total": "counter",
    "cpu_monitor_agent_process_cpu_seconds_total": "counter",
    "cpu_monitor_agent_process_resident_memory_bytes": "gauge",
}
# Have no series, hence no lines, until an agent discarded something, and where the kernel does not
# count these.
OPTIONAL = {
    "cpu_monitor_agent_samples_discarded_total": "counter",
    "node_pressure_cpu_waiting_seconds_total": "counter",
    "node_pressure_irq_stalled_seconds_total": "counter",
    "cpu_monitor_cgroup_utilization_ratio": "gauge",
    "cpu_monitor_cgroup_quota_cores": "gauge",
    "cpu_monitor_cgroup_usage_seconds_total": "counter",
    "cpu_monitor_cgroup_user_seconds_total": "counter",
    "cpu_monitor_cgroup_system_seconds_total": "counter",
    "cpu_monitor_cgroup_periods_total": "counter",
    "cpu_monitor_cgroup_throttled_periods_total": "counter",
    "cpu_monitor_cgroup_throttled_seconds_total": "counter",
}
EXPORTER_FAMILIES = {
    "cpu_monitor_exporter_build_info": "gauge",
    "cpu_monitor_exporter_agents": "gauge",
    "cpu_monitor_exporter_samples_received_total": "counter",
    "cpu_monitor_exporter_samples_rejected_total": "counter",
    "cpu_monitor_exporter_connections_refused_total": "counter",
    "cpu_monitor_exporter_received_bytes_total": "counter",
    "cpu_monitor_exporter_agents_remembered": "gauge",
    "cpu_monitor_exporter_agents_limit": "gauge",
    "cpu_monitor_exporter_series": "gauge",
    "cpu_monitor_exporter_series_limit": "gauge",
    "cpu_monitor_exporter_legacy_connections": "gauge",
    "cpu_monitor_exporter_config_last_reload_successful": "gauge",
    "cpu_monitor_exporter_config_last_reload_success_timestamp_seconds": "gauge",
    "cpu_monitor_exporter_web_requests_refused_total": "counter",
    "process_cpu_seconds_total": "counter",
    "process_open_fds": "gauge",
    "process_max_fds": "gauge",
    "process_virtual_memory_bytes": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_start_time_seconds": "gauge",
}


def has_percent(endpoint):
    return lambda page: page.value("my_cpu_percents", endpoint=endpoint) is not None


class Pair(harness.EndToEndTest):

    def test_percentage_of_the_machine_is_shown(self):
        exporter = self.start_exporter()
        self.start_agent(exporter, "web-1")
        page = exporter.wait_for_page(has_percent("web-1"), "a percentage of web-1")
        [(labels, percent)] = page.find("my_cpu_percents")
        self.assertEqual(labels, {"method": "proc_stat", "endpoint": "web-1"})
        self.assertTrue(0 <= percent <= 100, percent)

    def test_every_family_is_there_with_its_type_and_help(self):
        exporter = self.start_exporter()
        self.start_agent(exporter, "web-1", "--label", "rack=r7")
        page = exporter.wait_for_page(
            lambda page: AGENT_FAMILIES.keys() <= page.families(), "every family of an agent")
        found = {name: kind for name, kind in OPTIONAL.items() if name in page.families()}
        self.assertEqual(page.type, AGENT_FAMILIES | found | EXPORTER_FAMILIES)
        self.assertEqual(set(page.help), page.families())
        self.assertEqual(page.value("cpu_monitor_agent_info", endpoint="web-1", label_rack="r7"), 1)

    def test_every_cpu_and_mode_of_proc_stat_is_there(self):
        exporter = self.start_exporter()
        self.start_agent(exporter, "web-1")
        page = exporter.wait_for_page(has_percent("web-1"), "a percentage of web-1")
        found = page.find("node_cpu_seconds_total", endpoint="web-1")
        shown = {(labels["cpu"], labels["mode"]) for labels, _ in found}
        cpus = {name.removeprefix("cpu") for name in harness.read_proc_stat() if name != "cpu"}
        self.assertEqual(shown, {(cpu, mode) for cpu in cpus for mode in harness.EXCLUSIVE_MODES})

    def test_groups_narrow_the_page(self):
        exporter = self.start_exporter()
        self.start_agent(exporter, "web-1")
        exporter.wait_for_page(has_percent("web-1"), "a percentage of web-1")
        page = exporter.scrape("/metrics?collect[]=percent")
        self.assertEqual(page.families(), {"my_cpu_percents"})
        page = exporter.scrape("/metrics?collect[]=exporter")
        self.assertEqual(page.type, EXPORTER_FAMILIES)
        status, _, _ = exporter.get("/metrics?collect[]=nonsense")
        self.assertEqual(status, 400)

    def test_probes_and_landing_page_answer(self):
        exporter = self.start_exporter()
        for path, status in (("/-/healthy", 200), ("/-/ready", 200), ("/", 200), ("/nothing", 404)):
            self.assertEqual(exporter.get(path)[0], status, path)

    def test_print_tells_a_person_that_it_is_connected_and_what_it_measures(self):
        exporter = self.start_exporter()
        agent = self.start_agent(exporter, "web-1", "--print")
        agent.wait_for_line(lambda line: line.startswith("connected to "), "that it is connected")
        agent.wait_for_line(lambda line: line.startswith("my_cpu_percents "), "a percentage")

    def test_smallest_client_is_an_agent(self):
        exporter = self.start_exporter()
        client = self.connect(exporter)
        welcome = client.hello("sensor-1")
        self.assertEqual((welcome["type"], welcome["protocol"]), ("welcome", 1))
        client.sample(percent=14.6)
        page = exporter.scrape()
        self.assertEqual(
            page.find("my_cpu_percents"), [({"method": "reported", "endpoint": "sensor-1"}, 14.6)]
        )
        self.assertEqual(page.value("cpu_monitor_agent_up", endpoint="sensor-1"), 1)
        self.assertEqual(page.find("node_cpu_seconds_total"), [])
        self.assert_promtool_is_silent(page)

    def test_promtool_has_nothing_to_say_about_a_mixed_fleet(self):
        exporter = self.start_exporter("--agent.stale-after", "1s")
        gone = self.start_agent(exporter, "gone-1")
        live = ["live-1", "live-2"]
        for endpoint in live:
            self.start_agent(exporter, endpoint)
        legacy = self.start(
            harness.Process([sys.executable, legacy_client(), str(exporter.ingest_port)])
        )
        self.addCleanup(legacy.kill)
        exporter.wait_for_page(has_percent("gone-1"), "a percentage of gone-1")
        gone.kill()
        page = exporter.wait_for_page(
            lambda page: all(has_percent(endpoint)(page) for endpoint in live)
            and page.value("cpu_monitor_exporter_legacy_connections") == 1
            and len(page.find("my_cpu_percents", method="reported")) == 1
            and page.value("cpu_monitor_exporter_agents", state="gone") == 1,
            "two live agents, one gone and a legacy client",
        )
        self.assertEqual(page.value("cpu_monitor_exporter_agents", state="alive"), 2)
        self.assertEqual(page.value("cpu_monitor_agent_up", endpoint="gone-1"), 0)
        self.assert_promtool_is_silent(page)


def legacy_client():
    return os.path.join(os.path.dirname(__file__), "seed_client.py")


if __name__ == "__main__":
    harness.main()
