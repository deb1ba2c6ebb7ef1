"""One run of the soak: what was asked for, what was seen, and how much of it this run does."""

import contextlib
import dataclasses
import json
import sys
import time
import traceback

from measure import FAILURES, Skip
from table import shown

HEAD = ["row", "what", "asked", "seen", "", "more"]


class OutOfTime(Exception):
    """The run has lasted as long as it may."""


@dataclasses.dataclass
class Check:
    row: str
    what: str
    asked: str  # what must be so, in the words of a person
    seen: object
    has_passed: bool | None  # None: it could not be tried here, and `seen` says why
    extra: dict = dataclasses.field(default_factory=dict)

    def outcome(self):
        return {True: "pass", False: "FAIL", None: "skipped"}[self.has_passed]

    def as_json(self):
        fields = {"row": self.row, "what": self.what, "asked": self.asked, "seen": self.seen,
                  "outcome": self.outcome()}
        return json.dumps(fields | self.extra)

    def cells(self):
        more = "  ".join(f"{key}={shown(value)}" for key, value in self.extra.items())
        return [self.row, self.what, self.asked, shown(self.seen), self.outcome(), more]


class Soak:

    def __init__(self, programs, is_short, has_own_network, show_check=lambda check: None):
        self.programs = programs
        self.is_short = is_short
        self.has_own_network = has_own_network  # so that it can make namespaces and links
        self.checks = []
        self._show_check = show_check
        self._start = time.monotonic()
        self._row = ""

    def say(self, text):
        print(f"soak: {time.monotonic() - self._start:.0f} s: {text}", file=sys.stderr, flush=True)

    def pick(self, long, short):
        """How many, or how long, by the form of this run."""
        return short if self.is_short else long

    # What came out

    def check(self, what, asked, seen, has_passed, **extra):
        one = Check(self._row, what, asked, seen, has_passed, extra)
        self.checks.append(one)
        self._show_check(one)
        if has_passed is not True:
            self.say(f"{one.outcome()}: {self._row}, {what}: {shown(seen)} {extra or ''}")

    def at_least(self, what, least, seen, **extra):
        self.check(what, f">= {shown(least)}", seen, seen >= least, **extra)

    def at_most(self, what, most, seen, **extra):
        self.check(what, f"<= {shown(most)}", seen, seen <= most, **extra)

    def exactly(self, what, asked, seen, **extra):
        self.check(what, shown(asked), seen, seen == asked, **extra)

    def skip(self, what, asked, reason):
        self.check(what, asked, reason, None)

    def has_failed(self):
        return any(check.has_passed is False for check in self.checks)

    @contextlib.contextmanager
    def attempting(self, row, words):
        """Does this row.  What cannot be had or breaks is said, and the other rows go on."""
        self._row = row
        self.say(f"{row}: {words}")
        try:
            yield
        except Skip as skip:
            self.skip("the row", "to be run", str(skip))
        except (*FAILURES, AssertionError) as failure:
            self.check("the row", "to be run", "broke", False,
                       reason=f"{type(failure).__name__}: {failure}")
        except OutOfTime as ending:
            self.check("the row", "to end in time", "did not", False, reason=str(ending))
            raise
        except Exception as fault:  # of the soak itself: the other rows are worth having all the same
            traceback.print_exc()
            self.check("the row", "to be run", "broke", False, reason=repr(fault))
