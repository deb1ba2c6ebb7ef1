"""Certificates that must not be believed, and how they are shown to either side."""

import dataclasses
import pathlib
import socket
import threading

import certificates
import wire
from certificates import Authority, Pair

# Of each kind: what an exporter counts it as.  What TLS itself can see is found before the hello.
KINDS = {
    "expired": "unauthorized",
    "not yet valid": "unauthorized",
    "self-signed": "unauthorized",
    "of an unknown authority": "unauthorized",
    "issued by a leaf": "unauthorized",
    "for the other purpose": "unauthorized",
    "revoked": "unauthorized",
    "of a weak key": "unauthorized",
    "of another name": "endpoint_denied",
    "named in the common name only": "endpoint_denied",
    "with a wildcard": "endpoint_denied",
}


@dataclasses.dataclass
class Side:
    """Whom the certificates pretend to be, and what for."""

    name: str
    purpose: str
    other_purpose: str
    wildcard: str


AGENT_PURPOSE, EXPORTER_PURPOSE = "clientAuth", "serverAuth"


def agent_side(name):
    return Side(name, AGENT_PURPOSE, EXPORTER_PURPOSE, "*")


def exporter_side(name):
    # One that stands for a whole label is believed of exporters, as of web servers.
    host, _, domain = name.partition(".")
    return Side(name, EXPORTER_PURPOSE, AGENT_PURPOSE, f"{host[0]}*.{domain}")


class Papers:
    """One good certificate for a side, one of each bad kind, and whom to believe."""

    def __init__(self, folder, side):
        folder = pathlib.Path(folder)
        folder.mkdir()
        authority = Authority(folder, "authority")
        san = f"DNS:{side.name}"
        self.good = authority.issue("good", san, side.purpose)
        self.authority = authority
        unknown = Authority(folder, "unknown")
        leaf = authority.issue("leaf", f"DNS:leaf.{side.name}", side.purpose)
        forger = Authority(folder, "forger", leaf)
        self.bad = {
            "expired": authority.issue("expired", san, side.purpose, -30, -1),
            "not yet valid": authority.issue("early", san, side.purpose, 1, 30),
            "self-signed": certificates.self_signed(
                folder, "alone", [f"subjectAltName={san}", f"extendedKeyUsage={side.purpose}"]),
            "of an unknown authority": unknown.issue("unknown", san, side.purpose),
            "issued by a leaf": with_chain(forger.issue("forged", san, side.purpose), leaf),
            "for the other purpose": authority.issue("purpose", san, side.other_purpose),
            "revoked": authority.issue("revoked", san, side.purpose),
            "of a weak key": authority.issue("weak", san, side.purpose, key=certificates.WEAK_KEY),
            "of another name": authority.issue("other", "DNS:other.test", side.purpose),
            "named in the common name only": authority.issue("cn", "", side.purpose,
                                                             common_name=side.name),
            "with a wildcard": authority.issue("wild", f"DNS:{side.wildcard}", side.purpose),
        }
        authority.revoke(self.bad["revoked"])
        self.believed = folder / "believed.pem"
        self.believed.write_text(authority.cert.read_text() + authority.revocation_list())


def with_chain(pair, issuer):
    path = pair.cert.with_suffix(".chain.pem")
    path.write_text(pair.cert.read_text() + issuer.cert.read_text())
    return Pair(path, pair.key)


class FalseExporter(threading.Thread):
    """Shows a certificate to every agent that comes, and notes what they say after that."""

    def __init__(self, pair):
        super().__init__(daemon=True)
        self._context = wire.server_context(pair)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.2)
        self._ended = threading.Event()
        self.port = self._listener.getsockname()[1]
        self.callers = 0
        self.heard = b""
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()
        self._listener.close()

    def run(self):
        while not self._ended.is_set():
            try:
                caller, _ = self._listener.accept()
            except TimeoutError:
                continue
            with caller:
                self._listen_to(caller)

    def _listen_to(self, caller):
        self.callers += 1
        caller.settimeout(3.0)
        try:
            with self._context.wrap_socket(caller, server_side=True) as secured:
                self.heard += secured.recv(4096)
        except OSError:
            pass  # it left, which is what it should do
