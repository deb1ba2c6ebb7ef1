"""How both programs start, refuse to start, and stop."""

import signal
import socket

import harness


class Refused(harness.EndToEndTest):

    def assert_refuses(self, argv, code, *words):
        process = self.start(harness.Process(argv))
        self.assertEqual(process.wait(), code, process.said())
        said = "\n".join(process.err)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(process.out, [])


class ExporterDoors(Refused):

    def test_ingest_off_loopback_needs_to_be_asked_for(self):
        for address in ("0.0.0.0:0", ":0", "[::]:0"):
            with self.subTest(address=address):
                self.assert_refuses(
                    [harness.EXPORTER, "--ingest.listen-address", address,
                     "--web.listen-address", "127.0.0.1:0"],
                    2, address, "--ingest.allow-anonymous",
                )

    def test_ingest_off_loopback_opens_when_asked_for(self):
        exporter = self.start(harness.Process([
            harness.EXPORTER, "--ingest.listen-address", "0.0.0.0:0", "--ingest.allow-anonymous",
            "--web.listen-address", "127.0.0.1:0",
        ]))
        fields = exporter.wait_for_log(msg="listening", component="ingest")
        self.assertRegex(fields["address"], r"^0\.0\.0\.0:[0-9]+$")

    def test_taken_port_is_named_with_its_flag(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for flag, other in (
                ("--ingest.listen-address", "--web.listen-address"),
                ("--web.listen-address", "--ingest.listen-address"),
            ):
                with self.subTest(flag=flag):
                    self.assert_refuses(
                        [harness.EXPORTER, flag, f"127.0.0.1:{port}", other, "127.0.0.1:0"],
                        1, f"127.0.0.1:{port}", flag,
                    )

    def test_bad_usage(self):
        for arguments in (
            ["--nonsense"],
            ["stray"],
            ["--agent.stale-after", "fast"],
            ["--web.collect", "nonsense"],
            ["--web.listen-address", "127.0.0.1:65536"],
        ):
            with self.subTest(arguments=arguments):
                self.assert_refuses([harness.EXPORTER, *arguments], 2, arguments[0])


class AgentDoors(Refused):

    def test_name_that_cannot_be_an_endpoint(self):
        for name in ("", 'a"} 1', "-web", "web-", "a\rb", "a b", "x" * 129):
            with self.subTest(name=name):
                self.assert_refuses([harness.AGENT, "--endpoint", name], 2, "--endpoint")

    def test_bad_usage(self):
        for arguments in (
            ["--nonsense"],
            ["stray"],
            ["--push.interval", "150ms"],
            ["--push.interval", "1h"],
            ["--sample.interval", "0s"],
            ["--exporter", "127.0.0.1"],
            ["--label", "Rack=1"],
        ):
            with self.subTest(arguments=arguments):
                self.assert_refuses(
                    [harness.AGENT, "--endpoint", "web-1", *arguments], 2, arguments[0]
                )


class Manual(harness.EndToEndTest):

    def test_help_and_version_go_to_stdout(self):
        for program in (harness.AGENT, harness.EXPORTER):
            for flag, word in (("--help", "--log.level"), ("--version", "cpu-monitor")):
                with self.subTest(program=program, flag=flag):
                    process = self.start(harness.Process([program, flag]))
                    self.assertEqual(process.wait(), 0)
                    self.assertIn(word, "\n".join(process.out))
                    self.assertEqual(process.err, [])


class Stopping(harness.EndToEndTest):

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def test_pair_stops_in_time(self):
        for number in self.SIGNALS:
            with self.subTest(number=number):
                exporter = self.start_exporter()
                agent = self.start_agent(exporter, "web-1")
                exporter.wait_for_up("web-1")
                self.assert_stops(agent, number)
                self.assert_stops(exporter, number)

    def test_exporter_stops_in_time_with_agents_connected(self):
        for number in self.SIGNALS:
            with self.subTest(number=number):
                exporter = self.start_exporter()
                self.start_agent(exporter, "web-1")
                mute = self.connect(exporter)
                mute.send_raw(b'{"type":')
                legacy = self.connect(exporter)
                legacy.send_raw(b'{"The Perecentage Of CPU USAGE": 5')
                exporter.wait_for_up("web-1")
                self.assert_stops(exporter, number)

    def test_exporter_stops_in_time_while_a_scrape_hangs(self):
        exporter = self.start_exporter()
        with socket.create_connection(("127.0.0.1", exporter.web_port)) as scraper:
            scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
            self.assertEqual(exporter.get("/-/healthy")[0], 200)
            self.assert_stops(exporter)

    def test_exporter_says_goodbye(self):
        exporter = self.start_exporter()
        client = self.connect(exporter)
        client.hello("sensor-1")
        exporter.send_signal(signal.SIGTERM)
        goodbye = client.receive()
        self.assertEqual((goodbye["type"], goodbye["reason"]), ("goodbye", "stop"))
        self.assertIsNone(client.receive())

    def test_agent_stops_in_time_while_the_exporter_is_away(self):
        for number in self.SIGNALS:
            with self.subTest(number=number):
                agent = self.start(harness.Agent(harness.free_port(), "web-1"))
                agent.wait_for_log(msg="cannot connect to the exporter")
                self.assert_stops(agent, number)

    def test_agent_stops_in_time_before_its_welcome(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            agent = self.start(harness.Agent(silent.getsockname()[1], "web-1"))
            connection, _ = silent.accept()
            with connection:
                self.assertIn(b'"hello"', connection.recv(4096))
                self.assert_stops(agent)

    def test_agent_stops_in_time_while_acks_stay_away(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            agent = self.start(harness.Agent(silent.getsockname()[1], "web-1"))
            connection, _ = silent.accept()
            with connection, connection.makefile("rb") as lines:
                lines.readline()
                connection.sendall(
                    b'{"type":"welcome","protocol":1,"groups":["percent","cpu"]}\n'
                )
                self.assertIn(b'"sample"', lines.readline())
                self.assert_stops(agent)
                self.assertIn(b'"goodbye"', lines.read())

    def test_agent_started_first_finds_the_exporter_later(self):
        ports = {"ingest_port": harness.free_port(), "web_port": harness.free_port()}
        agent = self.start(harness.Agent(ports["ingest_port"], "web-1"))
        agent.wait_for_log(msg="cannot connect to the exporter")
        exporter = self.start_exporter(**ports)
        exporter.wait_for_up("web-1", deadline_s=harness.RECONNECT_DEADLINE_S)


if __name__ == "__main__":
    harness.main()
