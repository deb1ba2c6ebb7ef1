"""Alive, silent, gone, forgotten: what the page says of agents that stop in every way there is.

CPU_MONITOR_E2E_SLOW=1 adds push intervals of 15 and 60 s, which take minutes.
"""

import os
import signal
import time
import unittest

import harness

UP = "cpu_monitor_agent_up"
# How late a scrape may notice: the poll of this test and a busy machine.
SLACK_S = 1.5
# A limit is never reached before its time; clocks are read a moment apart.
EARLY_S = 0.3


def silence_limit(push_interval_s):
    return max(10, 3 * push_interval_s)


def has_values(page, endpoint):
    return page.value("my_cpu_percents", endpoint=endpoint) is not None


class Silence:
    """One agent that fell silent, and when the page said so."""

    def __init__(self, endpoint, push_interval_s, stale_after_s, last_heard):
        self.endpoint = endpoint
        self.silent_due = silence_limit(push_interval_s)
        self.gone_due = max(stale_after_s, self.silent_due)
        self._last_heard = last_heard
        self.silent_at = None
        self.gone_at = None

    def look_at(self, page, now):
        if self.silent_at is None and page.value(UP, endpoint=self.endpoint) == 0:
            self.silent_at = now - self._last_heard
        if self.gone_at is None and not has_values(page, self.endpoint):
            self.gone_at = now - self._last_heard
        return self.gone_at is not None and self.silent_at is not None


class Alive(harness.EndToEndTest):

    def watch(self, exporter, silences):
        """Scrapes until all of them are silent and gone."""

        def all_are_gone():
            page = exporter.scrape()
            now = time.time()
            return all([silence.look_at(page, now) for silence in silences])

        harness.wait_until(
            all_are_gone,
            "all agents are silent and gone",
            max(silence.gone_due for silence in silences) + harness.DEADLINE_S,
        )

    def assert_on_time(self, silences):
        for silence in silences:
            with self.subTest(silence.endpoint):
                self.assert_close(silence.silent_at, silence.silent_due)
                self.assert_close(silence.gone_at, silence.gone_due)

    def assert_close(self, took, due):
        self.assertGreaterEqual(took, due - EARLY_S)
        self.assertLessEqual(took, due + SLACK_S)

    def last_sample(self, exporter, endpoint):
        return exporter.scrape().value(
            "cpu_monitor_agent_last_sample_timestamp_seconds", endpoint=endpoint
        )

    def wait_for_values(self, exporter, endpoint):
        return exporter.wait_for_page(
            lambda page: has_values(page, endpoint) and page.value(UP, endpoint=endpoint) == 1,
            f"values of {endpoint}",
        )

    def fall_silent(self, exporter, endpoint, push_interval_s):
        """A client that pushes once and then holds its tongue."""
        client = self.connect(exporter)
        client.hello(endpoint, push_interval_ms=push_interval_s * 1000)
        client.sample(percent=50)
        return client


class Silent(Alive):

    def test_silence_follows_from_the_push_interval(self):
        stale_after_s = 13
        exporter = self.start_exporter("--agent.stale-after", f"{stale_after_s}s")
        killed = self.start_agent(exporter, "killed")
        stopped = self.start_agent(exporter, "stopped")
        for endpoint in ("killed", "stopped"):
            self.wait_for_values(exporter, endpoint)
        killed.kill()
        stopped.send_signal(signal.SIGSTOP)
        self.addCleanup(stopped.send_signal, signal.SIGCONT)
        for push_interval_s in (1, 4, 5):
            self.fall_silent(exporter, f"mute-{push_interval_s}", push_interval_s)
            self.fall_silent(exporter, f"closed-{push_interval_s}", push_interval_s).close()
        silences = [
            Silence(f"{kind}-{interval}", interval, stale_after_s,
                    self.last_sample(exporter, f"{kind}-{interval}"))
            for kind in ("mute", "closed")
            for interval in (1, 4, 5)
        ]
        silences += [
            Silence(endpoint, 1, stale_after_s, self.last_sample(exporter, endpoint))
            for endpoint in ("killed", "stopped")
        ]
        self.watch(exporter, silences)
        self.assert_on_time(silences)

    def test_slow_pusher_is_not_called_dead(self):
        exporter = self.start_exporter("--agent.stale-after", "1s")
        client = self.connect(exporter)
        client.hello("slow", push_interval_ms=5000)
        client.sample(percent=50)
        heard = time.monotonic()
        # Two intervals and a half without a word: late, not dead.
        while time.monotonic() - heard < 12.5:
            page = exporter.scrape()
            self.assertEqual(page.value(UP, endpoint="slow"), 1)
            self.assertEqual(page.value("my_cpu_percents", endpoint="slow"), 50)
            time.sleep(0.1)
        client.sample(percent=60)
        self.assertEqual(exporter.scrape().value("my_cpu_percents", endpoint="slow"), 60)

    @unittest.skipUnless(os.environ.get("CPU_MONITOR_E2E_SLOW"), "takes minutes")
    def test_killed_agents_that_push_every_15_and_60_seconds(self):
        exporter = self.start_exporter()
        intervals = (1, 15, 60)
        agents = {
            interval: self.start_agent(
                exporter, f"every-{interval}", "--push.interval", f"{interval}s"
            )
            for interval in intervals
        }
        for interval in intervals:
            exporter.wait_for_page(
                lambda page, name=f"every-{interval}": has_values(page, name),
                f"values of every-{interval}",
                interval + harness.DEADLINE_S,
            )
        for agent in agents.values():
            agent.kill()
        silences = [
            Silence(f"every-{interval}", interval, 15,
                    self.last_sample(exporter, f"every-{interval}"))
            for interval in intervals
        ]
        self.watch(exporter, silences)
        self.assert_on_time(silences)

    def test_forgotten_after_the_time_for_it(self):
        exporter = self.start_exporter("--agent.stale-after", "1s", "--agent.forget-after", "14s")
        agent = self.start_agent(exporter, "web-1")
        self.wait_for_values(exporter, "web-1")
        agent.kill()
        heard = self.last_sample(exporter, "web-1")
        exporter.wait_for_page(lambda page: not has_values(page, "web-1"), "no values")
        page = exporter.scrape()
        self.assertEqual(page.value(UP, endpoint="web-1"), 0)
        self.assertEqual(page.value("cpu_monitor_exporter_agents", state="gone"), 1)
        page = exporter.wait_for_page(lambda page: not page.of_endpoint("web-1"), "no trace of it")
        self.assert_close(time.time() - heard, 14)
        self.assertEqual(page.value("cpu_monitor_exporter_agents", state="gone"), 0)


