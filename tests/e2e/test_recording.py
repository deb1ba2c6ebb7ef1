"""The flight recorder: bursts that were made while nobody was connected, at their height.

CPU_MONITOR_E2E_ROUNDS asks for more bursts.
"""

import concurrent.futures
import json
import signal
import socket
import threading
import time

import burner
import harness

ENDPOINT = "web-1"
BURST_S = 0.3
PAUSE_S = 1.0
SAMPLE_MS = 100
# Of how long a reading takes to get to the exporter, whose clock its time is of.
CLOCK_SLACK_MS = 60
HIGH_PERCENT = 95


class Relay:
    """The way between an agent and its exporter, which can be cut."""

    def __init__(self, port):
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets = []
        self._is_cut = False
        self.bytes_up = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        with self._lock:
            self._is_cut = True
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            hang_up(each)

    def mend(self):
        self._is_cut = False

    def close(self):
        self.cut()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                agent, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    agent.close()
                    continue
                exporter = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [agent, exporter]
            for source, target in ((agent, exporter), (exporter, agent)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source, target):
        is_up = target.getpeername()[1] == self._to
        try:
            while data := source.recv(65536):
                if is_up:
                    self.bytes_up += len(data)
                target.sendall(data)
        except OSError:
            pass
        hang_up(source)
        hang_up(target)
        source.close()


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side was quicker
        pass


def recording_of(exporter, last="10m", endpoint=ENDPOINT):
    status, _, body = exporter.get(f"/agents/{endpoint}/recording?last={last}")
    return status, json.loads(body)


class Recording(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        self.exporter = self.start_exporter()

    def test_a_burst_made_while_the_link_was_cut_is_found_at_its_height(self):
        relay = Relay(self.exporter.ingest_port)
        self.addCleanup(relay.close)
        agent = self.start(harness.Agent(relay.port, ENDPOINT))
        self.exporter.wait_for_up(ENDPOINT)
        burners = burner.Burners()
        self.addCleanup(burners.stop)

        relay.cut()
        harness.wait_until(lambda: recording_of(self.exporter, "1s")[0] == 503, "the link to be cut")
        cut_at = time.time()
        bursts = self.burn(burners)
        relay.mend()
        harness.wait_until(lambda: recording_of(self.exporter, "1s")[0] == 200, "the link to be back",
                           harness.RECONNECT_DEADLINE_S)
        self.assertTrue(agent.is_running(), agent.said())

        before = relay.bytes_up
        start = time.monotonic()
        status, recording = recording_of(self.exporter)
        took = time.monotonic() - start
        self.assertEqual(status, 200)
        print(f"\n{len(recording['time_ms'])} readings, {relay.bytes_up - before} bytes to the exporter, "
              f"{1000 * took:.0f} ms")
        self.assert_is_whole(recording, cut_at)
        print("burners got  highest  readings at that height")
        for burst in bursts:
            self.assert_burst_is_there(recording, burst)

    def burn(self, burners):
        """Whoever else takes some of a CPU meanwhile, it is busy all the time."""
        bursts = []
        for _ in range(harness.rounds(3)):
            time.sleep(PAUSE_S)  # the pause itself: there is nothing to wait for
            bursts.append(burners.burn(BURST_S))
        return bursts

    def assert_is_whole(self, recording, since):
        """Parallel arrays, in order, and without a hole while nobody was connected."""
        self.assertEqual(recording["endpoint"], ENDPOINT)
        self.assertEqual(recording["interval_ms"], SAMPLE_MS)
        times = recording["time_ms"]
        for name in ("busy", "busiest_core", "system", "steal"):
            self.assertEqual(len(recording[name]), len(times), name)
        self.assertEqual(times, sorted(set(times)))
        self.assertAlmostEqual(times[-1], 1000 * time.time(), delta=1000)
        self.assertLess(times[0], 1000 * since)
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        # A tick that was slept through on a busy machine is no hole.
        self.assertGreaterEqual(sum(gap <= 2 * SAMPLE_MS for gap in gaps), 0.97 * len(gaps), gaps)

    def assert_burst_is_there(self, recording, burst):
        start = 1000 * burst.start - CLOCK_SLACK_MS
        end = 1000 * burst.end + SAMPLE_MS + CLOCK_SLACK_MS
        busy = [share for when, share in zip(recording["time_ms"], recording["busy"])
                if start <= when <= end and share is not None]
        high = [share for share in busy if share >= HIGH_PERCENT]
        print(f"{100 * burst.share:>9.1f} %  {max(busy):>5.1f} %  {len(high)}")
        # 300 ms hold two whole readings.
        self.assertGreaterEqual(len(high), 2, busy)

    def test_an_agent_that_does_not_know_the_request_is_no_worse_off(self):
        client = self.connect(self.exporter)
        client.hello(ENDPOINT)
        client.sample(percent=5)
        start = time.monotonic()
        status, answer = recording_of(self.exporter)
        self.assertEqual(status, 504)
        self.assertIn("did not answer in time", answer["error"])
        self.assertGreaterEqual(time.monotonic() - start, 4.5)
        self.assertEqual(client.receive()["type"], "request")
        client.sample(percent=6)

    def test_a_stop_does_not_wait_for_recordings(self):
        for number, stop in enumerate((signal.SIGTERM, signal.SIGINT)):
            exporter = self.start_exporter()
            client = self.connect(exporter)
            client.hello(f"web-{number}")
            client.sample(percent=5)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                page = pool.submit(recording_of, exporter, "10m", f"web-{number}")
                self.assertEqual(client.receive()["type"], "request")
                self.assert_stops(exporter, stop)
                status, answer = page.result()
            self.assertEqual(status, 503)
            self.assertIn("stopping", answer["error"])

    def test_an_agent_stops_while_it_answers(self):
        agent = self.start_agent(self.exporter, ENDPOINT)
        self.exporter.wait_for_up(ENDPOINT)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            page = pool.submit(recording_of, self.exporter)
            self.assert_stops(agent)
            self.assertIn(page.result()[0], (200, 503))

    def test_the_machine_is_not_asked_again_for_each_who_looks(self):
        relay = Relay(self.exporter.ingest_port)
        self.addCleanup(relay.close)
        self.start(harness.Agent(relay.port, ENDPOINT))
        self.exporter.wait_for_up(ENDPOINT)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: recording_of(self.exporter, "10s")[0], range(40)))
        self.assertLessEqual(set(answers), {200, 429})
        self.assertIn(200, answers)
        self.exporter.wait_for_up(ENDPOINT)
        self.assertEqual(
            self.exporter.scrape().value("cpu_monitor_exporter_samples_rejected_total", reason="bad_field"), 0)


if __name__ == "__main__":
    harness.main()
