"""Five hundred agents, simulated here, on one exporter: nothing is lost and nothing stays behind.

CPU_MONITOR_E2E_SECONDS asks for more than a few seconds of it.
"""

import asyncio
import json
import random
import time

import harness

AGENTS = 500
CORES = 8
PUSH_INTERVAL_S = 1.0
SECONDS = harness.seconds(5)
# What an allocator may keep of memory that was given back.
MEMORY_SLACK_KIB = 4096


class SimulatedAgent:
    """Says hello, pushes at its interval from a random phase on, awaits each ack, says goodbye."""

    def __init__(self, port, number):
        self._port = port
        self._endpoint = f"fleet-{number:03}"
        self._ticks = [random.randrange(1_000_000) for _ in range(10)]
        self.sent = 0
        self.acknowledged = 0

    async def run(self, seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._say_hello(reader, writer)
        await asyncio.sleep(random.uniform(0, PUSH_INTERVAL_S))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._push(reader, writer)
            await asyncio.sleep(PUSH_INTERVAL_S)
        self._write(writer, {"type": "goodbye", "reason": "moved"})
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async def _say_hello(self, reader, writer):
        self._write(writer, {
            "type": "hello",
            "protocol": 1,
            "endpoint": self._endpoint,
            "session": self._endpoint,
            "push_interval_ms": round(PUSH_INTERVAL_S * 1000),
        })
        welcome = json.loads(await reader.readline())
        if welcome["type"] != "welcome":
            raise AssertionError(f"{self._endpoint} was not welcome: {welcome}")

    async def _push(self, reader, writer):
        self.sent += 1
        self._ticks = [ticks + random.randrange(13) for ticks in self._ticks]
        self._write(writer, {
            "type": "sample",
            "sequence": self.sent,
            "percent": round(random.uniform(0, 100), 2),
            "cpu": {
                "total": [CORES * ticks for ticks in self._ticks],
                "cores": [[core, *self._ticks] for core in range(CORES)],
            },
        })
        answer = json.loads(await reader.readline())
        if answer != {"type": "ack", "sequence": self.sent}:
            raise AssertionError(f"{self._endpoint}: sample {self.sent} was answered by {answer}")
        self.acknowledged += 1

    @staticmethod
    def _write(writer, message):
        writer.write(json.dumps(message).encode() + b"\n")


class Fleet(harness.EndToEndTest):

    def run_fleet(self, seconds):
        agents = [SimulatedAgent(self.exporter.ingest_port, number) for number in range(AGENTS)]

        async def run_all():
            await asyncio.gather(*(agent.run(seconds) for agent in agents))

        asyncio.run(run_all())
        return agents

    def wait_for_no_agents(self):
        return self.exporter.wait_for_page(
            lambda page: not page.find("cpu_monitor_agent_up"), "an empty fleet"
        )

    def test_every_sample_is_acknowledged_and_nothing_stays_behind(self):
        self.exporter = self.start_exporter()
        # One short round first: it fills the pools that any process keeps once it has needed them.
        warm_up = self.run_fleet(0.5)
        self.wait_for_no_agents()
        files_before = self.exporter.open_files()
        memory_before = self.exporter.resident_kib()

        agents = self.run_fleet(SECONDS)
        for agent in agents:
            self.assertEqual(agent.acknowledged, agent.sent)
            self.assertGreaterEqual(agent.sent, 0.5 * SECONDS / PUSH_INTERVAL_S)
        page = self.wait_for_no_agents()
        sent = sum(agent.sent for agent in warm_up + agents)
        self.assertEqual(page.value("cpu_monitor_exporter_samples_received_total"), sent)
        for labels, value in page.find("cpu_monitor_exporter_samples_rejected_total"):
            self.assertEqual(value, 0, labels)
        for labels, value in page.find("cpu_monitor_exporter_connections_refused_total"):
            self.assertEqual(value, 0, labels)

        harness.wait_until(
            lambda: self.exporter.open_files() <= files_before, "all descriptors given back"
        )
        grown = self.exporter.resident_kib() - memory_before
        print(f"{AGENTS} agents, {sent} samples; {memory_before} KiB before, {grown:+} after")
        if not harness.SANITIZERS:  # they keep freed memory on purpose
            self.assertLessEqual(grown, MEMORY_SLACK_KIB)

    def test_whole_fleet_is_shown_at_once(self):
        self.exporter = self.start_exporter()
        for number in range(AGENTS):
            client = self.connect(self.exporter)
            client.hello(f"fleet-{number:03}")
            client.sample(percent=number % 100)
        page = self.exporter.scrape()
        shown = {labels["endpoint"]: value for labels, value in page.find("my_cpu_percents")}
        self.assertEqual(shown, {f"fleet-{number:03}": number % 100 for number in range(AGENTS)})
        self.assertEqual(page.value("cpu_monitor_exporter_agents", state="alive"), AGENTS)


if __name__ == "__main__":
    harness.main()
