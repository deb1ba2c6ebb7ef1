"""The pages in docs/ and the README name what the programs show, and nothing they do not."""

import fnmatch
import itertools
import pathlib
import re
import subprocess
import tempfile

import harness

DISCARDED = "cpu_monitor_agent_samples_discarded_total"
REJECTED = "cpu_monitor_exporter_samples_rejected_total"
REFUSED = "cpu_monitor_exporter_connections_refused_total"
# Written with a dot too, but not ours.
FLAGS_OF_OTHERS = {"--config.file"}


def read(name):
    return (harness.SOURCE_DIR / name).read_text()


def table(document, first_cell):
    """The rows of the one table whose head begins with that cell, each as a list of cells."""
    lines = iter(read(document).splitlines())
    if not any(line.startswith(f"| {first_cell} |") for line in lines):
        raise AssertionError(f"{document} has no table that begins with {first_cell!r}")
    next(lines)
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def code(text):
    """The spans between backticks."""
    return re.findall(r"`([^`]+)`", text)


def first_code(rows):
    return [code(row[0])[0] for row in rows]


def documented_families():
    """{family: (type, labels, group)} from the table of docs/metrics.md."""
    families = {}
    for family, kind, _, labels, group in table("docs/metrics.md", "family"):
        own = set() if "no `endpoint`" in labels else {"endpoint"}
        families[family.strip("`")] = (kind, own | set(code(labels)) - {"endpoint"}, group)
        if own and "endpoint" in code(labels):
            raise AssertionError(f"{family}: endpoint goes without saying")
    return families


def documented_values(family, label):
    """The values of a label as the family's own row lists them: "`label`: a, b, c"."""
    [row] = [row for row in re.findall(r"^\| `.*", read("docs/metrics.md"), re.MULTILINE)
             if row.startswith(f"| `{family}` |") and f"`{label}`: " in row]
    values = re.search(f"`{label}`: ([a-z_]+(?:, [a-z_]+)*)", row)[1]
    return values.split(", ")


def values_on(page, family, label):
    return sorted({labels[label] for labels, _ in page.find(family)})


def discard_reasons_of_the_source():
    text = read("common/discard_reason.hpp")
    names = re.search(r"kDiscardReasonNames\{\s*\{(.*?)\}\}", text, re.DOTALL)[1]
    return sorted(re.findall(r'"([a-z_]+)"', names))


GROUPS = ("percent", "cpu", "load", "burst", "detail", "agent", "exporter")
HISTOGRAM = {"counts": [1, 0, 0, 0, 0, 0, 0, 2], "sum": 2.05}
HOST = {name: "x" for name in
        ("sysname", "release", "version", "machine", "nodename", "domainname")}
# What no machine has all of: CPUs that are offline and isolated, a clock rate, a quota.
FACTS = {
    "models": [{name: "x" for name in ("vendor", "family", "model", "model_name", "microcode",
                                       "stepping", "cachesize")}],
    "cpus": [[0, 0, "0", "0"]],
    "online": [0],
    "offline": [1],
    "isolated": [0],
    "frequency_limits": [[0, 1, 2, 3, 4]],
    "governors": [{"cpus": [0], "available": ["performance", "powersave"],
                   "current": "powersave"}],
    "thermal_zones": [[0, "acpitz"]],
}
EVERYTHING = {
    "load": [0.1, 0.2, 0.3],
    "context_switches": 1, "interrupts": 2, "forks": 3, "running": 4, "blocked": 5,
    "time_ms": 1700000000000,
    "boot_time_s": 1690000000,
    "pressure": {"cpu_waiting_us": 1, "irq_stalled_us": 2},
    "cpu": {"total": [1] * 10, "cores": [[0, *[1] * 10]]},
    "burst": {"utilization": HISTOGRAM, "busiest_core": HISTOGRAM, "runs": HISTOGRAM,
              "peak": 1, "busiest_core_peak": 1, "steal_peak": 0},
    "cgroup": {"utilization": 0.5, "quota_cores": 2, "usage_us": 3, "user_us": 2, "system_us": 1,
               "periods": 1, "throttled_periods": 1, "throttled_us": 1},
    "schedstat": [[0, 1, 2, 3]],
    "frequency": {"scaling": [[0, 1]], "hardware": [[0, 1]]},
    "throttles": {"cores": [[0, 0, 1]], "packages": [[0, 1]]},
    "temperature": [[0, 45000]],
    "self": {"cpu_seconds": 1, "resident_bytes": 1},
}


