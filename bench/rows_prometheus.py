"""What 1,000 agents cost inside a real Prometheus."""

import contextlib
import json
import tempfile
import time
import urllib.parse

from measure import median, scrape, value_of, wait_until
from table import Row

ROWS = {"prometheus_fleet": "series, memory and scrape time of a Prometheus that scrapes 1,000 agents"}
AGENTS = 1000
CORES = 8
JOB = "my_cpu"


def run(bench):
    with bench.attempting(*ROWS), contextlib.ExitStack() as stack:
        run_fleet(bench, stack)


def run_fleet(bench, stack):
    interval_s = 1 if bench.quick else 15
    agents = bench.agents(AGENTS)
    exporter = stack.enter_context(bench.programs.exporter())
    fleet = stack.enter_context(
        bench.programs.fleet(exporter.ingest_port, agents, 300, cores=CORES))
    fleet.wait_for(r"\bready\b", 60)
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    prometheus, port = bench.programs.prometheus(folder, (
        f"global: {{scrape_interval: {interval_s}s}}\n"
        "scrape_configs:\n"
        f"  - job_name: {JOB}\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{exporter.web_port}']}}]\n"
        "    metric_relabel_configs:\n"
        "      - {source_labels: [endpoint], regex: (.+), target_label: instance}\n"
    ))
    stack.enter_context(prometheus)
    empty_kib = prometheus.resident_kib()
    wait_until(lambda: query(port, f'up{{job="{JOB}"}} == 1'), "Prometheus has scraped", 60)
    time.sleep(bench.seconds(6.2 * interval_s, 2.0))
    seconds = [float(point[1])
               for result in query(port, f'scrape_duration_seconds{{job="{JOB}"}}[10m]')
               for point in result["values"]]
    series = value_of(scrape(port).text().decode(), "prometheus_tsdb_head_series")

    def add(what, unit, value, **extra):
        bench.add(Row("prometheus_fleet", what, unit, value, extra=extra))

    add("series in its head", "series", series, agents=agents)
    add("resident memory of Prometheus", "MiB", prometheus.resident_kib() / 1024,
        empty=empty_kib / 1024)
    add("scrape duration", "s", median(seconds), max=max(seconds), scrapes=len(seconds))


def query(port, expression):
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    return json.loads(scrape(port, path).text())["data"]["result"]
