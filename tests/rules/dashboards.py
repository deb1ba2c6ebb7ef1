"""The shipped dashboards as files: their panels, and every expression in them as Prometheus gets it."""

import json
import pathlib
import re


class Dashboard:

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text()
        self.content = json.loads(self.text)
        self.panels = self.content["panels"]
        self.variables = self.content["templating"]["list"]

    def expressions(self):
        """{(panel's title, letter of the query): expression, with variables in it}."""
        found = {
            (panel["title"], target["refId"]): target["expr"]
            for panel in self.panels for target in panel.get("targets", [])
        }
        for annotation in self.content["annotations"]["list"]:
            found["annotation", annotation["name"]] = annotation["expr"]
        return found

    def label_queries(self):
        """{variable: (selector, label)} of those that list the values of a label."""
        return {
            variable["name"]: re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
            .groups()
            for variable in self.variables if variable["type"] == "query"
        }


def substituted(expression, values):
    """With $name for each of `values`; raises if a variable is left."""
    for name, value in values.items():
        expression = re.sub(rf"\${name}\b", lambda _, value=value: value, expression)
    if "$" in expression:
        raise AssertionError(f"a variable without a value: {expression}")
    return expression
