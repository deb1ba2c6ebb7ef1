"""The web gate: TLS, certificates and passwords in front of the pages, for a real Prometheus."""

import base64
import concurrent.futures
import http.client
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import harness

PASSWORD = "sesame"
# bcrypt of it, cost 10: about 50 ms.
PASSWORD_HASH = "$2b$10$vpx9vkT4ObDztDjb891zlekYeJ0k5jtdeEieelvYuzE1DCem9hnF6"
USERS = f"basic_auth_users:\n  prometheus: {PASSWORD_HASH}\n"
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENT_CERTIFICATES = (
    "  client_ca_file: ca.crt\n"
    "  client_auth_type: RequireAndVerifyClientCert\n"
    "  client_allowed_sans: [prometheus.example]\n"
)

REFUSED = "cpu_monitor_exporter_web_requests_refused_total"
RELOADED = "cpu_monitor_exporter_config_last_reload_successful"
CERTIFICATE_END = "cpu_monitor_exporter_certificate_not_after_timestamp_seconds"

WRONG_PASSWORDS = 1000


class Certificates:
    """An authority and what it signs, made by openssl, in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=web-ca", "-days", "2",
        )

    def sign(self, name, san, days=2):
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={san}",
        )
        self._openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-copy_extensions", "copy", "-days", str(days),
            "-out", f"{name}.crt",
        )
        (self.folder / f"{name}.key").chmod(0o600)

    def path(self, name):
        return str(self.folder / name)

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


class GuardedExporter(harness.Exporter):
    """An exporter with a web configuration, and what a client of it needs."""

    def __init__(self, certificates, config, *flags):
        self.certificates = certificates
        self.config = certificates.folder / "web.yml"
        self.config.write_text(config)
        self.speaks_tls = "tls_server_config" in config
        self.certificate = "client" if CLIENT_CERTIFICATES in config else None
        super().__init__("--web.config.file", self.config, *flags)

    def get(self, path, password=PASSWORD):
        connection = self._connection()
        headers = {}
        if password is not None:
            words = base64.b64encode(f"prometheus:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {words}"
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def _connection(self):
        if not self.speaks_tls:
            return http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=30)
        context = ssl.create_default_context(cafile=self.certificates.path("ca.crt"))
        if self.certificate:
            context.load_cert_chain(
                self.certificates.path(f"{self.certificate}.crt"),
                self.certificates.path(f"{self.certificate}.key"),
            )
        return http.client.HTTPSConnection("127.0.0.1", self.web_port, timeout=30, context=context)

    def refused(self, reason):
        return self.scrape().value(REFUSED, reason=reason)


def scrape_config(job, port, *lines):
    return "\n".join([
        f"  - job_name: {job}",
        "    static_configs:",
        f"      - targets: ['127.0.0.1:{port}']",
        *(f"    {line}" for line in lines),
        "",
    ])


class WebGate(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-web-gate-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.certificates = Certificates(folder.name)
        self.certificates.sign("server", "IP:127.0.0.1")
        self.certificates.sign("client", "DNS:prometheus.example")
        self.certificates.sign("other", "DNS:other.example")

    def start_guarded(self, config, *flags):
        return self.start(GuardedExporter(self.certificates, config, *flags))

    def start_prometheus(self, *jobs):
        config = "global: {scrape_interval: 1s}\nscrape_configs:\n" + "".join(jobs)
        prometheus = self.start(harness.Prometheus(self.folder, config))
        self.addCleanup(prometheus.kill)
        return prometheus

    def tls_config(self, client="client"):
        return [
            "scheme: https",
            "tls_config:",
            f"  ca_file: {self.certificates.path('ca.crt')}",
            f"  cert_file: {self.certificates.path(client + '.crt')}",
            f"  key_file: {self.certificates.path(client + '.key')}",
        ]

    @staticmethod
    def basic_auth(password=PASSWORD):
        return ["basic_auth:", "  username: prometheus", f"  password: {password}"]


class WithPrometheus(WebGate):

    def test_scrapes_with_the_matching_certificate_and_password_alone(self):
        exporter = self.start_guarded(TLS + CLIENT_CERTIFICATES + USERS)
        self.start_agent(exporter, "web-1")
        exporter.wait_for_up("web-1")
        port = exporter.web_port
        prometheus = self.start_prometheus(
            scrape_config("right", port, *self.tls_config(), *self.basic_auth()),
            scrape_config("no_password", port, *self.tls_config()),
            scrape_config("wrong_password", port, *self.tls_config(), *self.basic_auth("wrong")),
            scrape_config("other_name", port, *self.tls_config("other"), *self.basic_auth()),
            scrape_config("no_certificate", port, "scheme: https", "tls_config:",
                          f"  ca_file: {self.certificates.path('ca.crt')}", *self.basic_auth()),
            scrape_config("plain", port, *self.basic_auth()),
        )
        for job, value in (("right", 1), ("no_password", 0), ("wrong_password", 0),
                           ("other_name", 0), ("no_certificate", 0), ("plain", 0)):
            harness.wait_until(
                lambda: prometheus.number(f'up{{job="{job}"}}') == value, f"{job} is {value}")
        harness.wait_until(
            lambda: prometheus.number('cpu_monitor_agent_up{job="right",endpoint="web-1"}') == 1,
            "the machine's series are there")
        self.assertEqual(prometheus.number('count({job=~".+",job!="right",endpoint="web-1"})'), None)
        page = exporter.scrape()
        for reason in ("unauthorized", "client_certificate", "tls_required"):
            self.assertGreaterEqual(page.value(REFUSED, reason=reason), 1, reason)
        self.assert_promtool_is_silent(page)

    def test_wrong_passwords_cost_no_scrape_of_the_right_one(self):
        exporter = self.start_guarded(TLS + USERS)
        job = scrape_config("right", exporter.web_port, *self.tls_config(), *self.basic_auth())
        prometheus = self.start_prometheus(job)
        harness.wait_until(lambda: prometheus.number("up") == 1, "the first scrape")
        scrapes = 'count_over_time(up[10m])'
        before = prometheus.number(scrapes)

        def attack(number):
            return exporter.get("/metrics", password=f"wrong-{number}")[0]

        with concurrent.futures.ThreadPoolExecutor(max_workers=20) as attackers:
            answers = list(attackers.map(attack, range(WRONG_PASSWORDS)))
        self.assertLessEqual(set(answers), {401, 503})
        harness.wait_until(lambda: prometheus.number(scrapes) >= before + 5, "five scrapes")
        self.assertEqual(prometheus.number("min_over_time(up[10m])"), 1)
        self.assertLess(prometheus.number("max_over_time(scrape_duration_seconds[10m])"), 5)
        page = exporter.scrape()
        self.assertEqual(
            page.value(REFUSED, reason="unauthorized") + page.value(REFUSED, reason="busy"),
            WRONG_PASSWORDS,
        )


class Reloaded(WebGate):

    def test_a_new_certificate_costs_no_scrape(self):
        exporter = self.start_guarded(TLS + USERS)
        first_end = exporter.scrape().value(CERTIFICATE_END, certificate="web")
        failures = []
        stop = threading.Event()

        def scrape_all_the_time():
            while not stop.is_set():
                status = exporter.get("/-/healthy")[0]
                if status != 200:
                    failures.append(status)

        scraper = threading.Thread(target=scrape_all_the_time)
        scraper.start()
        self.addCleanup(scraper.join)
        self.addCleanup(stop.set)
        self.certificates.sign("next", "IP:127.0.0.1", days=20)
        for suffix in ("key", "crt"):
            os.replace(self.certificates.path(f"next.{suffix}"),
                       self.certificates.path(f"server.{suffix}"))
        exporter.wait_for_page(
            lambda page: page.value(CERTIFICATE_END, certificate="web") > first_end,
            "the new certificate is shown")
        self.assertEqual(failures, [])

    def test_a_bad_configuration_changes_nothing_until_it_is_mended(self):
        exporter = self.start_guarded(USERS)
        self.assertEqual(exporter.scrape().value(RELOADED), 1)
        exporter.config.write_text("basic_auth_users: {prometheus: plain}\n")
        exporter.wait_for_page(lambda page: page.value(RELOADED) == 0, "the reload failed")
        self.assertEqual(exporter.get("/", password=None)[0], 401)
        exporter.config.write_text(USERS)
        exporter.wait_for_page(lambda page: page.value(RELOADED) == 1, "the reload succeeded")

    def test_an_emptied_configuration_opens_no_door(self):
        exporter = self.start_guarded(USERS)
        exporter.config.write_text("")
        exporter.wait_for_page(lambda page: page.value(RELOADED) == 0, "the reload failed")
        self.assertEqual(exporter.get("/", password=None)[0], 401)
        exporter.wait_for_log(
            reason=f"{exporter.config}: asks for no password any more; if that is meant, restart "
                   "the exporter")


class Doors(WebGate):

    def assert_refuses(self, config, *words):
        (self.certificates.folder / "web.yml").write_text(config)
        process = self.start(harness.Process([
            harness.EXPORTER, "--ingest.listen-address", "127.0.0.1:0",
            "--web.listen-address", "127.0.0.1:0",
            "--web.config.file", self.certificates.path("web.yml"),
        ]))
        self.assertEqual(process.wait(), 1, process.said())
        for word in words:
            self.assertIn(word, "\n".join(process.err))

    def test_bad_configurations_do_not_start(self):
        for config, words in (
            ("nonsense: 1\n", ("web.yml", "line 1", "nonsense")),
            ("tls_server_config: {cert_file: no.crt, key_file: no.key}\n", ("no.key",)),
            (TLS.replace("server.key", "client.key"), ("server.crt",)),
            ("basic_auth_users: {ali: plain}\n", ("web.yml", "ali")),
        ):
            with self.subTest(config=config):
                self.assert_refuses(config, *words)

    def test_a_key_that_others_may_read_does_not_start(self):
        (self.certificates.folder / "server.key").chmod(0o644)
        self.assert_refuses(TLS, "server.key")

    def test_every_address_is_served_with_a_warning_when_nobody_is_asked(self):
        exporter = self.start(harness.Process([
            harness.EXPORTER, "--ingest.listen-address", "127.0.0.1:0",
            "--web.listen-address", ":0",
        ]))
        port = int(exporter.wait_for_log(component="web")["address"].rpartition(":")[2])
        exporter.wait_for_log(level="warn")
        for address in ("127.0.0.1", "127.0.0.2", "::1"):
            with self.subTest(address=address):
                connection = http.client.HTTPConnection(address, port, timeout=10)
                connection.request("GET", "/-/healthy")
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()

    def test_only_the_two_doors_and_a_private_one_are_open(self):
        exporter = self.start_guarded(TLS + USERS)
        listening = self.listening_addresses(exporter.pid)
        private = listening - {("127.0.0.1", exporter.web_port),
                               ("127.0.0.1", exporter.ingest_port)}
        self.assertEqual(len(private), 1, listening)
        [(address, port)] = private
        self.assertEqual(address, "127.0.0.1")
        # It is neither TLS nor for anybody.
        with socket.create_connection((address, port), timeout=10) as stranger:
            try:
                stranger.sendall(b"GET /metrics HTTP/1.1\r\nHost: web\r\n\r\n")
                self.assertEqual(stranger.recv(100), b"")
            except ConnectionError:
                pass  # it may be closed before, or with what we sent unread

    def listening_addresses(self, pid):
        """What a process listens on: {(IPv4 address, port)}."""
        inodes = set()
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                inodes.add(target[len("socket:["):-1])
        found = set()
        for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                numbers = bytes.fromhex(address)[::-1]
                found.add((".".join(map(str, numbers)), int(port, 16)))
        return found


class Crowded(WebGate):

    def test_pages_are_served_though_agents_have_all_the_files_they_may(self):
        exporter = self.start(harness.Process([
            "prlimit", "--nofile=256:256", harness.EXPORTER,
            "--ingest.listen-address", "127.0.0.1:0", "--web.listen-address", "127.0.0.1:0",
        ]))
        ports = {
            name: int(exporter.wait_for_log(component=name)["address"].rpartition(":")[2])
            for name in ("ingest", "web")
        }
        agents = []
        self.addCleanup(lambda: [agent.close() for agent in agents])
        for number in range(400):
            agent = harness.WireClient(ports["ingest"])
            agents.append(agent)
            answer = agent.hello(f"web-{number}")
            if answer and answer["type"] == "welcome":
                agent.sample(percent=1)
        idle = [socket.create_connection(("127.0.0.1", ports["web"])) for _ in range(300)]
        self.addCleanup(lambda: [client.close() for client in idle])
        for _ in range(20):
            status, _, text = harness.http_get(ports["web"], "/metrics")
            self.assertEqual(status, 200)
        page = harness.Page(text)
        self.assertEqual(page.value("cpu_monitor_exporter_agents", state="alive"), 128)
        self.assertGreaterEqual(
            page.value("cpu_monitor_exporter_connections_refused_total", reason="capacity"), 272)
        self.assertGreaterEqual(page.value(REFUSED, reason="capacity"), 200)
        self.assertLessEqual(page.value("process_open_fds"), 256)
        self.assertFalse(any("cannot accept" in line for line in exporter.err), exporter.said())


class Suspended(WebGate):

    HEAD_TIMEOUT_S = 10

    def test_the_exporters_own_pause_is_no_fault_of_its_clients(self):
        exporter = self.start_exporter()
        with socket.create_connection(("127.0.0.1", exporter.web_port), timeout=30) as client:
            client.sendall(b"GET /-/healthy HTTP/1.1\r\n")
            self.assertEqual(exporter.get("/-/healthy")[0], 200)
            exporter.send_signal(signal.SIGSTOP)
            time.sleep(self.HEAD_TIMEOUT_S + 1)
            exporter.send_signal(signal.SIGCONT)
            harness.wait_until(lambda: exporter.get("/-/healthy")[0] == 200, "it runs again")
            client.sendall(b"\r\n")
            self.assertIn(b" 200 ", client.recv(100))


class Stopping(WebGate):

    def test_stops_in_time_with_halves_of_everything_under_way(self):
        exporter = self.start_guarded(TLS + USERS)
        halves = []
        self.addCleanup(lambda: [half.close() for half in halves])
        for words in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
            half = socket.create_connection(("127.0.0.1", exporter.web_port))
            half.sendall(words)
            halves.append(half)
        context = ssl.create_default_context(cafile=self.certificates.path("ca.crt"))
        for words in (b"", b"GET / HTTP/1.1\r\nHost: "):
            raw = socket.create_connection(("127.0.0.1", exporter.web_port))
            half = context.wrap_socket(raw, server_hostname="127.0.0.1")
            half.sendall(words)
            halves.append(half)
        self.assertEqual(exporter.get("/-/healthy")[0], 200)
        self.assert_stops(exporter)


if __name__ == "__main__":
    harness.main()
