"""The files that say who is who, on both sides, and how they are replaced while all runs."""

import hashlib
import pathlib
import secrets

from certificates import Authority, Pair, put_secret

SERVER_NAME = "exporter.test"


class TrustFiles:
    """Of one exporter and its agents, each of which shows a certificate and a token.

    One certificate names them all: what is issued is one file a rotation, however many there are.
    """

    def __init__(self, folder, names):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(exist_ok=True)
        self._issued = 0
        self.authority = Authority(self._folder, "ca-0")
        self._tokens = {name: [secrets.token_hex(16)] for name in names}
        for bundle in self._BUNDLES:
            self.put(bundle, self.authority.cert.read_text())
        self.new_exporter_certificate()
        self.new_agent_certificate()
        self._write_tokens()

    # Whom agents are believed by, and exporters.
    _BUNDLES = ("agents-ca.pem", "exporters-ca.pem")

    def path(self, name):
        return self._folder / name

    def put(self, name, text):
        put_secret(self.path(name), text)

    def token(self, name):
        """The newest of that machine."""
        return self._tokens[name][-1]

    def exporter_flags(self, *, with_certificates=True, with_tokens=True):
        flags = ("--ingest.tls-cert-file", self.path("exporter.pem"),
                 "--ingest.tls-key-file", self.path("exporter-key.pem"))
        if with_certificates:
            flags += ("--ingest.tls-client-ca-file", self.path("agents-ca.pem"))
        if with_tokens:
            flags += ("--ingest.tokens-file", self.path("tokens"))
        return flags

    def agent_flags(self, name):
        return ("--tls.ca-file", self.path("exporters-ca.pem"), "--tls.server-name", SERVER_NAME,
                "--tls.cert-file", self.path("agents.pem"),
                "--tls.key-file", self.path("agents-key.pem"),
                "--token-file", self.path(f"{name}.token"))

    # Rotations.  Two generations are believed for a time, as a careful person would have it.

    def new_exporter_certificate(self):
        self._issue("exporter", f"DNS:{SERVER_NAME}", "serverAuth")

    def new_agent_certificate(self):
        self._issue("agents", ",".join(f"DNS:{name}" for name in self._tokens), "clientAuth")

    def add_tokens(self):
        """Each machine has a new one; the one before it is good for a last time."""
        for tokens in self._tokens.values():
            tokens[:] = [tokens[-1], secrets.token_hex(16)]
        self._write_tokens()

    def add_authority(self):
        """A new one stands beside the old one; what is issued from now on is of the new one."""
        old = self.authority.cert.read_text()
        self.authority = Authority(self._folder, f"ca-after-{self._issued}")
        for bundle in self._BUNDLES:
            self.put(bundle, old + self.authority.cert.read_text())

    def drop_old_authority(self):
        for bundle in self._BUNDLES:
            self.put(bundle, self.authority.cert.read_text())

    def exporter(self):
        """What the exporter should be showing."""
        return Pair(self.path("exporter.pem"), self.path("exporter-key.pem"))

    def agents(self):
        """What every agent should be showing."""
        return Pair(self.path("agents.pem"), self.path("agents-key.pem"))

    def _issue(self, name, san, purpose):
        self._issued += 1
        pair = self.authority.issue(f"{name}-{self._issued}", san, purpose, common_name=name)
        self.put(f"{name}-key.pem", pair.key.read_text())
        self.put(f"{name}.pem", pair.cert.read_text())

    def _write_tokens(self):
        lines = [f"{name} {digest(token)}" for name, tokens in self._tokens.items()
                 for token in tokens]
        self.put("tokens", "\n".join(lines) + "\n")
        for name in self._tokens:
            self.put(f"{name}.token", self.token(name) + "\n")


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()
