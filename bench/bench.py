"""One run of the bench: how long things take, the rows so far, what was skipped."""

import contextlib
import resource
import sys
import time

from measure import Skip

# Descriptors that a program needs besides its connections.
SPARE_FILES = 256


class Bench:

    def __init__(self, programs, quick, load_s, wanted):
        self.programs = programs
        self.quick = quick
        self.load_s = load_s  # how long load_10000 lasts
        self._wanted = wanted
        self._start = time.monotonic()
        self.rows = []
        self.notes = []

    def wants(self, *names):
        """Whether any of these rows was asked for."""
        return not self._wanted.isdisjoint(names)

    def add(self, row):
        if row.row in self._wanted:
            self.rows.append(row)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print(f"bench/run: {text}", file=sys.stderr)

    def say(self, text):
        print(f"bench/run: {time.monotonic() - self._start:.0f} s: {text}", file=sys.stderr)

    def unexplained(self):
        """The rows that were asked for, have no figure, and no note says why."""
        measured = {row.row for row in self.rows}
        return sorted(
            name for name in self._wanted - measured
            if not any(name in note for note in self.notes)
        )

    # Sizes

    def agents(self, count):
        """So many agents, or as many as this run and this machine can hold."""
        if self.quick:
            count = min(count, 20 + count // 100)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FILES
        if count > most:
            self.note(f"{most} agents instead of {count}: the limit of open files is too low")
        return min(count, most)

    def seconds(self, length_s, quick_s=0.3):
        return quick_s if self.quick else length_s

    def rounds(self, count):
        return 1 if self.quick else count

    @contextlib.contextmanager
    def skipping(self, what):
        """Leaves out what cannot be had, and says so."""
        try:
            yield
        except Skip as skip:
            self.note(f"skipped {what}: {skip}")
