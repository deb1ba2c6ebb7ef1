"""Rows: ours beside a limit or a peer, as a table for people and as JSON lines for programs."""

import dataclasses
import json


@dataclasses.dataclass
class Row:
    row: str
    what: str  # of what the unit is
    unit: str
    ours: float | None
    limit: str | None = None  # one of the two names what `other` is the figure of, or neither
    peer: str | None = None
    other: float | None = None
    extra: dict = dataclasses.field(default_factory=dict)

    def ratio(self):
        if self.ours is None or not self.other:
            return None
        return self.ours / self.other

    def command(self):
        return f"bench/run --only {self.row}"

    def as_json(self):
        fields = {"row": self.row, "what": self.what, "ours": rounded(self.ours)}
        if self.limit:
            fields["limit"] = self.limit
        if self.peer:
            fields["peer"] = self.peer
        fields |= {
            "other": rounded(self.other), "unit": self.unit, "ratio": rounded(self.ratio()),
            "command": self.command(),
        }
        return json.dumps(fields | self.extra)

    def cells(self):
        ratio = self.ratio()
        times = f"{ratio:.3g}" if ratio is not None else ""
        # A peer's cost is easier read as how many times ours it is.
        inverse = ""
        if self.peer and ratio:
            inverse = f"{1 / ratio:.3g}x less" if ratio < 1 else f"{ratio:.3g}x more"
        other = f"limit: {self.limit}" if self.limit else f"peer: {self.peer}" if self.peer else ""
        return [
            self.row, f"{self.what}, {self.unit}", shown(self.ours), other, shown(self.other), times,
            inverse, "  ".join(f"{key}={shown(value)}" for key, value in self.extra.items()),
        ]


HEAD = ["row", "what", "ours", "beside", "its figure", "ours/other", "", "more"]


def rounded(value):
    return value if value is None or isinstance(value, int) else float(f"{value:.5g}")


def shown(value):
    if value is None:
        return "-"
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}:{shown(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(shown, value)) + "]"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"
    return str(value)


def table(rows, head=HEAD):
    """`rows`: whatever has cells(), as many as the head has."""
    lines = [head] + [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines
    )
