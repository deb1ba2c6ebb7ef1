"""One page for each dead machine, never taken back while it is dead, and no other.

A real Prometheus evaluates the shipped rules and sends what they say to a receiver that keeps it all, while machines are
killed for good, their exporter is restarted, agents are upgraded, one machine is renamed and others are shut down in order.
"""

import collections
import datetime
import http.server
import json
import pathlib
import signal
import tempfile
import threading
import time

import harness

RULES = sorted((harness.SOURCE_DIR / "packaging/prometheus").glob("*.yml"))
DEAD = harness.rounds(6)
RESTARTS = harness.rounds(4)
UPGRADED = 5 * RESTARTS // 2
GONE = "CpuMonitorMachineGone"
NEVER = "never-1"
# In place of the 3 minutes of the rules, which only make them more patient.
FOR_S = 20
GRACE_S = 60
SETTLED_S = 90


class Receiver:
    """In the place of Alertmanager."""

    def __init__(self):
        self._lock = threading.Lock()
        # {(alert, instance): {when it began to fire}}, and those that were said to be over.
        self._began = collections.defaultdict(set)
        self._ended = set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self):
        return self._server.server_address[1]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, alerts):
        now = datetime.datetime.now(datetime.timezone.utc)
        with self._lock:
            for alert in alerts:
                if alert["labels"]["severity"] != "critical":
                    continue
                key = (alert["labels"]["alertname"], alert["labels"].get("instance", ""))
                self._began[key].add(alert["startsAt"])
                if datetime.datetime.fromisoformat(alert["endsAt"]) <= now:
                    self._ended.add(key)

    def pages(self):
        """{(alert, instance): how often it began}."""
        with self._lock:
            return {key: len(began) for key, began in self._began.items()}

    def ended(self):
        with self._lock:
            return set(self._ended)


class Paging(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-paging-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.ports = {"ingest_port": harness.free_port(), "web_port": harness.free_port()}
        self.receiver = Receiver()
        self.addCleanup(self.receiver.stop)
        self.agents = {}
        self.listed = []

    # What a person does.

    def list_machines(self, *names):
        """The expected machines; the exporter reads the file anew when it changes."""
        self.listed = list(names)
        new = self.folder / "tokens.new"
        new.write_text("".join(f"{name} -\n" for name in names))
        new.chmod(0o600)
        new.rename(self.folder / "tokens")

    def unlist(self, name):
        self.list_machines(*(other for other in self.listed if other != name))

    def start_the_exporter(self):
        self.exporter = self.start_exporter(
            "--ingest.tokens-file", self.folder / "tokens", "--ingest.allow-anonymous",
            **self.ports)
        self.exporter_started = time.monotonic()

    def restart_the_exporter(self, number):
        if number == signal.SIGKILL:
            self.exporter.kill()
        else:
            self.assert_stops(self.exporter)
        self.start_the_exporter()

    def start_machine(self, name):
        self.agents[name] = self.start_agent(self.exporter, name)

    def stop_machine(self, name):
        self.assert_stops(self.agents.pop(name))

    def kill_machine(self, name):
        self.agents.pop(name).kill()

    def upgrade(self, name):
        self.stop_machine(name)
        self.start_machine(name)

    # What is seen.

    def start_prometheus(self):
        rules = []
        for path in RULES:
            copy = self.folder / path.name
            text = path.read_text().replace("interval: 30s", "interval: 1s")
            copy.write_text(text.replace("for: 3m", f"for: {FOR_S}s"))
            rules.append(f'"{copy}"')
        text = (harness.SOURCE_DIR / "prometheus.yml").read_text()
        text = text.replace("localhost:8000", f"127.0.0.1:{self.ports['web_port']}")
        text = text.replace("scrape_interval: 15s", "scrape_interval: 1s")
        text += f"\nrule_files: [{', '.join(rules)}]\n"
        text += ("alerting: {alertmanagers: [{static_configs: "
                 f"[{{targets: ['127.0.0.1:{self.receiver.port}']}}]}}]}}\n")
        self.prometheus = self.start(harness.Prometheus(self.folder, text))
        self.addCleanup(self.prometheus.kill)

    def number_up(self):
        found = self.exporter.scrape("/metrics?collect[]=agent").find("cpu_monitor_agent_up")
        return sum(value == 1 for _, value in found)

    def wait_until_up(self, share=1.0):
        wanted = share * len(self.agents)
        harness.wait_until(lambda: self.number_up() >= wanted, f"{wanted:g} agents are up",
                           harness.RECONNECT_DEADLINE_S)

    def wait_for_pages(self, names, deadline_s):
        expected = {(GONE, name): 1 for name in names}
        try:
            harness.wait_until(lambda: self.receiver.pages() == expected, "the pages", deadline_s)
        except AssertionError:
            self.assertEqual(self.receiver.pages(), expected)
            raise

    def test_one_page_for_each_dead_machine_and_no_other(self):
        dead = [f"dead-{i}" for i in range(DEAD)]
        upgraded = [f"up-{i}" for i in range(UPGRADED)]
        others = ["old-name", "stopped-then-unlisted", "unlisted-then-stopped"]
        self.list_machines(NEVER, *dead, *upgraded, *others)
        self.start_the_exporter()
        for name in dead + upgraded + others + ["guest"]:
            self.start_machine(name)
        self.wait_until_up()
        self.start_prometheus()

        first, later = dead[:DEAD // 2], dead[DEAD // 2:]
        for name in first:
            self.kill_machine(name)
        self.wait_for_pages([*first, NEVER], GRACE_S + FOR_S + harness.DEADLINE_S)

        to_kill, to_upgrade = list(later), list(upgraded)
        for i in range(RESTARTS):
            self.restart_the_exporter(signal.SIGKILL if i % 2 else signal.SIGTERM)
            # Some are upgraded while the others are on their way back.
            while to_upgrade and len(to_upgrade) > UPGRADED * (RESTARTS - 1 - i) / RESTARTS:
                self.upgrade(to_upgrade.pop())
            self.wait_until_up(share=0.5)
            while to_kill and len(to_kill) > len(later) * (RESTARTS - 1 - i) / RESTARTS:
                self.kill_machine(to_kill.pop())
            if i == RESTARTS // 2:
                self.shut_down_in_order()

        self.wait_until_up()
        everybody = [*dead, NEVER]
        self.wait_for_pages(everybody, GRACE_S + FOR_S + 2 * harness.DEADLINE_S)
        settled = self.exporter_started + SETTLED_S + FOR_S + 10
        harness.wait_until(lambda: time.monotonic() > settled, "a settled exporter", SETTLED_S * 2)
        self.assertEqual(self.receiver.pages(), {(GONE, name): 1 for name in everybody})
        self.assertEqual(self.receiver.ended(), set())

        # And it ends, for one that is back.
        self.start_machine(dead[0])
        harness.wait_until(lambda: self.receiver.ended() == {(GONE, dead[0])},
                           "the end of a page", harness.RECONNECT_DEADLINE_S)
        print(f"{len(everybody)} dead machines, {RESTARTS} restarts of the exporter, {UPGRADED} "
              f"upgrades: {sum(self.receiver.pages().values())} pages")

    def shut_down_in_order(self):
        self.list_machines(*self.listed, "new-name")
        self.stop_machine("old-name")
        self.start_machine("new-name")
        self.unlist("old-name")
        self.stop_machine("stopped-then-unlisted")
        self.unlist("stopped-then-unlisted")
        self.unlist("unlisted-then-stopped")
        self.stop_machine("unlisted-then-stopped")
        # Never listed.
        self.stop_machine("guest")


if __name__ == "__main__":
    harness.main()
