"""A peer: python3-prometheus-client's server with the CPU counters of a fleet.

    python_client_server.py PORT AGENTS CORES
"""

import sys
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def fill(registry, agents, cores):
    seconds = Counter(
        "node_cpu_seconds", "Seconds the CPUs spent in each mode.", ("endpoint", "cpu", "mode"),
        registry=registry,
    )
    percent = Gauge(
        "my_cpu_percents", "Percentage of CPU usage in gauge", ("endpoint", "method"),
        registry=registry,
    )
    for agent in range(agents):
        percent.labels(f"sim-{agent}", "proc_stat").set(agent % 1000 / 10)
        for cpu in range(cores):
            for column, mode in enumerate(MODES):
                value = (agent * 7919 + cpu * 104729 + column * 1299709) % 100_000_000 / 100
                seconds.labels(f"sim-{agent}", str(cpu), mode).inc(value)


def main():
    port, agents, cores = map(int, sys.argv[1:])
    registry = CollectorRegistry()
    fill(registry, agents, cores)
    start_http_server(port, "127.0.0.1", registry)
    print("listening", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
