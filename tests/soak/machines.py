"""Machines whose counters are known to the tick: folders in the place of /proc, kept going."""

import os
import pathlib
import random
import threading
import time

TICKS_PER_SECOND = 100
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
IDLE = MODES.index("idle")
CPUS = 2
# Little enough for a machine that is up for minutes: an exporter does not go on from what cannot be.
FIRST_TICKS = (900, 20, 500, 8000, 60, 5, 40, 10)
# Every text has this length, so that overwriting it in place never shows a reader half of it.
STAT_BYTES = 1024


class Machine:
    """One of them.  `clean` is what its counters should be on a page: the kernel's at the start and
    every true step since, without what a suspend took away."""

    def __init__(self, folder, name):
        self.name = name
        self._random = random.Random(name)
        self.procfs = pathlib.Path(folder) / "proc"
        self.sysfs = pathlib.Path(folder) / "sys"
        self.sysfs.mkdir(parents=True)
        boot_id = self.procfs / "sys/kernel/random/boot_id"
        boot_id.parent.mkdir(parents=True)
        draw = self._random.randrange
        boot_id.write_text(f"{draw(16**8):08x}-3f0e-4d43-9f65-{draw(16**12):012x}\n")
        self._raw = [[ticks + draw(ticks + 1) for ticks in FIRST_TICKS] for _ in range(CPUS)]
        self.clean = [list(cpu) for cpu in self._raw]
        self._events = 1000
        self._stat = os.open(self.procfs / "stat", os.O_WRONLY | os.O_CREAT, 0o644)
        self._write()

    def flags(self):
        return ("--path.procfs", self.procfs, "--path.sysfs", self.sysfs)

    def step(self, ticks):
        """Lets its CPUs work for so many ticks each."""
        draw = self._random.randrange
        for raw, clean in zip(self._raw, self.clean):
            left = ticks
            for mode in range(len(MODES)):
                spent = left if mode == IDLE else draw(left // 3 + 1)
                left -= spent
                raw[mode] += spent
                clean[mode] += spent
        self._events += draw(1, 500)
        self._write()

    def suspend(self, ticks):
        """It slept, and the idle time of its CPUs reads less by so much, which is no true step."""
        for raw in self._raw:
            raw[IDLE] -= ticks
        self._write()

    def total(self):
        return [sum(column) for column in zip(*self.clean)]

    def close(self):
        os.close(self._stat)

    def _write(self):
        total = [sum(column) for column in zip(*self._raw)]
        lines = [f"cpu  {' '.join(map(str, total))} 0 0"]
        lines += [f"cpu{number} {' '.join(map(str, cpu))} 0 0" for number, cpu in enumerate(self._raw)]
        tail = (f"\nctxt {self._events}\nbtime 1700000000\nprocesses {self._events // 3}\n"
                "procs_running 1\nprocs_blocked 0\n")
        head = "\n".join(lines) + f"\nintr {self._events}"
        padding = STAT_BYTES - len(head) - len(tail)
        os.pwrite(self._stat, (head + " 0" * (padding // 2) + " " * (padding % 2) + tail).encode(), 0)


class Machines(threading.Thread):
    """All of them.  They go on in the pace of the clock until closed, but for those held still."""

    STEP_S = 0.25

    def __init__(self, folder, names):
        super().__init__(daemon=True)
        self._all = {name: Machine(pathlib.Path(folder) / name, name) for name in names}
        self._lock = threading.Lock()
        self._held = set()
        self._ended = threading.Event()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()
        for machine in self._all.values():
            machine.close()

    def __getitem__(self, name):
        return self._all[name]

    def hold(self, names):
        with self._lock:
            self._held.update(names)

    def let_go(self, names):
        with self._lock:
            self._held.difference_update(names)

    def suspend(self, name, ticks):
        with self._lock:
            self._all[name].suspend(ticks)

    def clean(self, name):
        """(ticks of each CPU, of all together), by mode, as they should stand on a page."""
        with self._lock:
            machine = self._all[name]
            return [list(cpu) for cpu in machine.clean], machine.total()

    def run(self):
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += self.STEP_S
            with self._lock:
                for name, machine in self._all.items():
                    if name not in self._held:
                        machine.step(round(self.STEP_S * TICKS_PER_SECOND))
