"""A peer: python3-prometheus-client's server with the CPU counters of a fleet.

    python_client_server.py PORT AGENTS CORES
"""

import sys
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

import simulated_fleet


def fill(registry, agents, cores):
    counter = Counter(
        "node_cpu_seconds", "Seconds the CPUs spent in each mode.", ("endpoint", "cpu", "mode"),
        registry=registry,
    )
    percent = Gauge(
        "my_cpu_percents", "Percentage of CPU usage in gauge", ("endpoint", "method"),
        registry=registry,
    )
    for agent in range(agents):
        endpoint = simulated_fleet.endpoint(agent)
        percent.labels(endpoint, "proc_stat").set(simulated_fleet.PERCENT)
        for cpu in range(cores):
            for mode, seconds in simulated_fleet.seconds(agent, cpu):
                counter.labels(endpoint, str(cpu), mode).inc(seconds)


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
