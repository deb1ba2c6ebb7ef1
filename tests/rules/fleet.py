"""A fleet as its exporters' pages show it, for scenes: who dies, restarts, leaves, and is expected.

docs/metrics.md, "Alive, silent, gone, forgotten", says what a page shows.
"""

import math

from promtool import EXPORTER, HOUR, Scene

GRACE_S = 60
SILENCE_S = 10
STALE_S = 15
# An agent is back so soon after its exporter.
RETURN_S = 30
UP = "cpu_monitor_agent_up"
EXPECTED = "cpu_monitor_agent_expected"
# Before every scene.
BEFORE = -HOUR


class Exporter:
    """One target of job my_cpu; `away` are the times [(from, until)] in which it does not run."""

    def __init__(self, name=None, away=(), is_labelled=True):
        self.target = {"job": "my_cpu", "instance": f"{name}:8000" if name else EXPORTER}
        if name and is_labelled:
            self.target["exporter"] = name
        self._away = away

    def runs(self, at):
        return not any(start <= at < end for start, end in self._away)

    def started(self, at):
        return max((end for _, end in self._away if end <= at), default=BEFORE)


class Machine:
    """When it is up, [(from, until)]; how it ends, `kill` or `stop`; when it is listed."""

    def __init__(self, endpoint, up=((BEFORE, math.inf),), ends="kill",
                 listed=((BEFORE, math.inf),)):
        self.endpoint = endpoint
        self._up = up
        self._ends = ends
        self._listed = listed

    def up_until(self, at):
        """When it ends, if it is up then; before that if it is not."""
        return next((end for start, end in self._up if start <= at < end), at)

    def is_listed(self, at):
        return any(start <= at < end for start, end in self._listed)

    def shown(self, exporter, at):
        """Its cpu_monitor_agent_up on the exporter's page."""
        if not exporter.runs(at):
            return None
        started = exporter.started(at)
        ended = None  # when it last ended since the exporter knows it
        for start, end in self._up:
            # The first start of the scene is no return.
            here = max(start, started + (RETURN_S if started > BEFORE else 0))
            if here <= at and here < end:
                if at < end + (SILENCE_S if self._ends == "kill" else 0):
                    return 1
                ended = end
        if self.is_listed(at):
            return 0 if ended is not None or at >= started + GRACE_S else None
        if ended is None:
            return None
        return 0 if self._ends == "kill" or at < ended + STALE_S else None


class Fleet(Scene):

    def __init__(self, minutes, exporters, machines, **options):
        super().__init__(minutes, **options)
        for exporter in exporters:
            self._add_exporter(exporter)
            for machine in machines:
                self.show(machine, exporter)

    def _add_exporter(self, exporter):
        self.add("up", lambda at: int(exporter.runs(at)), **exporter.target)
        self.add_own("cpu_monitor_exporter_build_info", lambda at: 1, exporter)
        self.add_own("process_start_time_seconds", exporter.started, exporter)

    def add_own(self, name, value, exporter):
        """A series of the exporter itself."""
        self.add(name, lambda at: value(at) if exporter.runs(at) else None, **exporter.target)

    def show(self, machine, exporter):
        labels = exporter.target | {"endpoint": machine.endpoint, "instance": machine.endpoint}
        self.add(UP, lambda at: machine.shown(exporter, at), **labels)
        self.add(EXPECTED, lambda at: None if machine.shown(exporter, at) is None
                 else int(machine.is_listed(at)), **labels)
