"""Every expression of the shipped dashboards and rules, asked of a real Prometheus that scrapes a real pair.

None may fail, and each must find data, but for those listed here with the reason.
"""

import json
import math
import pathlib
import re
import sys
import tempfile
import time
import unittest

import harness

sys.path.insert(0, str(harness.SOURCE_DIR / "tests/rules"))

from dashboards import Dashboard, substituted

DASHBOARDS = sorted((harness.SOURCE_DIR / "packaging/grafana").glob("*.json"))
RULES = sorted((harness.SOURCE_DIR / "packaging/prometheus").glob("*.yml"))

# As the scrapes of this test are: one a second.
VALUES = {"instance": "web-1|web-2", "job": "my_cpu", "__rate_interval": "10s", "__range": "1m"}

# Families that a machine may be without, or that the default groups do not hold.
MAY_BE_ABSENT = {
    r"cpu_monitor_cgroup_": "the tests run in a control group without a quota, or without a CPU controller",
    r"node_pressure_": "a kernel without pressure stall information, or that does not count interrupts",
    r"node_cpu_(core|package)_throttles_": "group detail, and only Intel hardware counts them",
    r"node_cpu_scaling_": "group detail, and only where there is cpufreq",
    r"node_thermal_zone_": "group detail, and only where there are zones",
    r"cpu_monitor_exporter_certificate_": "the exporter of the test speaks no TLS",
    r"cpu_monitor_agent_samples_discarded_": "nothing was discarded",
}
# Expressions that ask for what is not there while all is well, and what they would show.
MAY_BE_EMPTY = {
    ("cpu-monitor-fleet", "Gone, and for how long", "B"): "expected machines that never came",
    ("cpu-monitor-fleet", "annotation", "Alerts"): "alerts that fire",
    ("cpu-monitor-machine", "annotation", "Alerts"): "alerts that fire",
}


def may_be_absent(expression):
    return any(re.search(rf"\b{family}", expression) for family in MAY_BE_ABSENT)


class Lists(unittest.TestCase):

    def test_they_name_nothing_that_is_not_asked_for(self):
        asked = {
            (dashboard.path.stem, title, letter): expression
            for dashboard in map(Dashboard, DASHBOARDS)
            for (title, letter), expression in dashboard.expressions().items()
        }
        self.assertEqual(set(MAY_BE_EMPTY) - set(asked), set())
        for family in MAY_BE_ABSENT:
            self.assertTrue(any(re.search(rf"\b{family}", one) for one in asked.values()), family)


