"""What dashboards, rules and alerts made for node_exporter ask about CPUs and load has an answer.

node_exporter's own mixin (docs/node-mixin in its repository) is what people import.  Here stand its rules, alerts and
panels of CPU and load by name, each with a query of the same families, labels and matchers, in words of our own.
"""

import json
import tempfile

import harness

CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: node
    http_sd_configs:
      - {{url: "http://127.0.0.1:{port}/sd", refresh_interval: 1s}}
"""

NODE = 'job="node"'
ONE = 'job="node", instance="web-1"'

RECORDING_RULES = {
    "instance:node_num_cpu:sum":
        f'count without (cpu, mode) (node_cpu_seconds_total{{{NODE}, mode="idle"}})',
    "instance:node_cpu_utilisation:rate5m":
        '1 - avg without (cpu) (sum without (mode) (rate('
        f'node_cpu_seconds_total{{{NODE}, mode=~"idle|iowait|steal"}}[5m])))',
    "instance:node_load1_per_cpu:ratio":
        f'node_load1{{{NODE}}} / instance:node_num_cpu:sum{{{NODE}}}',
}

ALERTS = {
    "NodeCPUHighUsage":
        f'100 * sum without (mode) (avg without (cpu) (rate(node_cpu_seconds_total{{{NODE}, '
        'mode!="idle"}[2m])))',
    "NodeSystemSaturation":
        f'node_load1{{{NODE}}} / count without (cpu, mode) ('
        f'node_cpu_seconds_total{{{NODE}, mode="idle"}})',
}

PANELS = {
    "Nodes: CPU Usage": [
        '(1 - sum without (mode) (rate(node_cpu_seconds_total{'
        f'{ONE}, mode=~"idle|iowait|steal"}}[1m]))) / ignoring (cpu) group_left '
        f'count without (cpu, mode) (node_cpu_seconds_total{{{ONE}, mode="idle"}})'],
    "Nodes: Load Average": [
        f"node_load1{{{ONE}}}", f"node_load5{{{ONE}}}", f"node_load15{{{ONE}}}",
        f'count(node_cpu_seconds_total{{{ONE}, mode="idle"}})'],
    "USE Method / Node: CPU Cores": [f"count(node_cpu_seconds_total{{{ONE}}})"],
    "USE Method / Node: Uptime": [f"time() - node_boot_time_seconds{{{ONE}}}"],
    "USE Method / Node: CPU Utilisation": [f"instance:node_cpu_utilisation:rate5m{{{ONE}}}"],
    "USE Method / Node: CPU Saturation": [f"instance:node_load1_per_cpu:ratio{{{ONE}}}"],
    "USE Method / Cluster: CPU Utilisation": [
        f"instance:node_cpu_utilisation:rate5m{{{NODE}}} * instance:node_num_cpu:sum{{{NODE}}} / "
        f"scalar(sum(instance:node_num_cpu:sum{{{NODE}}}))"],
    "USE Method / Cluster: CPU Saturation": [
        f"instance:node_load1_per_cpu:ratio{{{NODE}}} / "
        f"scalar(count(instance:node_load1_per_cpu:ratio{{{NODE}}}))"],
    "the variable instance of all of them": [f'node_uname_info{{{NODE}, sysname!="Darwin"}}',
                                             f"up{{{NODE}}}"],
}


class NodeMixin(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-node-mixin-")
        self.addCleanup(folder.cleanup)
        rules = [{"record": name, "expr": query} for name, query in RECORDING_RULES.items()]
        # Without their thresholds, so that a quiet machine has an answer too.
        rules += [{"alert": name, "expr": query} for name, query in ALERTS.items()]
        path = f"{folder.name}/rules.yml"
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"groups": [{"name": "node", "rules": rules}]}, file)  # is YAML too
        exporter = self.start_exporter("--web.sd-hold", "0s")
        for name in ("web-1", "web-2"):
            self.start_agent(exporter, name)
            exporter.wait_for_up(name)
        config = CONFIG.format(rules=path, port=exporter.web_port)
        self.prometheus = self.start(harness.Prometheus(folder.name, config))
        self.addCleanup(self.prometheus.kill)

    def rules(self):
        _, _, body = harness.http_get(self.prometheus.port, "/api/v1/rules")
        [group] = json.loads(body)["data"]["groups"]
        return group["rules"]

    def test_every_query_about_cpus_and_load_has_an_answer(self):
        for kind, asked in (("rule", RECORDING_RULES), ("alert", ALERTS)):
            for name, query in asked.items():
                with self.subTest(kind, name=name):
                    harness.wait_until(lambda: len(self.prometheus.query(query)) == 2,
                                       f"{query} of both machines")
        for name, queries in PANELS.items():
            for query in queries:
                with self.subTest("panel", name=name):
                    harness.wait_until(lambda: self.prometheus.query(query), query)
        for rule in self.rules():
            with self.subTest("health", name=rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError")), ("ok", None))
        print(f"{len(RECORDING_RULES)} of 3 rules, {len(ALERTS)} of 2 alerts, "
              f"{len(PANELS) - 1} of 8 panels")


if __name__ == "__main__":
    harness.main()