class Metrics(harness.EndToEndTest):
    """docs/metrics.md against a page on which every family stands."""

    def setUp(self):
        super().setUp()
        self.exporter = self.start_exporter(
            *(part for group in GROUPS for part in ("--web.collect", group)))
        self.start_agent(self.exporter, "web-1", "--label", "rack=r7")
        client = self.connect(self.exporter)
        client.hello("sensor-1", host=HOST)
        client.sample(percent=14.6, discarded={reason: 1 for reason in self.reasons()})
        whole = self.connect(self.exporter)
        whole.hello("sensor-2", host=HOST, proc_filesystem="proc")
        whole.send(type="facts", **FACTS)
        whole.sample(percent=1, **EVERYTHING)
        self.page = self.exporter.wait_for_page(
            lambda page: page.value("my_cpu_percents", endpoint="web-1") is not None,
            "a percentage of web-1",
        )
        # Of an exporter that speaks TLS, which those above do not.
        for series, value in self.page_of_tls().series.items():
            if series[0] in self.OF_TLS:
                self.page.series[series] = value
                self.page.type[series[0]] = "gauge"

    OF_TLS = {"cpu_monitor_exporter_certificate_not_after_timestamp_seconds"}

    def page_of_tls(self):
        folder = tempfile.TemporaryDirectory(prefix="cpu-monitor-state-")
        self.addCleanup(folder.cleanup)
        subprocess.run([harness.EXPORTER, "enroll", "web-1", "--address", "127.0.0.1:8080",
                        "--state.directory", folder.name], check=True, capture_output=True)
        exporter = self.start_exporter("--state.directory", folder.name)
        page = exporter.scrape("/metrics?collect[]=exporter")
        self.assertEqual(page.families() & self.OF_TLS, self.OF_TLS)
        return page

    @staticmethod
    def reasons():
        return first_code(table("docs/metrics.md", "reason"))

    def test_every_family_has_its_row_and_type(self):
        documented = {family: kind for family, (kind, _, _) in documented_families().items()}
        self.assertEqual(self.page.type, documented)

    def test_every_label_is_in_its_row(self):
        for family, (_, documented, _) in documented_families().items():
            shown = set().union(*(dict(labels) for _, labels in self.page.of_family(family)))
            shown = {re.sub(r"^label_.*", "label_<name>", name) for name in shown}
            self.assertEqual(shown, documented, family)

    def test_every_group_holds_the_families_of_its_rows(self):
        families = documented_families()
        for group in {group for _, _, group in families.values()}:
            shown = self.exporter.scrape(f"/metrics?collect[]={group}").families()
            documented = {family for family, (_, _, of) in families.items() if of == group}
            documented -= self.OF_TLS
            self.assertEqual(shown, documented, group)

    def test_every_family_is_explained_below_the_first_table(self):
        _, _, explained = read("docs/metrics.md").partition("## Group percent")
        for family in self.page.families():
            self.assertIn(f"`{family}`", explained)

    def test_every_discard_reason_is_explained(self):
        self.assertEqual(sorted(self.reasons()), discard_reasons_of_the_source())
        self.assertEqual(values_on(self.page, DISCARDED, "reason"), sorted(self.reasons()))

    def test_every_other_value_is_listed(self):
        for family, label in (
            (REJECTED, "reason"),
            (REFUSED, "reason"),
            ("cpu_monitor_exporter_agents", "state"),
        ):
            documented = sorted(documented_values(family, label))
            self.assertEqual(values_on(self.page, family, label), documented, family)

    def test_every_mode_and_method_is_explained(self):
        text = read("docs/metrics.md")
        modes = re.search(r"^- `mode`: ([a-z, ]+)\.", text, re.MULTILINE)[1].split(", ")
        for family in ("node_cpu_seconds_total", "cpu_monitor_host_cpu_seconds_total"):
            self.assertEqual(values_on(self.page, family, "mode"), sorted(modes), family)
        methods = re.findall(r'^- `method="([a-z_]+)"`', text, re.MULTILINE)
        self.assertEqual(values_on(self.page, "my_cpu_percents", "method"), sorted(methods))


