"""Peers that mean harm, thousands of them in one process: python3 hostile.py --help.

They come from all over 127.0.0.0/8, so that no limit for one address keeps them away, and come back
whenever they are thrown out.  What they did is printed as one JSON object at SIGTERM.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import random
import resource
import signal
import socket
import ssl
import sys

CONNECT_DEADLINE_S = 10.0
BETWEEN_BYTES_S = (0.5, 3.0)
BEFORE_COMING_BACK_S = (0.5, 5.0)
LINES_OF_A_CONNECTION = 4
HELLO = b'{"type":"hello","protocol":1,"endpoint":"loris","labels":{"a":"' + b"x" * 2000
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: loris\r\nX-Padding: " + b"x" * 4000
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: slow\r\nConnection: close\r\n\r\n"


class Harm:

    def __init__(self, arguments):
        self._arguments = arguments
        self.done = collections.Counter()

    async def run(self):
        arguments = self._arguments
        tasks = [self._again_and_again(self._slow_loris, arguments.ingest, self._first_words())
                 for _ in range(arguments.loris // 2)]
        tasks += [self._again_and_again(self._slow_loris, arguments.web, REQUEST)
                  for _ in range(arguments.loris - arguments.loris // 2)]
        tasks += [self._again_and_again(self._half_handshake) for _ in range(arguments.half_tls)]
        tasks += [self._again_and_again(self._slow_scrape) for _ in range(arguments.slow_scrapes)]
        if arguments.garbage:
            tasks.append(self._throw_garbage(arguments.garbage))
        await asyncio.gather(*tasks)

    def _first_words(self):
        return client_hello() if self._arguments.tls else HELLO

    async def _again_and_again(self, attempt, *what):
        await asyncio.sleep(random.uniform(0, 2))  # not all at once: that is a flood of its own kind
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                await attempt(*what)
            await asyncio.sleep(random.uniform(*BEFORE_COMING_BACK_S))

    async def _slow_loris(self, port, words):
        async with connection(port) as (reader, writer):
            self.done["loris connections"] += 1
            gone = asyncio.ensure_future(reader.read(1))
            try:
                for byte in words:
                    writer.write(bytes([byte]))
                    done, _ = await asyncio.wait([gone], timeout=random.uniform(*BETWEEN_BYTES_S))
                    if done:
                        return
            finally:
                gone.cancel()

    async def _half_handshake(self):
        async with connection(self._arguments.ingest) as (reader, writer):
            self.done["half handshakes"] += 1
            writer.write(client_hello())
            while await reader.read(4096):
                pass  # until the exporter has had enough of it

    async def _slow_scrape(self):
        async with connection(self._arguments.web, receive_buffer=4096) as (reader, writer):
            self.done["slow scrapes"] += 1
            writer.write(SCRAPE)
            while await reader.read(16):
                await asyncio.sleep(0.5)

    async def _throw_garbage(self, rate):
        """So many lines a second, a few on each connection: no more is read of who begins so."""
        clock = asyncio.get_running_loop().time
        due, running = clock(), set()
        while True:
            due += LINES_OF_A_CONNECTION / rate
            if len(running) < 2 * rate:
                task = asyncio.ensure_future(self._garbage())
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.sleep(max(0.0, due - clock()))

    async def _garbage(self):
        with contextlib.suppress(OSError, TimeoutError):
            async with connection(self._arguments.ingest) as (reader, writer):
                writer.write(b"".join(random.choice(GARBAGE)() for _ in range(LINES_OF_A_CONNECTION)))
                self.done["garbage lines"] += LINES_OF_A_CONNECTION
                await asyncio.wait_for(reader.read(4096), CONNECT_DEADLINE_S)


GARBAGE = (
    lambda: random.randbytes(random.randrange(1, 200)) + b"\n",
    lambda: b'{"type":"hello","protocol":1,"endpoint":' + random.randbytes(20).hex().encode() + b"}\n",
    lambda: b'{"type":"sample","sequence":1,"percent":1}\n',
    lambda: b"[" * 300 + b"\n",
    lambda: b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
    lambda: b'{"type":"hello","protocol":99,"endpoint":"a"}\n',
    lambda: b"x" * 5000 + b"\n",
    lambda: client_hello()[: random.randrange(6, 200)] + b"\n",
    lambda: b"\n",
)


def client_hello():
    """The first words of a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


@contextlib.asynccontextmanager
async def connection(port, receive_buffer=None):
    plug = socket.socket()
    plug.setblocking(False)
    if receive_buffer:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    # Ports are given out at connect(): there are too few for so many to be held from bind() on.
    plug.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    try:
        plug.bind((f"127.{random.randrange(16, 200)}.{random.randrange(256)}.{random.randrange(1, 255)}", 0))
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plug, limit=8192)
    except BaseException:
        plug.close()
        raise
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


IP_BIND_ADDRESS_NO_PORT = 24
RESET_AT_CLOSE = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # no ports are kept waiting


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingest", type=int, required=True, metavar="PORT")
    parser.add_argument("--web", type=int, required=True, metavar="PORT")
    parser.add_argument("--tls", action="store_true", help="the ingest port speaks TLS")
    parser.add_argument("--loris", type=int, default=0, help="slow clients, half of them on each port")
    parser.add_argument("--garbage", type=int, default=0, help="lines a second")
    parser.add_argument("--half-tls", type=int, default=0, help="handshakes that stop half-way")
    parser.add_argument("--slow-scrapes", type=int, default=0, help="readers of a page, 32 bytes a second")
    harm = Harm(parser.parse_args())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    task = asyncio.ensure_future(harm.run())
    print("hostile", file=sys.stderr, flush=True)
    await ended.wait()
    task.cancel()
    print(json.dumps(harm.done), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
