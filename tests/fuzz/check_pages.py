"""Asks promtool what it thinks of pages that the corpora lead to.

    check_pages.py FUZZ_PAGES PROMTOOL EXPOSITION_CORPUS MADE_MESSAGES_CORPUS
"""

import pathlib
import subprocess
import sys
import tempfile

MOST_PAGES = 40  # promtool takes a tenth of a second for one


def main():
    fuzz_pages, promtool, *corpora = sys.argv[1:]
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([fuzz_pages, folder, *corpora], check=True)
        pages = [page for page in pathlib.Path(folder).iterdir() if page.stat().st_size > 0]
        # The largest say most, and differ most.
        pages.sort(key=lambda page: page.stat().st_size, reverse=True)
        pages = pages[:: max(1, len(pages) // MOST_PAGES)]
        for page in pages:
            with page.open("rb") as text:
                result = subprocess.run([promtool, "check", "metrics"], stdin=text,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if result.returncode != 0 or result.stdout:
                faults.append(f"{result.stdout}{page.read_text()}")
    print(f"{len(pages)} pages, {len(faults)} of them with faults")
    print("\n".join(faults[:3]))
    return 1 if faults or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
