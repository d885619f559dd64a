"""Scripts: run as Python runs them, with Deel's module names; errors are one sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import deelish
from deelish.cli.legacy import run_script
from deelish.errors import ScriptError
from deelish.networks import FAMILIES


@pytest.fixture
def script(tmp_path: Path):
    """Write a script and give its path."""

    def write(text: str | bytes, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def old_modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.split(".")[0] == "deel"}


def refusal(path: Path) -> str:
    with pytest.raises(ScriptError) as caught:
        run_script(path)
    return str(caught.value)


def test_runs_as_python_does(script, capsys) -> None:
    (script("", "helper.py")).write_text("value = 7\n")
    path = script(
        "import json, sys, helper\n"
        "print(json.dumps([__name__, __file__, sys.argv, sys.path[0], helper.value,\n"
        "                  vars(sys.modules['__main__']) is globals()]))\n"
    )
    run_script(path, ["--size", "3"])
    expected = ["__main__", str(path), [str(path), "--size", "3"], str(path.parent), 7, True]
    assert json.loads(capsys.readouterr().out) == expected
    del sys.modules["helper"]


@pytest.mark.parametrize("end", ["", "1 / 0\n"])
def test_puts_everything_back(script, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("deel")
    monkeypatch.setitem(sys.modules, "deel", real)
    before = sys.argv, list(sys.argv), sys.path, list(sys.path), sys.modules["__main__"]
    path = script(
        "import sys\nimport deel.network\nsys.argv.append('x')\nsys.path.append('y')\n" + end
    )
    if end:
        with pytest.raises(ZeroDivisionError):
            run_script(path)
    else:
        run_script(path)
    assert (sys.argv, list(sys.argv), sys.path, list(sys.path), sys.modules["__main__"]) == before
    assert old_modules() == {"deel": real}


@pytest.mark.parametrize("name", ["deel", "deel.deel", "deel.commands", "deel.tensor", "deelish"])
def test_the_language_is_under_each_name(script, name: str) -> None:
    path = script(
        f"from {name} import *\nimport deelish\n"
        "missing = [name for name in deelish.__all__ if globals()[name] is not\n"
        "           getattr(deelish, name)]\n"
        "assert missing == [], missing\n"
    )
    run_script(path)
    assert deelish.__all__


@pytest.mark.parametrize(("file", "family"), [*FAMILIES.items(), ("caffenet", deelish.CaffeNet)])
def test_the_families(script, file: str, family: type, capsys) -> None:
    name = family.__name__
    path = script(
        f"from deel.network.{file} import *\nfirst = {name}\n"
        f"from deel.network import *\nsecond = {name}\n"
        f"import deel.network.{file} as module\nthird = module.{name}\n"
        f"from deelish.networks import {name}\n"
        f"print(first is second is third is {name}, Deel.__name__, InputBatch.__name__)\n"
    )
    run_script(path)
    assert capsys.readouterr().out == "True Deel InputBatch\n"


def test_a_script_of_2016(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(deelish, "InputBatch", lambda **lists: calls.append(lists))
    monkeypatch.setattr(deelish, "BatchTrain", lambda workout, checkout: calls.append(checkout))
    path = script(
        "from deel import *\nfrom deel.network import *\nfrom deel.commands import *\n"
        "from deel.network.nin import *\n\n"
        'InputBatch(train="data/train.txt",\n\t\t\tval="data/test.txt")\n'
        "def workout(x,t):\n\tnin.classify(x) \n\treturn nin.backprop(t)\n\n"
        "def checkout():\n\treturn 'saved'\n\nBatchTrain(workout,checkout)\n"
    )
    run_script(path)
    lists, checkout = calls
    assert lists == {"train": "data/train.txt", "val": "data/test.txt"}
    assert checkout() == "saved"


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("from deel.network.tinynet import TinyNet", "'deel.network.tinynet'"),
        ("import deel.network.fasterRCNN as rcnn", "'deel.network.fasterRCNN'"),
        ("from deel.agentServer import *", "'deel.agentServer'"),
        ("from deel.network import TinyNet", "'TinyNet' in 'deel.network'"),
    ],
)
def test_names_that_deelish_lacks_are_refused(script, line: str, missing: str) -> None:
    path = script(f"from deel import *\n\n{line}\n")
    there = ["deel", "deel.commands", "deel.deel", "deel.network"]
    files = sorted([*FAMILIES, "caffenet"])
    there += [*(f"deel.network.{file}" for file in files), "deel.tensor"]
    assert refusal(path) == (
        f"{path} line 3: deelish has no {missing}; it has the modules {', '.join(there)}"
    )


def test_a_script_may_do_without(script, capsys) -> None:
    text = "try:\n    import deel.network.vgg\nexcept ImportError:\n    print('without')\n"
    run_script(script(text))
    assert capsys.readouterr().out == "without\n"


def test_other_missing_modules_are_pythons(script) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        run_script(script("import no_such_module\n"))


@pytest.mark.parametrize(
    ("statement", "cure"),
    [
        ("print x.shape", "`print x.shape`; write `print(x.shape)`"),
        ('print "%d" % x  # note', '`print "%d" % x`; write `print("%d" % x)`'),
        ("print x, y", "`print x, y`; write `print(x, y)`"),
        ("print x,", "`print x,`; write `print(x, end=' ')`"),
        ('if x: print "é", x; y = 1', '`print "é", x`; write `print("é", x)`'),
        ("\tprint 'BAND'", "`print 'BAND'`; write `print('BAND')`"),
    ],
)
def test_a_python_2_print_statement(script, statement: str, cure: str) -> None:
    path = script(f"x = 1\nif x:\n\ty = 2\n{statement}\n")
    assert refusal(path) == f"{path} line 4: a Python 2 print statement, {cure}"


def test_a_print_statement_over_two_lines(script) -> None:
    path = script('print "%d" % (\n    3)\n')
    assert refusal(path) == f"{path} line 1: a Python 2 print statement; write it as `print(...)`"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\nx = = 2\n", "line 2: invalid syntax, `x = = 2`"),
        ("if 1:\n\tx = 1\n        y = 2\n", "line 3: inconsistent use of tabs and spaces"),
        pytest.param(
            "try:\n    pass\nexcept OSError, e:\n    pass\n",
            "line 3: multiple exception types",
            marks=pytest.mark.skipif(
                sys.version_info >= (3, 14), reason="Python 3.14 reads two exceptions there"
            ),
        ),
        ("x = 1\nwhile x:\n", "line 2: expected an indented block"),
        ("# -*- coding: klingon -*-\n", ": unknown encoding: klingon; save the script as UTF-8"),
        (b"x = 1\ny = '\xe9'\n", "line 2: byte 0xe9 is not utf-8; save the script as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", ": invalid or missing encoding declaration; save the script"),
        (b"x = 1\0\n", "source code"),
    ],
)
def test_what_python_cannot_compile(script, text: str | bytes, words: str) -> None:
    path = script(text)
    message = refusal(path)
    assert message.startswith(str(path))
    assert words in message
    assert "\n" not in message


def test_nothing_runs_before_all_compiles(script, capsys) -> None:
    refusal(script("print('started')\nprint x\n"))
    assert capsys.readouterr().out == ""


def test_an_encoding_named_in_the_script_is_honoured(script, capsys) -> None:
    run_script(script("# -*- coding: shift_jis -*-\nprint('犬')\n".encode("shift_jis")))
    assert capsys.readouterr().out == "犬\n"


@pytest.mark.parametrize(
    ("name", "reason"), [("absent.py", "No such file or directory"), (".", "Is a directory")]
)
def test_no_script(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name
    assert refusal(path) == f"{path}: {reason}; give the path of a Python script"