class Dashboards(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-prometheus-")
        self.addCleanup(folder.cleanup)
        expected = pathlib.Path(folder.name) / "tokens"
        expected.write_text("web-3 -\n")
        expected.chmod(0o600)
        self.exporter = self.start_exporter(
            "--ingest.tokens-file", expected, "--ingest.allow-anonymous")
        for endpoint in ("web-1", "web-2"):
            self.start_agent(self.exporter, endpoint)
        gone = self.start_agent(self.exporter, "web-3")
        self.exporter.wait_for_up("web-3")
        gone.kill()
        self.prometheus = self.start(harness.Prometheus(folder.name, self.config(folder.name)))
        self.addCleanup(self.prometheus.kill)
        self.burn_one_second()
        self.wait_for_scrapes()

    def config(self, folder):
        text = (harness.SOURCE_DIR / "prometheus.yml").read_text()
        text = text.replace("localhost:8000", f"127.0.0.1:{self.exporter.web_port}")
        text = text.replace("scrape_interval: 15s", "scrape_interval: 1s")
        # Its rules are read as they are, but more often.
        names = []
        for path in RULES:
            copy = pathlib.Path(folder) / path.name
            copy.write_text(path.read_text().replace("interval: 30s", "interval: 1s"))
            names.append(f'"{copy}"')
        return f"{text}\nrule_files: [{', '.join(names)}]\n"

    def burn_one_second(self):
        """So that there are busy readings, and a burst of one length or another."""
        burners = [self.start(harness.Process(
            [sys.executable, "-c", "while True: pass"])) for _ in range(2)]
        end = time.monotonic() + 1
        harness.wait_until(lambda: time.monotonic() > end, "a second")
        for burner in burners:
            burner.kill()

    def wait_for_scrapes(self):
        harness.wait_until(
            lambda: (self.prometheus.number(
                'max(count_over_time(cpu_monitor_agent_up{instance="web-1"}[1m]))') or 0) >= 10,
            "ten scrapes")
        harness.wait_until(
            lambda: self.prometheus.number('max(cpu_monitor_agent_up{instance="web-3"})') == 0,
            "web-3 is down")

    def values(self, dashboard):
        chosen = "web-1|web-2|web-3" if "fleet" in dashboard.path.stem else "web-1|web-2"
        return VALUES | {"instance": chosen}

    def test_every_panel_has_data(self):
        for dashboard in map(Dashboard, DASHBOARDS):
            for (title, letter), expression in dashboard.expressions().items():
                with self.subTest(dashboard=dashboard.path.stem, title=title, query=letter):
                    asked = substituted(expression, self.values(dashboard))
                    found = self.prometheus.query(asked)
                    where = (dashboard.path.stem, title, letter)
                    if not may_be_absent(asked) and where not in MAY_BE_EMPTY:
                        values = [float(one["value"][1]) for one in found]
                        self.assertTrue(any(not math.isnan(value) for value in values), asked)

    def test_every_variable_has_its_choices(self):
        expected = {"instance": ["web-1", "web-2", "web-3"], "job": ["my_cpu"]}
        for dashboard in map(Dashboard, DASHBOARDS):
            for name, (selector, label) in dashboard.label_queries().items():
                found = {one["metric"][label] for one in self.prometheus.query(selector)}
                self.assertEqual(sorted(found), expected[name])

    def test_rules_are_evaluated_without_error(self):
        def evaluated():
            groups = self.rule_groups()
            rules = [rule for group in groups for rule in group["rules"]]
            return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

        rules = harness.wait_until(evaluated, "every rule was evaluated")
        self.assertEqual([rule for rule in rules if rule["health"] != "ok"], [])
        names = re.findall(r"^      - (?:alert|record): (\S+)$",
                           "\n".join(path.read_text() for path in RULES), re.MULTILINE)
        self.assertEqual(sorted(rule["name"] for rule in rules), sorted(names))
        self.assertEqual(self.prometheus.query('ALERTS{alertstate="firing"}'), [])

    def test_recorded_series_have_data(self):
        names = re.findall(r"^      - record: (\S+)$",
                           "\n".join(path.read_text() for path in RULES), re.MULTILINE)
        # The exporter is settled 90 s after its start.
        absent = {"job_exporter:cpu_monitor_exporter_settled:age_seconds"}
        for name in set(names) - absent:
            if "cgroup" not in name:
                harness.wait_until(lambda name=name: self.prometheus.query(name), name)
        self.assertEqual(
            {one["metric"]["instance"] for one in
             self.prometheus.query("instance_exporter:cpu_monitor_agent_up:held")}, {"web-3"})

    def rule_groups(self):
        status, _, body = harness.http_get(self.prometheus.port, "/api/v1/rules")
        self.assertEqual(status, 200, body)
        return json.loads(body)["data"]["groups"]


class TargetsOfTheirOwn(Dashboards):
    """The same where each machine is a target, and the exporter's page holds only what it alone knows."""

    def start_exporter(self, *flags, **ports):
        return super().start_exporter("--web.sd-hold", "0s", *flags, **ports)

    def config(self, folder):
        text = super().config(folder)
        for old, new in (
            ("    static_configs:\n      - targets: [\"127.0.0.1",
             "    params: {\"collect[]\": [agent, exporter]}\n"
             "    static_configs:\n      - targets: [\"127.0.0.1"),
            ("scrape_configs:\n",
             "scrape_configs:\n  - job_name: machines\n    http_sd_configs:\n      - url: "
             f"http://127.0.0.1:{self.exporter.web_port}/sd\n        refresh_interval: 1s\n"),
        ):
            self.assertEqual(text.count(old), 1, text)
            text = text.replace(old, new)
        return text


if __name__ == "__main__":
    harness.main()
