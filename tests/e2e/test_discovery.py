"""Each machine as a target of its own, found by a real Prometheus through /sd."""

import json
import pathlib
import tempfile
import time

import harness

CONFIG = """\
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: machines
    http_sd_configs:
      - {{url: "http://127.0.0.1:{port}/sd", refresh_interval: 1s}}
    relabel_configs:
      - {{source_labels: [__meta_cpu_monitor_label_site], target_label: site}}
"""
# A machine is gone 15 s after its last sample, and then its page answers 503.
GONE_AFTER_S = 15
# Prometheus drops a target that has left its list at the next refresh, and marks its series stale.
LOOK_S = harness.seconds(10)


class Discovery(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-discovery-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.ports = {"ingest_port": harness.free_port(), "web_port": harness.free_port()}

    def start_prometheus(self):
        config = CONFIG.format(port=self.ports["web_port"])
        self.prometheus = self.start(harness.Prometheus(self.folder, config))
        self.addCleanup(self.prometheus.kill)

    def up(self, name):
        return self.prometheus.number(f'up{{instance="{name}"}}')

    def wait_for_up(self, name, value, deadline_s=harness.DEADLINE_S):
        harness.wait_until(lambda: self.up(name) == value, f"up of {name} is {value}", deadline_s)

    def assert_stays_down(self, name):
        """Through many refreshes of the list of targets."""
        until = time.monotonic() + LOOK_S
        while time.monotonic() < until:
            self.assertEqual(self.up(name), 0)
            time.sleep(0.2)

    def list_machines(self, *names):
        tokens = self.folder / "tokens"
        tokens.write_text("".join(f"{name} -\n" for name in names))
        tokens.chmod(0o600)
        return "--ingest.tokens-file", tokens, "--ingest.allow-anonymous"

    def test_each_machine_is_a_target(self):
        exporter = self.start_exporter("--web.sd-hold", "0s", **self.ports)
        agents = [self.start_agent(exporter, name, "--label", f"site={name[-1]}")
                  for name in ("web-1", "web-2")]
        exporter.wait_for_up("web-2")
        self.start_prometheus()
        for name in ("web-1", "web-2"):
            self.wait_for_up(name, 1)
            self.assertIsNotNone(self.prometheus.number(f'node_load1{{instance="{name}"}}'))
            self.assertIsNotNone(self.prometheus.number(
                f'my_cpu_percents{{instance="{name}",endpoint="{name}",site="{name[-1]}"}}'))
        self.assertEqual(
            self.prometheus.number('count(cpu_monitor_agent_up{endpoint!=""})'), None)
        agents[0].kill()
        self.wait_for_up("web-1", 0, GONE_AFTER_S + harness.DEADLINE_S)
        self.assert_stays_down("web-1")
        self.assertEqual(self.up("web-2"), 1)
        self.assert_stops(agents[1])

    def test_a_forgotten_machine_is_no_target_any_more(self):
        exporter = self.start_exporter("--web.sd-hold", "0s", "--agent.stale-after", "1s",
                                       "--agent.forget-after", "25s", **self.ports)
        agent = self.start_agent(exporter, "web-1")
        exporter.wait_for_up("web-1")
        self.start_prometheus()
        self.wait_for_up("web-1", 1)
        agent.kill()
        self.wait_for_up("web-1", 0, GONE_AFTER_S + harness.DEADLINE_S)
        harness.wait_until(lambda: self.up("web-1") is None, "web-1 is no target any more", 60)
        self.assertEqual(exporter.get("/agents/web-1/metrics")[0], 404)

    def test_a_listed_machine_stays_down_through_a_restart_of_the_exporter(self):
        flags = ("--web.sd-hold", "65s", *self.list_machines("web-1"))
        exporter = self.start_exporter("--web.sd-hold", "0s", *flags[2:], **self.ports)
        agent = self.start_agent(exporter, "web-1")
        exporter.wait_for_up("web-1")
        self.start_prometheus()
        self.wait_for_up("web-1", 1)
        agent.kill()
        self.wait_for_up("web-1", 0, GONE_AFTER_S + harness.DEADLINE_S)
        exporter.kill()
        restarted = time.monotonic()
        exporter = self.start_exporter(*flags, **self.ports)
        status, headers, _ = exporter.get("/sd")
        self.assertEqual(status, 503)
        self.assertIn("Retry-After", headers)
        while time.monotonic() < restarted + 75:
            self.assertEqual(self.up("web-1"), 0)
            time.sleep(0.5)
        status, _, body = exporter.get("/sd")
        self.assertEqual(status, 200)
        self.assertEqual([group["labels"]["instance"] for group in json.loads(body)], ["web-1"])
        self.assert_stays_down("web-1")


if __name__ == "__main__":
    harness.main()
