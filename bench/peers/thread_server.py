"""A peer: what one would write first.  A thread for each connection, json, python3-prometheus-client.

    thread_server.py

It speaks enough of the protocol for bench-fleet: welcomes, sets a gauge for each CPU and mode and the
percentage, acknowledges.  Prints "listening PORT", and "sampled ENDPOINT" at the first sample of a
connection.
"""

import json
import socketserver
import threading

from prometheus_client import CollectorRegistry, Gauge

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
WELCOME = {
    "type": "welcome", "protocol": 1, "exporter_version": "thread_server",
    "max_line_bytes": 262144, "max_cpus": 1024, "idle_timeout_ms": 15000,
    "groups": ["percent", "cpu", "load", "burst", "agent", "exporter"], "peak_window_ms": 120000,
}

registry = CollectorRegistry()
seconds = Gauge(
    "node_cpu_seconds_total", "Seconds.", ("endpoint", "cpu", "mode"), registry=registry)
percent = Gauge("my_cpu_percents", "Percent.", ("endpoint", "method"), registry=registry)


class Connection(socketserver.StreamRequestHandler):

    disable_nagle_algorithm = True

    def handle(self):
        endpoint, is_sampled = None, False
        for line in self.rfile:
            message = json.loads(line)
            if message["type"] == "hello":
                endpoint = message["endpoint"]
                self._answer(WELCOME)
            elif message["type"] == "sample":
                self._set(endpoint, message)
                if not is_sampled:
                    print("sampled", endpoint, flush=True)
                    is_sampled = True
                self._answer({"type": "ack", "sequence": message["sequence"]})

    def _set(self, endpoint, sample):
        if "percent" in sample:
            percent.labels(endpoint, "proc_stat").set(sample["percent"])
        for number, *ticks in sample.get("cpu", {}).get("cores", ()):
            for mode, value in zip(MODES, ticks):
                seconds.labels(endpoint, str(number), mode).set(value / 100)

    def _answer(self, message):
        self.wfile.write(json.dumps(message).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):

    daemon_threads = True
    request_queue_size = 4096

    def handle_error(self, request, client_address):
        pass  # the fleet is killed in the middle of its lines


def main():
    threading.stack_size(256 * 1024)
    with Server(("127.0.0.1", 0), Connection) as server:
        print("listening", server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
