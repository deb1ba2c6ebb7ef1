"""The programs carry what makes a hole harder to use: as readelf sees them."""

import subprocess
import unittest

import harness


def readelf(option, program):
    """What it prints of a program."""
    return subprocess.run(["readelf", "--wide", option, program], check=True, capture_output=True,
                          text=True).stdout


@unittest.skipIf(harness.SANITIZERS, "a sanitizer brings checks of its own")
class Hardening(unittest.TestCase):
    def each_program(self):
        for program in (harness.AGENT, harness.EXPORTER):
            with self.subTest(program=program):
                yield program

    def test_is_position_independent(self):
        for program in self.each_program():
            self.assertRegex(readelf("--file-header", program), r"Type: +DYN")

    def test_binds_everything_at_start_and_then_locks_it(self):
        for program in self.each_program():
            self.assertRegex(readelf("--dynamic", program), r"FLAGS_1\).*\bNOW\b.*\bPIE\b")
            self.assertIn("GNU_RELRO", readelf("--program-headers", program))

    def test_has_no_executable_stack(self):
        for program in self.each_program():
            headers = readelf("--program-headers", program).splitlines()
            [stack] = [line for line in headers if "GNU_STACK" in line]
            self.assertRegex(stack, r" RW +0x")

    def test_guards_its_stack_and_its_buffers(self):
        for program in self.each_program():
            symbols = readelf("--dyn-syms", program)
            self.assertIn("__stack_chk_fail", symbols)
            self.assertRegex(symbols, r"__\w+_chk@")

    def test_checks_the_use_of_the_standard_library(self):
        for program in self.each_program():
            self.assertIn("glibcxx_assert_fail", readelf("--symbols", program))


if __name__ == "__main__":
    harness.main()
