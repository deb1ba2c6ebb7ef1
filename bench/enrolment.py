"""TLS and proof of names, as `cpu-monitor-exporter enroll` sets them up for one agent and a fleet."""

import hashlib
import pathlib
import secrets

from waiting import free_port

AGENT = "bench-agent-tls"


class Enrolment:
    """The flags that exporter, agent and fleet need to know each other.  Nobody shows a client
    certificate: an enrolled machine proves its name by its token."""

    def __init__(self, programs, folder):
        folder = pathlib.Path(folder)
        state = folder / "exporter"
        self._agent_state = folder / "agent"
        self.agent_port = free_port()  # where its exporter has to listen, since the line says so
        self._join_line = programs.enroll(AGENT, state, self.agent_port)
        token = secrets.token_urlsafe(32)
        with open(state / "tokens", "a") as tokens:
            # All of a simulated fleet have one token; a name without one of its own may use it.
            tokens.write(f"* {hashlib.sha256(token.encode()).hexdigest()}\n")
        self.exporter_flags = ("--state.directory", state)
        self.fleet_flags = ("--tls.ca-file", state / "ca.pem", "--token", token)

    def agent_flags(self):
        return ("--join", self._join_line, "--state.directory", self._agent_state)
