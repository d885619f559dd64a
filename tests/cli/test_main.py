"""The command `deelish`: its output, its exit codes, and no traceback but the script's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deelish.cli import main
from deelish.network.pretrained import Weights
from deelish.networks import CARDS
from deelish.version import __version__


@pytest.fixture
def script(tmp_path: Path):
    """Write a script and give its path as text."""

    def write(text: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(text)
        return str(path)

    return write


def test_version(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"deelish {__version__}\n"


def test_help_imports_neither_an_engine_nor_numpy() -> None:
    code = (
        "import sys, deelish.cli\n"
        "try: deelish.cli.main(['--help'])\n"
        "except SystemExit: print({'torch', 'numpy'} & set(sys.modules) != set())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: deelish")
    assert done.stdout.endswith("False\n")


def test_python_m_deelish(script) -> None:
    path = script("import sys\nprint(sys.argv[1:])\n")
    command = [sys.executable, "-m", "deelish", "run", path, "--epochs", "3", "-x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "['--epochs', '3', '-x']\n", "")


@pytest.mark.parametrize(
    "arguments",
    [[], ["walk"], ["run"], ["fetch"], ["show"], ["convert", "a.hdf5"], ["classify", "a.hdf5"]],
)
def test_a_wrong_command_line(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: deelish")


def test_run(script, capsys) -> None:
    assert main(["run", script("from deel import *\nprint(Deel.__name__)\n")]) == 0
    assert capsys.readouterr().out == "Deel\n"


def test_an_error_of_deelish_is_one_sentence(script, capsys) -> None:
    path = script("print x\n")
    assert main(["run", path]) == 1
    assert capsys.readouterr().err == (
        f"deelish: {path} line 1: a Python 2 print statement, `print x`; write `print(x)`\n"
    )


def test_an_error_raised_in_the_script_is_one_sentence(script, capsys) -> None:
    path = script("from deelish import *\nraise DeelishError('a.txt: no list')\n")
    assert main(["run", path]) == 1
    assert capsys.readouterr().err == "deelish: a.txt: no list\n"


def test_debug_shows_the_traceback(script, capsys) -> None:
    path = script("from deelish import *\nraise DeelishError('a.txt: no list')\n")
    assert main(["--debug", "run", path]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Traceback (most recent call last):\n")
    assert "legacy.py" in error
    assert error.endswith("deelish: a.txt: no list\n")


def test_the_scripts_own_error_is_shown_as_python_shows_it(script, capsys) -> None:
    path = script("import json\n\ndef work():\n    json.loads('{')\n\nwork()\n")
    by_python = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert main(["run", path]) == by_python.returncode == 1
    assert capsys.readouterr().err == by_python.stderr


def test_debug_shows_every_frame(script, capsys) -> None:
    assert main(["--debug", "run", script("1 / 0\n")]) == 1
    error = capsys.readouterr().err
    assert "legacy.py" in error
    assert error.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("code", [0, 3, "no images"])
def test_sys_exit_passes_through(script, code: int | str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", script(f"import sys\nsys.exit({code!r})\n")])
    assert caught.value.code == code


def test_control_c(script, capsys) -> None:
    assert main(["run", script("raise KeyboardInterrupt\n")]) == 130
    assert capsys.readouterr().err == "deelish: stopped\n"


def test_a_closed_pipe_ends_a_command_silently() -> None:
    """As in `deelish models | head`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "deelish", "models"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_models_lists_all_that_can_be_fetched(capsys) -> None:
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out for name in CARDS)
    assert "get it with `deelish fetch googlenet`" in out


def test_fetch_of_an_unknown_model(capsys) -> None:
    assert main(["fetch", "alexnot"]) == 1
    assert capsys.readouterr().err == (
        f"deelish: no published model 'alexnot'; known: {', '.join(sorted(CARDS))}\n"
    )


def test_fetch_passes_its_options_on(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fetch(weights: Weights, folder: Path | None, address: str | None) -> Path:
        calls.append((weights.name, folder, address))
        return tmp_path / weights.file

    monkeypatch.setattr("deelish.network.pretrained.fetch", fetch)
    assert main(["fetch", "googlenet"]) == 0
    assert main(["fetch", "googlenet", "--to", str(tmp_path), "--from", "http://a/b"]) == 0
    assert calls == [("googlenet", None, None), ("googlenet", tmp_path, "http://a/b")]
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'bvlc_googlenet.caffemodel'}\nlicence: ")


def test_fetch_fails_in_one_sentence(tmp_path: Path, capsys) -> None:
    assert main(["fetch", "googlenet", "--to", str(tmp_path), "--from", "here"]) == 1
    assert capsys.readouterr().err.startswith(
        "deelish: bvlc_googlenet.caffemodel: 'here' is no http or https address; "
    )
    assert list(tmp_path.iterdir()) == []
