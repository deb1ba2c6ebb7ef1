"""Networks in namespaces: the monitoring host, a router, and sites behind it that can be cut off.

The soak itself runs on the monitoring host.  A namespace lives as long as the process that holds
it, so that nothing is left behind, however the soak ends.
"""

import contextlib
import os
import pathlib
import subprocess

from measure import BenchError, Process, Skip, wait_until

COMMAND_DEADLINE_S = 20

# The monitoring host and the router in front of it; 10.77.N.1 is the router at site N, .2 its agents.
HOST = "10.77.0.2"
ROUTER = "10.77.0.1"


def own_network_command():
    """The command in front of another that gives it a network of its own; None where nobody may."""
    as_root = ["unshare", "--net", "--"]
    as_anybody = ["unshare", "--user", "--map-root-user", "--net", "--"]
    for command in (as_root, as_anybody):
        try:
            done = subprocess.run([*command, "ip", "link", "set", "lo", "up"], capture_output=True,
                                  timeout=COMMAND_DEADLINE_S, check=False)
        except OSError:
            return None
        if done.returncode == 0:
            return command
    return None


def begin():
    """To be called once, in an own network: nothing is up in a new one."""
    ip(["link set lo up"])
    # Thousands of connections from one place come and go here.
    pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10000 65000")
    pathlib.Path("/proc/sys/net/core/somaxconn").write_text("4096")


def ip(commands, inside=()):
    """Runs these commands of ip(8), `inside` a namespace."""
    done = subprocess.run([*inside, "ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True,
                          capture_output=True, timeout=COMMAND_DEADLINE_S, check=False)
    if done.returncode != 0:
        raise BenchError(f"ip(8) refused {commands}: {done.stderr.strip()}")


class Namespace:
    """Another machine's network."""

    def __init__(self):
        self._holder = Process(["unshare", "--net", "--", "sleep", "infinity"])
        self.path = f"/proc/{self._holder.pid}/ns/net"
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(self.path) != own, "a network namespace")
        self.ip("link set lo up")

    @property
    def holder(self):
        """What ip(8) takes for a namespace."""
        return self._holder.pid

    def command(self):
        """In front of another command, has it run there."""
        return ["nsenter", f"--net={self.path}", "--"]

    def ip(self, *commands):
        ip(commands, self.command())

    def end(self):
        self._holder.kill()


class Sites:
    """Networks of agents, each behind the router, each of which can be cut off from the exporter.

    What is cut off is dropped without a word at the router, as by a firewall that lost its state:
    all links stay up, and nobody is told.
    """

    WAYS = ("from", "to")

    def __init__(self, soak, count):
        if not soak.has_own_network:
            raise Skip("network namespaces need root, or unshare --user --net")
        self._router = Namespace()
        ip([f"link add to-router type veth peer name to-host netns {self._router.holder}",
            f"addr add {HOST}/24 dev to-router", "link set to-router up",
            f"route add 10.77.0.0/16 via {ROUTER}"])
        self._router.ip(f"addr add {ROUTER}/24 dev to-host", "link set to-host up")
        subprocess.run([*self._router.command(), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
                       check=True, timeout=COMMAND_DEADLINE_S)
        self._namespaces = [self._add(number + 1) for number in range(count)]
        self._cut = {}

    def _add(self, number):
        site = Namespace()
        ip([f"link add site-{number} netns {self._router.holder} type veth "
            f"peer name out netns {site.holder}"])
        self._router.ip(f"addr add 10.77.{number}.1/24 dev site-{number}", f"link set site-{number} up")
        site.ip(f"addr add 10.77.{number}.2/24 dev out", "link set out up",
                f"route add default via 10.77.{number}.1")
        return site

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for namespace in (*self._namespaces, self._router):
            namespace.end()
        with contextlib.suppress(BenchError):  # it ends with the other end's namespace, in a moment
            ip(["link del to-router"])

    def command(self, index):
        """In front of another command, has it run at that site."""
        return self._namespaces[index].command()

    def cut(self, index, ways=WAYS):
        self._cut[index] = ways
        self._router.ip(*(f"rule add {way} 10.77.{index + 1}.0/24 blackhole" for way in ways))

    def heal(self, index):
        ways = self._cut.pop(index)
        self._router.ip(*(f"rule del {way} 10.77.{index + 1}.0/24 blackhole" for way in ways))

    def is_cut(self, index):
        return index in self._cut
