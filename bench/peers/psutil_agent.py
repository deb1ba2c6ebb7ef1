"""A peer: an agent in Python as one writes it with psutil.  Reads at 10 Hz, pushes once a second.

    psutil_agent.py PORT ENDPOINT

It speaks the protocol of the exporter it pushes to.
"""

import json
import socket
import sys
import time

import psutil

INTERVAL_S = 0.1
READINGS_PER_PUSH = 10
TICKS_PER_SECOND = 100
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def ticks(times):
    return [round(getattr(times, mode) * TICKS_PER_SECOND) for mode in MODES]


def busy_share(before, after):
    spent = [new - old for old, new in zip(before, after)]
    whole = sum(spent)
    return (whole - spent[3] - spent[4]) / whole if whole > 0 else 0.0


def sample(sequence, percent, total, cores):
    return {
        "type": "sample", "sequence": sequence, "percent": round(percent, 2),
        "time_ms": int(time.time() * 1000),
        "cpu": {"total": total, "cores": [[number, *core] for number, core in enumerate(cores)]},
    }


def main():
    port, endpoint = int(sys.argv[1]), sys.argv[2]
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers = link.makefile("r")

    def say(message):
        link.sendall(json.dumps(message).encode() + b"\n")
        answers.readline()

    say({"type": "hello", "protocol": 1, "endpoint": endpoint, "push_interval_ms": 1000,
         "ticks_per_second": TICKS_PER_SECOND})
    due = time.monotonic()
    pushed = ticks(psutil.cpu_times())
    sequence = 0
    while True:
        peak = 0.0
        previous = pushed
        for _ in range(READINGS_PER_PUSH):
            due += INTERVAL_S
            time.sleep(max(0.0, due - time.monotonic()))
            total = ticks(psutil.cpu_times())
            peak = max(peak, busy_share(previous, total))
            previous = total
        cores = [ticks(times) for times in psutil.cpu_times(percpu=True)]
        sequence += 1
        percent = 100 * max(0.0, min(1.0, busy_share(pushed, total)))
        pushed = total
        say(sample(sequence, percent, total, cores))


if __name__ == "__main__":
    main()