class Goodbye(Alive):

    def test_stop_is_silence_at_once_and_forgotten_after_a_while(self):
        exporter = self.start_exporter("--agent.stale-after", "2s")
        client = self.fall_silent(exporter, "sensor-1", 1)
        client.goodbye("stop")
        left = time.time()
        page = exporter.scrape()
        self.assertEqual(page.value(UP, endpoint="sensor-1"), 0)
        exporter.wait_for_page(lambda page: not page.of_endpoint("sensor-1"), "no trace of it")
        self.assert_close(time.time() - left, 2)

    def test_stopped_agent_says_goodbye(self):
        exporter = self.start_exporter()
        agent = self.start_agent(exporter, "web-1")
        self.wait_for_values(exporter, "web-1")
        self.assert_stops(agent)
        exporter.wait_for_up("web-1", 0, deadline_s=2)

    def test_moved_leaves_nothing(self):
        exporter = self.start_exporter()
        client = self.fall_silent(exporter, "sensor-1", 1)
        client.goodbye("moved")
        self.assertEqual(exporter.scrape().of_endpoint("sensor-1"), set())


class Return(Alive):

    def test_reconnect_leaves_no_second_series(self):
        exporter = self.start_exporter()
        for percent in (10, 20, 30):
            client = self.fall_silent(exporter, "sensor-1", 1)
            client.sample(percent=percent)
            client.close()
        page = exporter.scrape()
        self.assertEqual(
            page.find("my_cpu_percents"), [({"method": "reported", "endpoint": "sensor-1"}, 30)]
        )
        self.assertEqual(page.value("cpu_monitor_agent_connects_total", endpoint="sensor-1"), 3)

    def test_other_method_takes_the_place_of_the_first(self):
        exporter = self.start_exporter()
        self.fall_silent(exporter, "web-1", 1).close()
        exporter.wait_for_page(lambda page: has_values(page, "web-1"), "the reported value")
        self.start_agent(exporter, "web-1")
        page = exporter.wait_for_page(
            lambda page: page.find("my_cpu_percents", method="proc_stat"), "the agent's own value"
        )
        self.assertEqual(len(page.find("my_cpu_percents")), 1)

    def test_frozen_agent_comes_back_as_the_same_machine(self):
        exporter = self.start_exporter()
        agent = self.start_agent(exporter, "web-1")
        self.wait_for_values(exporter, "web-1")
        agent.send_signal(signal.SIGSTOP)
        self.addCleanup(agent.send_signal, signal.SIGCONT)
        exporter.wait_for_up("web-1", 0)
        agent.send_signal(signal.SIGCONT)
        page = exporter.wait_for_up("web-1", 1)
        self.assertEqual(len(page.find("my_cpu_percents")), 1)

    def test_live_name_is_not_given_to_a_second_agent(self):
        exporter = self.start_exporter()
        self.start_agent(exporter, "web-1")
        self.wait_for_values(exporter, "web-1")
        thief = self.start_agent(exporter, "web-1")
        thief.wait_for_log(msg="refused by the exporter (endpoint_in_use)")
        page = exporter.scrape()
        self.assertEqual(page.value(UP, endpoint="web-1"), 1)
        self.assertEqual(page.value("cpu_monitor_agent_connects_total", endpoint="web-1"), 1)
        refused = page.value(
            "cpu_monitor_exporter_connections_refused_total", reason="endpoint_in_use"
        )
        self.assertGreaterEqual(refused, 1)


if __name__ == "__main__":
    harness.main()
