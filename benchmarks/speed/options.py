"""What the command lines of the benchmarks have in common."""

import argparse


def at_least(least):
    """A type for argparse: whole numbers from `least` up."""

    def number(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, {least} or more")
        return int(text)

    return number
