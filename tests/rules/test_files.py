"""The shipped rules and dashboards as files: valid, whole, documented, and each alert under test."""

import collections
import itertools
import json
import re
import unittest

import test_exporter
import test_machines
import test_presence
from dashboards import Dashboard, substituted
from promtool import DASHBOARDS, RULES, SOURCE_DIR, RulesTest, check_rules, families_of, run

SEVERITIES = {"critical", "warning", "info"}
# Prometheus' own.
OF_PROMETHEUS = {"up", "ALERTS", "scrape_duration_seconds"}
MINIMUM_INTERVAL = "1m"


def read(name):
    return (SOURCE_DIR / name).read_text()


def documented_families():
    rows = re.findall(r"^\| `([a-z_0-9]+)` \| (gauge|counter|histogram) ", read("docs/metrics.md"),
                      re.MULTILINE)
    for family, kind in rows:
        yield family
        if kind == "histogram":
            yield from (family + suffix for suffix in ("_bucket", "_sum", "_count"))


class Rule:
    """One alert or recording rule, from its lines."""

    def __init__(self, kind, name, text):
        self.kind = kind
        self.name = name
        self.expression = self._expression(text)
        self.fields = dict(re.findall(r"^ +(\w+): (.+)$", text, re.MULTILINE))

    @staticmethod
    def _expression(text):
        block = re.search(r"^        expr: \|\n((?:          .*\n)+)", text, re.MULTILINE)
        return block[1] if block else re.search(r"^        expr: (.+)$", text, re.MULTILINE)[1]


def rules():
    """Of the machines first, as on the page."""
    for path in reversed(RULES):
        parts = re.split(r"^      - (alert|record): (\S+)\n", path.read_text(), flags=re.MULTILINE)
        for kind, name, text in zip(*[iter(parts[1:])] * 3):
            yield Rule(kind, name, text)


def alerts():
    return [rule for rule in rules() if rule.kind == "alert"]


def recorded():
    return {rule.name for rule in rules() if rule.kind == "record"}


class RuleFiles(RulesTest):

    def test_promtool_finds_them_valid(self):
        answer = run("check", "rules", *RULES)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        found = sum(int(count) for count in re.findall(r"(\d+) rules found", answer.stdout))
        self.assertEqual(found, len(list(rules())))

    def test_no_name_is_given_twice(self):
        names = collections.Counter(rule.name for rule in rules())
        self.assertEqual([name for name, count in names.items() if count > 1], [])

    def test_every_family_is_documented(self):
        known = {*documented_families(), *OF_PROMETHEUS, *recorded()}
        for rule in rules():
            self.assertEqual(families_of(rule.expression) - known, set(), rule.name)

    def test_every_recorded_series_is_used(self):
        used = set().union(*(families_of(rule.expression) for rule in rules()))
        self.assertEqual(recorded() - used, set())

    def test_every_alert_says_how_bad_it_is_and_what_to_do(self):
        for alert in alerts():
            self.assertIn(alert.fields["severity"], SEVERITIES, alert.name)
            for words in ("summary", "description"):
                self.assertRegex(alert.fields[words], r'^".+\."$', alert.name)
            self.assertIn("$labels", alert.fields["description"] + "$labels"
                          * (alert.name == "CpuMonitorExporterMissing"), alert.name)

    def test_every_alert_has_its_part_of_the_page(self):
        page = read("docs/alerts.md")
        headings = re.findall(r"^### (CpuMonitor\w+)$", page, re.MULTILINE)
        self.assertEqual(headings, [alert.name for alert in alerts()])
        for alert in alerts():
            self.assertEqual(alert.fields["runbook_url"], f"docs/alerts.md#{alert.name.lower()}")
        rows = re.findall(r"^\| \[(CpuMonitor\w+)\]\(#(\w+)\) \| (\w+) \|", page, re.MULTILINE)
        self.assertEqual(rows, [(alert.name, alert.name.lower(), alert.fields["severity"])
                                for alert in alerts()])

    def test_every_part_of_the_page_has_a_query_that_is_valid(self):
        parts = re.split(r"^### (CpuMonitor\w+)$", read("docs/alerts.md"), flags=re.MULTILINE)[1:]
        known = {*documented_families(), *OF_PROMETHEUS, *recorded()}
        for name, text in zip(*[iter(parts)] * 2):
            queries = [line.partition(" #")[0].strip()
                       for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
                       for line in block.splitlines()]
            self.assertTrue(queries, name)
            for query in queries:
                self.assertIsNone(syntax_error(query), name)
                self.assertEqual(families_of(query) - known, set(), name)

    def test_every_alert_fires_in_a_scene_and_is_quiet_in_more(self):
        modules = (test_presence, test_machines, test_exporter)
        classes = {
            found.ALERT: found
            for module in modules for found in vars(module).values()
            if isinstance(found, type) and getattr(found, "ALERT", None)
        }
        self.assertEqual(sorted(classes), sorted(alert.name for alert in alerts()))
        for alert, found in classes.items():
            methods = [name for name in dir(found) if name.startswith("test_")]
            fires = [name for name in methods if name.startswith("test_fires_")]
            quiet = [name for name in methods if name.startswith("test_quiet_")]
            self.assertGreaterEqual(len(fires), 1, alert)
            self.assertGreaterEqual(len(quiet), 2, alert)


