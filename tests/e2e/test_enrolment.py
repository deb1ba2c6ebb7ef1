"""Enrolment in one line, on two clean machines: network namespaces with addresses of their own where
that is allowed (root), two addresses of loopback elsewhere."""

import datetime
import itertools
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import zlib

import harness

# From the first command to the value on the page.
ENROLMENT_DEADLINE_S = 60.0
SCRAPE = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"
# In a mount namespace: a folder of the test is the machine's /var/lib, and where commands are run.
CLEAN = 'mount --bind "$1" /var/lib && cd "$1" && shift && exec "$@"'


class Namespace:
    """A machine with its own network and its own /var/lib."""

    _count = itertools.count()

    def __init__(self, folder, address):
        self.folder = folder
        self.address = address
        self.name = f"cpumon-{os.getpid()}-{next(self._count)}"
        self.state = pathlib.Path(folder) / "cpu-monitor"
        self.exporter = f"{address}:8080"
        self.agent_flags = []
        self.enroll_flags = []
        self.exporter_flags = []
        self._page = "http://127.0.0.1:8000/metrics"
        self._ip("netns", "add", self.name)
        self._ip("-n", self.name, "link", "set", "lo", "up")

    def connect(self, other):
        self._ip("link", "add", "eth0", "netns", self.name, "type", "veth",
                 "peer", "name", "eth0", "netns", other.name)
        for machine in (self, other):
            self._ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", "eth0")
            self._ip("-n", machine.name, "link", "set", "eth0", "up")

    def remove(self):
        self._ip("netns", "delete", self.name)

    def argv(self, *command):
        return ["ip", "netns", "exec", self.name,
                "unshare", "--mount", "sh", "-c", CLEAN, "sh", self.folder, *command]

    def page(self):
        scraped = subprocess.run(
            self.argv(sys.executable, "-c", SCRAPE, self._page),
            capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False,
        )
        return harness.Page(scraped.stdout) if scraped.returncode == 0 else None

    @staticmethod
    def _ip(*words):
        subprocess.run(["ip", *words], check=True, timeout=harness.DEADLINE_S)


class Loopback:
    """A machine that has but a folder and an address of loopback of its own."""

    def __init__(self, folder, address):
        self.folder = folder
        self.state = pathlib.Path(folder) / "cpu-monitor"
        self.exporter = f"{address}:{harness.free_port()}"
        web = f"127.0.0.1:{harness.free_port()}"
        self.agent_flags = ["--state.directory", str(self.state)]
        self.enroll_flags = self.agent_flags
        self.exporter_flags = ["--ingest.listen-address", self.exporter, "--web.listen-address", web]
        self._page = f"http://{web}/metrics"

    def connect(self, other):
        pass

    def remove(self):
        pass

    def argv(self, *command):
        return ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", self.folder, *command]

    def page(self):
        try:
            status, _, body = harness.http_get(int(self._page.split(":")[2].split("/")[0]), "/metrics")
        except OSError:
            return None
        return harness.Page(body) if status == 200 else None


