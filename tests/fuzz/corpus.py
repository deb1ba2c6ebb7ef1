"""Corpora as text: a file of one input a line, escaped, so that people can read what they review.

tests/support/escaped_text.hpp reads the same.
"""

import re

_NAMES = {0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
_BYTES = {"\\": b"\\", "n": b"\n", "r": b"\r", "t": b"\t"}


def escape(data):
    text = "".join(
        _NAMES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data
    )
    return text[:-1] + "\\x20" if text.endswith(" ") else text  # editors drop blanks at an end


def unescape(line):
    def plain(match):
        code = match[1]
        return _BYTES[code] if len(code) == 1 else bytes([int(code[1:], 16)])

    pieces = re.split(r"(\\(?:x[0-9a-f]{2}|[\\nrt]))", line)
    return b"".join(
        plain(re.fullmatch(r"\\(.+)", piece)) if odd % 2 else piece.encode("ascii")
        for odd, piece in enumerate(pieces)
    )


def read(path):
    return [unescape(line) for line in path.read_text().splitlines()] if path.exists() else []


def write(path, inputs):
    """In order of their size, then their bytes: two runs differ where their inputs do."""
    ordered = sorted(set(inputs), key=lambda data: (len(data), data))
    path.write_text("".join(escape(data) + "\n" for data in ordered))
