"""The command line: one file for each group of commands."""

from deelish.cli.command import main as main