def may_make_namespaces():
    """Root may, unless a container holds it back."""
    return subprocess.run(["unshare", "--net", "--mount", "true"],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def line_with(line, expires):
    """The join line with another last day and the sum that it then needs."""
    fields = re.sub(r",(expires|sum)=.*", "", line) + f",expires={expires}"
    return f"{fields},sum={zlib.crc32(fields.encode()):08x}"


def day(from_today):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return (today + datetime.timedelta(days=from_today)).isoformat()


class Enrolment(harness.EndToEndTest):

    def setUp(self):
        super().setUp()
        kind = Namespace if may_make_namespaces() else Loopback
        self.monitor = self.machine(kind, "192.168.77.1" if kind is Namespace else "127.0.0.2")
        self.target = self.machine(kind, "192.168.77.2" if kind is Namespace else "127.0.0.3")
        self.monitor.connect(self.target)

    def machine(self, kind, address):
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-machine-")
        self.addCleanup(folder.cleanup)
        machine = kind(folder.name, address)
        self.addCleanup(machine.remove)
        return machine

    # The monitoring host.

    def enroll(self, *words):
        """What `enroll` prints."""
        done = subprocess.run(
            self.monitor.argv(harness.EXPORTER, "enroll", *words, *self.monitor.enroll_flags,
                              "--address", self.monitor.exporter),
            capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def enroll_and_serve(self, name):
        """The exporter, and the command that it printed for the machine."""
        exporter = self.start(harness.Process(self.monitor.argv(
            harness.EXPORTER, "enroll", name, *self.monitor.enroll_flags,
            "--address", self.monitor.exporter, "--serve", "--", *self.monitor.exporter_flags)))
        return exporter, exporter.wait_for_line(
            lambda line: line if line.startswith("cpu-monitor-agent ") else None, "a command")

    def revoke(self, name):
        subprocess.run(
            self.monitor.argv(harness.EXPORTER, "revoke", name, *self.monitor.enroll_flags),
            check=True, timeout=harness.DEADLINE_S)

    def wait_for_page(self, condition, what, deadline_s=harness.DEADLINE_S):
        def scraped():
            page = self.monitor.page()
            return page if page and condition(page) else None

        return harness.wait_until(scraped, what, deadline_s)

    def wait_for_up(self, name, value=1, deadline_s=harness.DEADLINE_S):
        return self.wait_for_page(
            lambda page: page.value("cpu_monitor_agent_up", endpoint=name) == value,
            f"cpu_monitor_agent_up of {name} is {value}", deadline_s)

    # The other machine.

    def agent(self, *words):
        return self.start(harness.Process(
            self.target.argv(harness.AGENT, *words, *self.target.agent_flags)))

    def run_command(self, command):
        """As a person would, but for where the program lies."""
        name, *words = shlex.split(command)
        self.assertEqual(name, "cpu-monitor-agent")
        return self.agent(*words)

    def paste(self, line):
        """`--join -`, with the line on stdin."""
        pathlib.Path(self.target.folder, "pasted").write_text(line + "\n")
        flags = shlex.join(self.target.agent_flags)
        return self.start(harness.Process(self.target.argv(
            "sh", "-c", f"exec {shlex.quote(harness.AGENT)} --join - {flags} < pasted")))

    def refused(self, *words):
        """What an agent says that does not even start."""
        agent = self.agent(*words)
        self.assertEqual(agent.wait(), 2, agent.said())
        return "\n".join(agent.err)

    @staticmethod
    def line_in(command):
        return shlex.split(command)[-1]

    # The tests.

    def test_two_clean_machines_need_one_command_each(self):
        began = time.monotonic()
        exporter, command = self.enroll_and_serve("web-1")
        agent = self.run_command(command)
        self.wait_for_page(
            lambda page: page.value("my_cpu_percents", endpoint="web-1") is not None,
            "the value of web-1", ENROLMENT_DEADLINE_S)
        took = time.monotonic() - began
        print(f"from the first command to the value on /metrics: {took:.1f} s", file=sys.stderr)
        self.assertLess(took, ENROLMENT_DEADLINE_S)
        self.assertEqual(sorted(path.name for path in self.target.state.iterdir()), [".lock", "join"])
        self.assertEqual(sorted(path.name for path in self.monitor.state.iterdir()),
                         [".lock", "address", "ca-key.pem", "ca.pem", "exporter.pem", "tokens"])
        for machine in (self.target, self.monitor):
            self.assertEqual(machine.state.stat().st_mode & 0o777, 0o700)
            for path in machine.state.iterdir():
                self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
        agent.wait_for_line(lambda line: "list of processes" in line, "that ps shows the line")
        self.assert_stops(agent)
        self.assert_stops(exporter)

    def test_a_joined_agent_needs_no_line_any_more(self):
        self.enroll_and_serve("web-1")
        line = self.line_in(self.enroll("web-1"))
        first = self.paste(line)
        self.wait_for_up("web-1")
        self.assertNotIn("list of processes", first.said())
        first.kill()
        kept = (self.target.state / "join").read_text()
        self.assertEqual(kept, line + "\n")
        second = self.agent()
        second.wait_for_log(msg="connected", endpoint="web-1")
        self.assert_stops(second)
        self.paste(line).wait_for_log(msg="connected", endpoint="web-1")
        self.assertEqual((self.target.state / "join").read_text(), kept)

    def test_a_line_that_is_not_welcomed_replaces_none_that_is_kept(self):
        self.enroll_and_serve("web-1")
        first = self.paste(self.line_in(self.enroll("web-1")))
        first.wait_for_log(msg="connected", endpoint="web-1")
        self.assert_stops(first)
        kept = (self.target.state / "join").read_text()

        revoked = self.line_in(self.enroll("web-2"))
        self.revoke("web-2")
        second = self.paste(revoked)
        second.wait_for_log(msg="refused by the exporter (unauthorized)")
        self.assertEqual((self.target.state / "join").read_text(), kept)
        self.assert_stops(second)

        good = self.line_in(self.enroll("web-3"))
        third = self.paste(good)
        third.wait_for_log(msg="connected", endpoint="web-3")
        harness.wait_until(lambda: (self.target.state / "join").read_text() == good + "\n",
                           "the line of web-3 in place of that of web-1")
        self.assert_stops(third)

    def test_an_exporter_goes_on_with_what_was_enrolled(self):
        exporter, command = self.enroll_and_serve("web-1")
        self.run_command(command)
        self.wait_for_up("web-1")
        self.assert_stops(exporter)
        flags = self.monitor.exporter_flags or ["--ingest.listen-address", ":8080"]
        self.start(harness.Process(
            self.monitor.argv(harness.EXPORTER, *flags, *self.monitor.enroll_flags)))
        self.wait_for_up("web-1", deadline_s=harness.RECONNECT_DEADLINE_S)

    def test_a_machine_is_expected_from_its_enrolment_on(self):
        self.enroll_and_serve("web-1")
        self.wait_for_up("web-1", value=0, deadline_s=120)

    def test_a_changed_key_is_refused_in_words(self):
        exporter, command = self.enroll_and_serve("web-1")
        agent = self.run_command(command)
        self.wait_for_up("web-1")
        self.assert_stops(exporter)
        for path in self.monitor.state.iterdir():
            path.unlink()
        self.enroll_and_serve("web-1")
        agent.wait_for_log(
            msg="the exporter's certificate is not believed, so that nothing was told to it; see "
                "--tls.ca-file and --tls.server-name, or join again if it was set up anew",
            reason="certificate not trusted", deadline_s=harness.RECONNECT_DEADLINE_S)
        self.assertIsNone(self.monitor.page().value("my_cpu_percents", endpoint="web-1"))

    def test_a_stolen_line_is_of_no_use_under_another_name(self):
        _, command = self.enroll_and_serve("web-1")
        line = self.line_in(command)
        self.enroll("db-1")
        for name in ("db-1", "db-2"):
            thief = self.agent("--join", line, "--endpoint", name)
            refusal = thief.wait_for_log(msg="refused by the exporter (endpoint_denied)")
            self.assertIn("the token is for another name", refusal["reason"])
            self.assert_stops(thief)
        for name in ("db-1", "db-2"):
            self.assertIsNone(self.monitor.page().value("my_cpu_percents", endpoint=name))

    def test_an_expired_line_is_refused_in_words_by_both_sides(self):
        self.enroll_and_serve("web-1")
        line = self.line_in(self.enroll("web-1", "--expires", day(0)))
        yesterday = day(-1)
        said = self.refused("--join", line_with(line, yesterday))
        self.assertIn(f"--join: the line was good until {yesterday}", said)
        self.assertNotIn(re.search(r"token=([^,]*)", line)[1], said)
        tokens = self.monitor.state / "tokens"
        tokens.write_text(re.sub(r"expires=\S+", f"expires={yesterday}", tokens.read_text()))
        agent = self.run_command(f"cpu-monitor-agent --join {line}")
        # The exporter may not have read its files yet, and then it does not know the token at all.
        agent.wait_for_line(
            lambda text: "refused by the exporter (unauthorized)" in text
            and f"the token expired on {yesterday}" in text,
            "that the token expired", harness.RECONNECT_DEADLINE_S)

    def test_a_revoked_machine_is_cut_off(self):
        _, command = self.enroll_and_serve("web-1")
        agent = self.run_command(command)
        self.wait_for_up("web-1")
        revoked = time.monotonic()
        self.revoke("web-1")
        agent.wait_for_log(msg="refused by the exporter (unauthorized)")
        print(f"cut off {time.monotonic() - revoked:.1f} s after revoke", file=sys.stderr)

    def test_a_line_that_was_cut_off_is_refused_in_words(self):
        line = self.line_in(self.enroll("web-1"))
        self.assertIn("cut off when it was copied", self.refused("--join", line[:-5]))
        pasted = self.paste(line[:60])
        self.assertEqual(pasted.wait(), 2)
        self.assertIn("cut off when it was copied", "\n".join(pasted.err))
        self.assertFalse(self.target.state.exists())

    def test_a_thousand_machines_take_seconds(self):
        names = [f"web-{number}" for number in range(1000)]
        file = pathlib.Path(self.monitor.folder, "names.txt")
        file.write_text("\n".join(names))
        began = time.monotonic()
        lines = self.enroll("--from", str(file)).splitlines()
        took = time.monotonic() - began
        print(f"1,000 machines enrolled in {took:.2f} s", file=sys.stderr)
        self.assertLess(took, 30 if harness.SANITIZERS else 5)
        self.assertEqual([line.partition("\t")[0] for line in lines], names)
        self.assertEqual(self.enroll("--from", str(file)), "")
        exporter, _ = self.enroll_and_serve("web-1000")
        self.paste(lines[500].partition("\t")[2])
        self.wait_for_up("web-500")
        self.assert_stops(exporter)


if __name__ == "__main__":
    harness.main()
