"""Waiting for a condition, and finding a port: for the end-to-end tests and the bench."""

import random
import socket
import time


def wait_until(condition, what, deadline_s, fault=AssertionError):
    """Returns the first true value of condition(); raises `fault` with `what` if none comes in time."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise fault(f"not within {deadline_s:g} s: {what}")
        time.sleep(0.01)


def free_port():
    """A TCP port nobody listens on, below those the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        if is_free(port):
            return port


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
