"""One run of the bench: how long things take, the rows so far, what was skipped or failed."""

import contextlib
import resource
import sys
import time

from measure import FAILURES, Skip

# Descriptors that a program needs besides its connections.
SPARE_FILES = 256


class Bench:

    def __init__(self, programs, quick, load_s, wanted, show_row):
        self.programs = programs
        self.quick = quick
        self.load_s = load_s  # how long load_10000 lasts
        self._wanted = wanted
        self._show_row = show_row  # called with each row as it comes
        self._start = time.monotonic()
        self._explained = set()  # rows of which it was said why they have no figure, or too few
        self.rows = []
        self.notes = []
        self.has_failed = False

    def wants(self, *names):
        """Whether any of these rows was asked for."""
        return not self._wanted.isdisjoint(names)

    def add(self, row):
        if row.row in self._wanted:
            self.rows.append(row)
            self._show_row(row)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print(f"bench/run: {text}", file=sys.stderr)

    def explain(self, row, reason):
        """Says why a row lacks figures."""
        self._explained.add(row)
        self.note(f"{row}: {reason}")

    def say(self, text):
        print(f"bench/run: {time.monotonic() - self._start:.0f} s: {text}", file=sys.stderr)

    def unexplained(self):
        """The rows that were asked for, have no figure, and nothing was said about them."""
        return sorted(self._wanted - {row.row for row in self.rows} - self._explained)

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

    # Failures

    @contextlib.contextmanager
    def attempting(self, *rows):
        """Measures these rows.  What cannot be had or fails is said, and the other rows go on."""
        rows = [row for row in rows if self.wants(row)]
        self.say(", ".join(rows))
        reason = None
        try:
            yield
        except Skip as skip:
            reason = f"skipped: {skip}"
        except FAILURES as failure:
            self.has_failed = True
            reason = f"failed: {failure}"
        for row in rows if reason else ():
            self.explain(row, reason)

    @contextlib.contextmanager
    def peer(self, name):
        """Goes on without a peer that cannot be had or fails."""
        try:
            yield
        except Skip as skip:
            self.note(f"skipped {name}: {skip}")
        except FAILURES as failure:
            self.note(f"peer {name} failed: {failure}")

    @contextlib.contextmanager
    def limit(self, name):
        """Goes on without a limit.  One that fails is a fault of the bench."""
        try:
            yield
        except Skip as skip:
            self.note(f"skipped {name}: {skip}")
        except FAILURES as failure:
            self.has_failed = True
            self.note(f"limit {name} failed: {failure}")
