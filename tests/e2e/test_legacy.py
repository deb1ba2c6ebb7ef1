"""The Python client of the classroom project, unmodified, against the exporter."""

import os
import re
import signal
import sys

import harness

CLIENT = os.path.join(os.path.dirname(__file__), "seed_client.py")
DEFAULT_PORTS = (8080, 8000)


def reported(page):
    return page.find("my_cpu_percents", method="reported")


class LegacyClient(harness.EndToEndTest):

    def start_exporter_where_the_client_looks(self):
        """On the ports both know by heart, or on others where those are taken."""
        if all(harness.is_free(port) for port in DEFAULT_PORTS):
            exporter = self.start(harness.Exporter(ingest_port=8080, web_port=8000))
            return exporter, []
        exporter = self.start_exporter()
        return exporter, [str(exporter.ingest_port)]

    def start_client(self, *arguments):
        client = self.start(harness.Process([sys.executable, CLIENT, *arguments]))
        self.addCleanup(client.kill)
        return client

    def test_is_answered_shown_and_forgotten_when_it_leaves(self):
        exporter, port = self.start_exporter_where_the_client_looks()
        client = self.start_client(*port)
        answer = client.wait_for_line(
            lambda line: re.fullmatch(r'\{"THE PERECENTAGE OF CPU USAGE": ([0-9.]+)\}', line),
            "the answer in upper case",
        )
        page = exporter.wait_for_page(reported, "the client's percentage")
        [(labels, percent)] = reported(page)
        self.assertRegex(labels["endpoint"], r"^127\.0\.0\.1:[0-9]+$")
        self.assertTrue(0 <= percent <= 100, percent)
        self.assertTrue(0 <= float(answer[1]) <= 100)
        self.assertEqual(page.value("cpu_monitor_exporter_legacy_connections"), 1)

        client.send_signal(signal.SIGKILL)
        page = exporter.wait_for_page(lambda page: not reported(page), "no percentage once it left")
        self.assertEqual(page.value("cpu_monitor_exporter_legacy_connections"), 0)

    def test_goes_on_for_as_long_as_it_likes(self):
        exporter = self.start_exporter()
        client = self.start_client(str(exporter.ingest_port))
        harness.wait_until(lambda: len(client.out) >= 3, "three answers")
        page = exporter.scrape()
        self.assertEqual(len(reported(page)), 1)
        self.assertGreaterEqual(page.value("cpu_monitor_exporter_samples_received_total"), 3)

    def test_value_arrives_as_it_was_sent_however_it_is_cut(self):
        exporter = self.start_exporter()
        client = self.connect(exporter)
        message = b'{"The Perecentage Of CPU USAGE": 14.6}'
        for byte in message:
            client.send_raw(bytes([byte]))
        self.assertEqual(client.receive_bytes(len(message)), message.upper())
        [(_, percent)] = reported(exporter.scrape())
        self.assertEqual(percent, 14.6)

    def test_nonsense_after_its_first_words_ends_the_connection(self):
        exporter = self.start_exporter()
        for value in (b"101", b"-1", b"NaN", b"1e1", b"9" * 100):
            with self.subTest(value=value):
                client = self.connect(exporter)
                client.send_raw(b'{"The Perecentage Of CPU USAGE": ' + value + b"}")
                self.assertEqual(client.receive_bytes(1), b"")
        self.assertEqual(reported(exporter.scrape()), [])


if __name__ == "__main__":
    harness.main()