def syntax_error(expression):
    """What promtool says against it, None when it is valid."""
    return check_rules(json.dumps(
        {"groups": [{"name": "one", "rules": [{"record": "one", "expr": expression}]}]}))


VALUES = {
    "instance": "web-1|web-2", "job": "my_cpu",
    "__rate_interval": MINIMUM_INTERVAL, "__range": "1h",
}


class DashboardFiles(RulesTest):

    def setUp(self):
        self.dashboards = [Dashboard(path) for path in DASHBOARDS]

    def test_there_are_two(self):
        titles = [dashboard.content["title"] for dashboard in self.dashboards]
        self.assertEqual(titles, ["cpu-monitor fleet", "cpu-monitor machine"])

    def test_files_are_tidy(self):
        for dashboard in self.dashboards:
            tidy = json.dumps(dashboard.content, indent=2, ensure_ascii=False) + "\n"
            self.assertEqual(dashboard.text, tidy, dashboard.path.name)

    def test_they_can_be_imported_and_updated(self):
        for dashboard in self.dashboards:
            content = dashboard.content
            # An id belongs to one Grafana; the uid is what links and updates go by.
            self.assertNotIn("id", content)
            self.assertEqual(content["uid"], dashboard.path.stem)
            self.assertIn(content["schemaVersion"], range(36, 40))
            needed = {needs["id"] for needs in content["__requires"] if needs["type"] == "panel"}
            types = {panel["type"] for panel in dashboard.panels} - {"row"}
            self.assertEqual(needed, types)

    def test_panels_have_their_own_ids_and_places(self):
        for dashboard in self.dashboards:
            ids = [panel["id"] for panel in dashboard.panels]
            self.assertEqual(len(set(ids)), len(ids))
            places = [panel["gridPos"] for panel in dashboard.panels]
            for one, other in itertools.combinations(places, 2):
                self.assertFalse(overlap(one, other), (one, other))
            self.assertTrue(all(place["x"] + place["w"] <= 24 for place in places))

    def test_titles_name_one_panel_each(self):
        for dashboard in self.dashboards:
            titles = [panel["title"] for panel in dashboard.panels]
            self.assertEqual(len(set(titles)), len(titles))

    def test_every_query_goes_to_the_chosen_data_source(self):
        for dashboard in self.dashboards:
            chosen = {"type": "prometheus", "uid": "${datasource}"}
            asking = [panel for panel in dashboard.panels if panel["type"] != "row"]
            asking += dashboard.content["annotations"]["list"]
            asking += [variable for variable in dashboard.variables if variable["type"] == "query"]
            self.assertEqual([one["datasource"] for one in asking], [chosen] * len(asking))

    def test_machines_are_chosen_by_instance(self):
        for dashboard in self.dashboards:
            [instance] = [one for one in dashboard.variables if one["name"] == "instance"]
            self.assertTrue(instance["multi"])
            self.assertEqual(dashboard.label_queries()["instance"],
                             ("cpu_monitor_agent_up", "instance"))

    def test_every_expression_is_valid_and_of_documented_families(self):
        known = {*documented_families(), *OF_PROMETHEUS}
        for dashboard in self.dashboards:
            for place, expression in dashboard.expressions().items():
                with self.subTest(dashboard=dashboard.path.name, place=place):
                    expression = substituted(expression, VALUES)
                    self.assertIsNone(syntax_error(expression))
                    self.assertEqual(families_of(expression) - known, set())

    def test_every_family_of_a_machine_is_on_a_dashboard(self):
        shown = {
            family
            for dashboard in self.dashboards for expression in dashboard.expressions().values()
            for family in families_of(substituted(expression, VALUES))
        }
        shown |= {re.sub("_(bucket|sum|count)$", "", family) for family in shown}
        # Told by others, or facts that do not change.
        left_out = {
            "cpu_monitor_cgroup_usage_seconds_total",
            "cpu_monitor_exporter_config_last_reload_success_timestamp_seconds",
            "node_cpu_guest_seconds_total", "node_cpu_info", "node_cpu_isolated", "node_cpu_online",
            "node_cpu_frequency_hertz", "node_cpu_frequency_min_hertz",
            "node_cpu_frequency_max_hertz", "node_cpu_scaling_frequency_min_hertz",
            "node_cpu_scaling_governor", "node_schedstat_running_seconds_total",
            "node_schedstat_timeslices_total", "node_schedstat_waiting_seconds_total",
        }
        families = {re.sub("_(bucket|sum|count)$", "", name) for name in documented_families()}
        self.assertEqual(families - shown, left_out)


def overlap(one, other):
    return (
        one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
    )


if __name__ == "__main__":
    unittest.main()
