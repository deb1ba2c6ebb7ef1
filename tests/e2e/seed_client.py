"""Speaks as the Python client of the classroom project this one grew out of: same bytes and rhythm.

Measures for a second, sends one JSON object without a line end, waits for an answer of at most
1024 bytes, prints it.
Its one liberty is a port as an argument, for machines whose port 8080 is taken.
"""

import json
import socket
import sys

import psutil

HOST = "127.0.0.1"
PORT = 8080


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.connect((HOST, port))
        while True:
            percent = psutil.cpu_percent(1)
            client.sendall(json.dumps({"The Perecentage Of CPU USAGE": percent}).encode())
            print(client.recv(1024).decode(), flush=True)


if __name__ == "__main__":
    main()
