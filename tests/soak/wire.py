"""Peers of every kind that speak the agents' protocol, or something like it, by hand."""

import json
import socket
import ssl

ANSWER_DEADLINE_S = 15.0
# OpenSSL would not even load what a bad peer shows.
ANY_STRENGTH = "DEFAULT@SECLEVEL=0"


def client_context(pair=None):
    """Of a peer that believes every exporter, and shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ANY_STRENGTH)
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    return context


def server_context(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ANY_STRENGTH)
    context.load_cert_chain(pair.cert, pair.key)
    return context


def line(**message):
    return json.dumps(message).encode() + b"\n"


def hello(endpoint, **fields):
    return line(type="hello", protocol=1, endpoint=endpoint, **fields)


def lie(endpoint, **fields):
    """A hello, and at once a sample that would be seen on a page if it were believed."""
    ticks = [10**9] * 8
    counters = {"total": ticks, "cores": [[0, *ticks]]}
    return hello(endpoint, **fields) + line(type="sample", sequence=1, percent=99.875, cpu=counters)


class Caller:
    """A connection to an exporter.  `context`: TLS; `source`: the address it comes from."""

    def __init__(self, port, context=None, source="127.0.0.1"):
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_DEADLINE_S, (source, 0))
        try:
            if context:
                self._socket = context.wrap_socket(self._socket)
            self._lines = self._socket.makefile("rb")
        except OSError:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lines.close()
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def receive(self):
        """The next message; None when the other side ended it."""
        text = self._lines.readline()
        return json.loads(text) if text else None


def outcome_of(port, data, context=None):
    """What an exporter makes of it: a refusal's code, a message's type, or `closed` without a word."""
    try:
        with Caller(port, context) as caller:
            caller.send(data)
            return outcome_in(caller.receive())
    except OSError:  # an alert of TLS among them
        return "closed"


def outcome_in(message):
    if message is None:
        return "closed"
    return message.get("code", message["type"])
