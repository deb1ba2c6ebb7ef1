"""A machine with 8 CPUs as folders, whose counters advance as those of a busy machine do."""

import os
import pathlib
import random
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import fixtures  # noqa: E402  (the end-to-end tests' machines)

STEP_S = 0.1


class ScriptedHost:
    """Writes `proc` and `sys` and keeps /proc/stat, loadavg and pressure going until closed."""

    def __init__(self, folder, shape="eight_cpus"):
        self._machine = fixtures.make(shape)
        self.procfs, self.sysfs = self._machine.write(folder)
        self._random = random.Random(shape)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        due = time.monotonic()
        while not self._stop.wait(max(0, due - time.monotonic())):
            due += STEP_S
            self._advance()
            self._rewrite("stat", self._machine.stat_text())
            self._rewrite("loadavg", f"{' '.join(self._machine.load)} 3/1234 56789\n")
            some, full = self._machine.pressure_us["cpu"]
            self._rewrite("pressure/cpu", fixtures.pressure_line("some", some)
                          + fixtures.pressure_line("full", full))

    def _advance(self):
        machine, draw = self._machine, self._random
        step_ticks = round(STEP_S * fixtures.TICKS_PER_SECOND)
        for cpu in machine.online():
            busy = draw.randrange(step_ticks + 1)
            user = draw.randrange(busy + 1)
            cpu.ticks[0] += user
            cpu.ticks[2] += busy - user
            cpu.ticks[3] += step_ticks - busy
        machine.context_switches += draw.randrange(2000)
        machine.interrupts += draw.randrange(1000)
        machine.forks += draw.randrange(3)
        machine.running = draw.randrange(1, 9)
        machine.load = [f"{draw.uniform(0, 8):.2f}" for _ in range(3)]
        some, full = machine.pressure_us["cpu"]
        machine.pressure_us["cpu"] = some + draw.randrange(50000), full

    def _rewrite(self, name, text):
        # In place, in one write: readers keep the file open.
        descriptor = os.open(self.procfs / name, os.O_WRONLY)
        try:
            os.pwrite(descriptor, text.encode(), 0)
            os.ftruncate(descriptor, len(text.encode()))
        finally:
            os.close(descriptor)
