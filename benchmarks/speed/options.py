"""What the command lines of the benchmarks have in common."""

import argparse
from importlib.metadata import PackageNotFoundError, version


def at_least(least):
    """A type for argparse: whole numbers from `least` up."""

    def number(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, {least} or more")
        return int(text)

    return number


def versions(packages):
    """The packages of these names that are installed, each with its version."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found
