"""Load to the millisecond: a process for each CPU, pinned to it, that burns when told to.

As a program, `burner.py CPU`: for each line "START LENGTH" on stdin (seconds of CLOCK_MONOTONIC, a
length in seconds) it burns that long, then prints the seconds of CPU time it got meanwhile.
"""

import dataclasses
import os
import subprocess
import sys
import time

# What it takes to tell all of them, and for the last to be asleep until the start.
LEAD_S = 0.05


@dataclasses.dataclass
class Burst:
    start: float  # Unix time
    end: float
    share: float  # of the CPU time there was, what the burners got


class Burners:
    """Ready to burn all CPUs of this process together; started in advance, so that nothing but the
    burst itself is load."""

    def __init__(self, cpus=None):
        self._burners = [
            subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", sys.executable, "-B", __file__, str(cpu)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            )
            for cpu in sorted(cpus or os.sched_getaffinity(0))
        ]
        for burner in self._burners:
            if burner.stdout.readline() != "ready\n":
                raise AssertionError("a burner did not start")

    def burn(self, length_s):
        """One burst of all CPUs at once; returns when it is over."""
        start = time.monotonic() + LEAD_S
        unix_start = time.time() + LEAD_S
        for burner in self._burners:
            burner.stdin.write(f"{start!r} {length_s!r}\n")
            burner.stdin.flush()
        got = [float(burner.stdout.readline()) for burner in self._burners]
        return Burst(unix_start, unix_start + length_s, min(got) / length_s)

    def stop(self):
        for burner in self._burners:
            burner.kill()
            burner.wait()
            burner.stdin.close()
            burner.stdout.close()


def burn(start, length_s):
    """Returns the CPU time it got."""
    time.sleep(max(0, start - time.monotonic()))
    before = time.process_time()
    while time.monotonic() < start + length_s:
        pass
    return time.process_time() - before


def main():
    os.sched_setaffinity(0, {int(sys.argv[1])})
    print("ready", flush=True)
    for line in sys.stdin:
        start, length_s = map(float, line.split())
        print(burn(start, length_s), flush=True)


if __name__ == "__main__":
    main()