class Protocol(harness.EndToEndTest):

    def test_every_refusal_code_is_explained(self):
        page = self.start_exporter().scrape()
        codes = first_code(table("docs/protocol.md", "code"))
        self.assertEqual(values_on(page, REFUSED, "reason"), sorted(codes))

    def test_discard_reasons_are_those_of_the_program(self):
        [sentence] = re.findall(
            r"Reasons of `discarded` are a closed list: ([^;]+);", read("docs/protocol.md")
        )
        self.assertEqual(sorted(code(sentence)), discard_reasons_of_the_source())


class Flags(harness.EndToEndTest):

    PROGRAMS = (harness.AGENT, harness.EXPORTER)

    def flags_in_help(self, *command):
        """As `--name VALUE`, in the order of the help text."""
        text = subprocess.run(
            [*command, "--help"],
            capture_output=True, text=True, timeout=harness.DEADLINE_S, check=True,
        ).stdout
        return re.findall(r"^  (--\S+(?: \S+)?)(?:  |$)", text, re.MULTILINE)

    def test_tables_of_the_readme_are_the_help_texts(self):
        for program in self.PROGRAMS:
            name = f"`{pathlib.Path(program).name}`"
            documented = first_code(table("README.md", name))
            # These two are in the sentence above the tables.
            self.assertEqual(documented + ["--help", "--version"], self.flags_in_help(program))
        documented = first_code(table("README.md", "`cpu-monitor-exporter enroll`"))
        self.assertEqual(documented + ["--help", "--version"],
                         self.flags_in_help(harness.EXPORTER, "enroll"))
        for flag in ("--help", "--version"):
            self.assertIn(f"`{flag}`", read("README.md"))

    def test_no_page_names_a_flag_that_does_not_exist(self):
        known = set(FLAGS_OF_OTHERS)
        for program in self.PROGRAMS:
            for flag in self.flags_in_help(program):
                name = flag.split()[0]
                known |= {name.replace("[no-]", ""), name.replace("[no-]", "no-")}
        pages = ["README.md", "CONTRIBUTING.md"]
        pages += [f"docs/{path.name}" for path in (harness.SOURCE_DIR / "docs").glob("*.md")]
        for page in pages:
            named = set(re.findall(r"--[a-z-]+(?:\.[a-z]+)+(?:-[a-z]+)*", read(page)))
            self.assertEqual(named - known, set(), page)


class Files(harness.EndToEndTest):

    FOLDERS = ("agent", "bench", "common", "exporter")

    def patterns(self):
        """The first column of the table of files; a name without a folder has the one before."""
        patterns = []
        for row in table("docs/architecture.md", "file"):
            folder = ""
            for name in code(row[0]):
                folder = name.rpartition("/")[0] or folder
                patterns.append(f"{folder}/{name.rpartition('/')[2]}")
        return [pattern for pattern in patterns if pattern.startswith(self.FOLDERS)]

    def test_every_file_has_its_line_and_every_line_a_file(self):
        files = [
            str(path.relative_to(harness.SOURCE_DIR))
            for folder in self.FOLDERS
            for path in (harness.SOURCE_DIR / folder).rglob("*")
            if path.is_file() and path.name != "CMakeLists.txt"
        ]
        used = set()
        unnamed = []
        for file in sorted(files):
            matching = [pattern for pattern in self.patterns() if fnmatch.fnmatch(file, pattern)]
            used.update(matching)
            if not matching:
                unnamed.append(file)
        self.assertEqual(unnamed, [])
        self.assertEqual(set(self.patterns()) - used, set())


if __name__ == "__main__":
    harness.main()
