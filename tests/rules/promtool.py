"""What the tests of rules and dashboards share: promtool, and scenes of scrapes that it plays to the rules.

The paths of the programs come from the environment, which tests/rules/CMakeLists.txt sets.
"""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

PROMTOOL = os.environ["CPU_MONITOR_PROMTOOL"]
SOURCE_DIR = pathlib.Path(os.environ["CPU_MONITOR_SOURCE_DIR"])
RULES = sorted((SOURCE_DIR / "packaging/prometheus").glob("*.yml"))
DASHBOARDS = sorted((SOURCE_DIR / "packaging/grafana").glob("*.json"))
DEADLINE_S = 300

# How often rules are evaluated, and scraped if nothing else is said.
STEP_S = 15
MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR
EXPORTER = "monitoring:8000"


def run(*arguments):
    return subprocess.run(
        [PROMTOOL, *map(str, arguments)],
        capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )


def check_rules(text):
    """What promtool says against a file of rules with this text, None when it has nothing to say."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(text)
        file.flush()
        answer = run("check", "rules", file.name)
    return None if answer.returncode == 0 else answer.stdout + answer.stderr


def notation(values):
    """Values of one scrape after another, None where there is none, as promtool reads them.

    Prometheus marks the end of a series at the first scrape without it.
    """
    words = []
    before = None
    for value in values:
        if value is not None:
            words.append(repr(value))
        else:
            words.append("_" if before is None else "stale")
        before = value
    return " ".join(words)


def label_text(labels):
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


class Scene:
    """Some minutes of scrapes, and what the shipped rules make of them."""

    def __init__(self, minutes, scrape_s=STEP_S):
        self.end_s = minutes * MINUTE
        self.scrape_s = scrape_s
        self.times = range(0, self.end_s + 1, scrape_s)
        self._series = []
        self._checks = []

    def add(self, name, value, **labels):
        """A series: value(seconds since the scene began), None where a scrape does not have it."""
        values = [value(at) for at in self.times] if callable(value) else [value] * len(self.times)
        self._series.append({"series": name + label_text(labels), "values": notation(values)})

    def count(self, name, per_second, **labels):
        """A counter that grows so fast; per_second may be a function of the time."""
        total = 0.0
        totals = {}
        for at in self.times:
            totals[at] = total
            total += self.scrape_s * (per_second(at) if callable(per_second) else per_second)
        self.add(name, totals.get, **labels)

    def expect(self, start_s, firing, end_s=None):
        """What fires at each evaluation of that time, and nothing else does: {alert: [instances]}."""
        for at in range(start_s, (start_s if end_s is None else end_s) + 1, STEP_S):
            self._checks.append({
                "expr": 'group by (alertname, instance) (ALERTS{alertstate="firing"})',
                "eval_time": f"{at}s",
                "exp_samples": [
                    {"labels": label_text({"alertname": alert}
                                          | ({"instance": instance} if instance else {})),
                     "value": 1}
                    for alert, instances in firing.items() for instance in instances
                ],
            })

    def expect_page(self, alert, instance, not_before, not_after):
        """It begins to fire between these times, and then does at each evaluation to the end."""
        firing = f'ALERTS{{alertname="{alert}",instance="{instance}",alertstate="firing"}}'
        self.expect_silence(alert, instance, not_before)
        self._expect_value(
            f"sum(count_over_time({firing}[{self.end_s - not_after}s]))",
            self.end_s, (self.end_s - not_after) // STEP_S + 1)

    def expect_silence(self, alert, instance, until=None):
        firing = f'ALERTS{{alertname="{alert}",instance="{instance}",alertstate="firing"}}'
        until = self.end_s if until is None else until
        self._expect_value(f"sum(count_over_time({firing}[{until}s]))", until, None)

    def _expect_value(self, expression, at, value):
        self._checks.append({
            "expr": expression,
            "eval_time": f"{at}s",
            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
        })

    def play(self):
        """What was not as expected, as promtool says it; None when all was."""
        answer = self._run({"promql_expr_test": self._checks})
        return None if answer.returncode == 0 else answer.stdout + answer.stderr

    def annotations(self, alert, at):
        """What a person is told by the instances of an alert that fires then."""
        # promtool shows what it got when that is not what was expected.
        answer = self._run({"alert_rule_test": [
            {"eval_time": f"{at}s", "alertname": alert, "exp_alerts": []}
        ]})
        _, _, got = (answer.stdout + answer.stderr).partition("got:")
        return got

    def _run(self, checks):
        text = json.dumps({
            "rule_files": [str(path) for path in RULES],
            "evaluation_interval": f"{STEP_S}s",
            "tests": [{"interval": f"{self.scrape_s}s", "input_series": self._series, **checks}],
        })
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(text)
            file.flush()
            return run("test", "rules", file.name)


class RulesTest(unittest.TestCase):
    maxDiff = None

    def assert_as_expected(self, scene):
        self.assertIsNone(scene.play())


# Expressions

# A name that begins a selector or stands alone: not a function, keyword, label or label's value.
_KEYWORDS = {
    "and", "or", "unless", "on", "ignoring", "by", "without", "group_left", "group_right", "bool",
    "offset", "inf", "nan",
}


def families_of(expression):
    """The names of series in an expression."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    text = re.sub(r"\{[^}]*\}", "{}", text)
    text = re.sub(r"\[[^]]*\]", "[]", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    names = re.findall(r"(?<![\w:$.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", text)
    return {name for name in names if name not in _KEYWORDS}
