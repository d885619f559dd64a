"""The command line itself: an example in every help, the nearest word, completion in a shell."""

import argparse
import shlex
import subprocess
import sys

import pytest

from deelish.cli import main
from deelish.cli.command import parser_of_all


def parts_of(parser, name="deelish"):
    """Every command that is called itself, by its whole name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, part in action.choices.items():
                yield f"{name} {word}", part
                yield from parts_of(part, f"{name} {word}")


COMMANDS = dict(parts_of(parser_of_all()))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_in_the_help_of_a_command_is_one(name):
    example = COMMANDS[name].epilog.splitlines()[-1].strip()
    assert example.startswith(name)
    words = shlex.split(example.partition(" > ")[0])[1:]
    assert callable(parser_of_all().parse_args(words).act)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["shwo", "x"], "deelish: error: there is no 'shwo'; did you mean 'show'"),
        (["cache", "lst"], "deelish cache: error: there is no 'lst'; did you mean 'list'"),
        (["show", "x", "--lables", "y"], "there is no option --lables; did you mean --labels"),
        (["show", "x", "--lables=y"], "there is no option --lables; did you mean --labels"),
        (["show", "x", "y"], "deelish show: error: takes no further 'y'"),
        (["classify", "x"], "the following arguments are required: IMAGE"),
    ],
)
def test_a_wrong_word_leads_to_the_nearest(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_shell_completes_commands_options_and_files(tmp_path, capsys):
    pytest.importorskip("shtab", reason="the package shtab is not installed")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "cat.jpg").touch()
    (tmp_path / "photos").mkdir()

    def completed(*words):
        """What bash offers for the last word."""
        lines = f"""
            source {script}
            COMP_WORDS=(deelish {" ".join(map(shlex.quote, words))})
            COMP_CWORD={len(words)}
            _shtab_deelish
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(
            ["bash", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return set(done.stdout.split())

    assert completed("cl") == {"classify"}
    assert completed("compare", "a", "--te") == {"--test"}
    assert "cat.jpg" in completed("classify", "cat")
    assert completed("new", "ph") == {"photos"}


def test_completion_without_its_package_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "zsh"]) == 1
    assert 'pip install "deelish[completion]"' in capsys.readouterr().err
