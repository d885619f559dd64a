"""The command compare: what it prints, what it writes, its errors in one sentence."""

from __future__ import annotations

import pytest
from comparison.corners import LABELS
from one_sentence import assert_fails

from deelish.cli import main


def run(*arguments):
    """Run the command; its exit code."""
    return main(["compare", *map(str, arguments)])


@pytest.fixture
def models(teacher, student, tmp_path):
    """Files of both networks."""
    return teacher.save(tmp_path / "teacher.hdf5"), student.save(tmp_path / "student.safetensors")


def test_compare(models, sets, tmp_path, capsys):
    page = tmp_path / "report.html"
    given = ["--test", sets[0], "--fits", "esp32-s3", "--save", page, "--crop", "1"]
    assert run(*models, *given) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"written: {page}"
    assert lines[2].split() == ["Teacher", "Student", "Student"]
    assert any(line.startswith("fits esp32-s3 ") for line in lines)
    assert page.is_file()


def test_several_students_and_labels(models, sets, tmp_path, capsys):
    names = tmp_path / "labels.txt"
    names.write_text("\n".join(["one", "two", "three", "four"]))
    page = tmp_path / "report.html"
    assert run(models[0], *models, "--test", sets[0], "--labels", names, "--save", page) == 0
    assert "student 2 int8" in capsys.readouterr().out
    text = page.read_text()
    assert "<td>three</td>" in text
    assert LABELS[1] not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--test", "none.txt"], "none.txt: there is no such list or folder"),
        (["--fits", "toaster"], "fits='toaster': no such device is known; known: ard"),
        (["--save", "report.txt"], "report.txt: the report is a page; give a name wi"),
        (["--labels", "none.txt"], "labels file none.txt: not found in"),
    ],
)
def test_errors(arguments, words, models, sets, capsys):
    assert_fails(["compare", *models, "--test", sets[0], *arguments], words, capsys)


def test_a_list_is_required(models, capsys):
    with pytest.raises(SystemExit):
        run(*models)
    assert "the following arguments are required: --test" in capsys.readouterr().err
