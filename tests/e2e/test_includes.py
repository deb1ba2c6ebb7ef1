"""Who includes whom.  docs/architecture.md says who may.

Link lines cannot hold it: libraries in /usr/include are there for every file.
"""

import itertools
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("agent", "exporter")
FOLDERS = ("common", *PROGRAMS, "bench")
# Which files of bench know the exporter from inside.
BENCH_INSIDERS = "bench/micro/"
SUFFIXES = (".hpp", ".cpp", ".h", ".in")

# What counts as a use of each library of the table.  common/net is Asio under another name, but for
# tls.hpp, whose settings are plain data, and x509.hpp, which is OpenSSL's.
LIBRARIES = {
    "Asio": r'<asio[/.].*|"common/net/(?!(tls|x509)\.hpp").*',
    "nlohmann/json": r"<nlohmann/.*",
    "prometheus-cpp": r'<prometheus/.*|"exporter/registry_text\.hpp"',
    "civetweb": r"<(CivetServer|civetweb)\.h>",
    "OpenSSL": r'<openssl/.*|"common/net/x509\.hpp"',
    "yaml-cpp": r"<yaml-cpp/.*",
    "libcrypt": r"<crypt\.h>",
    "ISA-L": r"<isa-l(\.h|/.*)>",
    "Google Benchmark": r"<benchmark/.*",
}
# The C++ standard library, C and the kernel.
SYSTEM = r"<([a-z_]+(\.h)?|(arpa|linux|net|netinet|sys)/[a-z_]+\.h)>"


def includes():
    """[(file, what stands behind #include)], files as paths from the top of the tree."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                name = str(path.relative_to(ROOT))
                found += [(name, target) for target in includes_of(path.read_text())]
    return found


def includes_of(text):
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*(<[^>]*>|"[^"]*"|\S+)', text, re.MULTILINE)


def library_of(target):
    """The library that an include uses, None if it is none of the table's."""
    for library, pattern in LIBRARIES.items():
        if re.fullmatch(pattern, target):
            return library
    return None


def documented_places():
    """{library: places} from the table of docs/architecture.md; `a/{b,c}` stands for two."""
    text = (ROOT / "docs/architecture.md").read_text()
    section = re.search(r"^## Who may include whom\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    return {
        library: [place for span in re.findall(r"`([^`]+)`", cell) for place in expanded(span)]
        for library, cell in rows
        if library != "library"
    }


def expanded(span):
    parts = re.split(r"\{([^}]*)\}", span)
    choices = [part.split(",") if odd else [part] for odd, part in zip(itertools.cycle((0, 1)), parts)]
    return ["".join(choice) for choice in itertools.product(*choices)]


def is_at(name, place):
    """A place is a folder, a file, or a file and its header without their endings."""
    return name == place or name.startswith((place + "/", place + "."))


class Includes(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.includes = includes()
        cls.places = documented_places()

    def test_own_files_are_included_by_their_path_from_the_top(self):
        for name, target in self.includes:
            if not target.startswith("<"):
                self.assertTrue((ROOT / target.strip('"')).is_file(), f"{name} includes {target}")

    def test_common_includes_common_only(self):
        self.assertEqual(self.own_includes("common", but={"common"}), [])

    def test_programs_never_include_each_other(self):
        for program in PROGRAMS:
            self.assertEqual(self.own_includes(program, but={"common", program}), [])

    def test_bench_measures_from_outside_but_for_bench_micro(self):
        insiders = self.own_includes("bench", but={"common", "bench"})
        self.assertEqual(
            [
                fault
                for fault in insiders
                if not fault.startswith(BENCH_INSIDERS) or '"exporter/' not in fault
            ],
            [],
        )

    def test_every_library_of_the_table_is_known_here_and_the_reverse(self):
        self.assertEqual(set(self.places), set(LIBRARIES))

    def test_libraries_are_included_where_the_table_says_only(self):
        self.assertEqual(
            [
                f"{name} includes {target}: {library}"
                for name, target in self.includes
                if (library := library_of(target))
                and not any(is_at(name, place) for place in self.places[library])
            ],
            [],
        )

    def test_every_place_of_the_table_uses_its_library(self):
        for library, places in self.places.items():
            users = {name for name, target in self.includes if library_of(target) == library}
            for place in places:
                self.assertTrue(
                    any(is_at(name, place) for name in users), f"{place} does not use {library}"
                )

    def test_no_library_is_missing_in_the_table(self):
        self.assertEqual(
            [
                f"{name} includes {target}"
                for name, target in self.includes
                if target.startswith("<")
                and not library_of(target)
                and not re.fullmatch(SYSTEM, target)
            ],
            [],
        )

    def own_includes(self, folder, but):
        """What files of one folder include of the tree's other folders."""
        found = [
            (name, target)
            for name, target in self.includes
            if name.startswith(folder + "/") and target.startswith('"')
        ]
        self.assertNotEqual(found, [])
        return [
            f"{name} includes {target}"
            for name, target in found
            if target.strip('"').partition("/")[0] not in but
        ]


if __name__ == "__main__":
    unittest.main(verbosity=2)
