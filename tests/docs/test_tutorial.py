"""The tutorial: its notebook runs from the first cell to the last, and shows what it says."""

import json
import re
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="the package nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="the package nbformat is not installed")
for package in ("ipykernel", "mlxtend", "onnx", "onnxruntime"):
    pytest.importorskip(package, reason=f"the package {package} is not installed")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.ipynb"
JAPANESE = PAGE.parent / "ja" / "tutorial.ipynb"


def test_the_japanese_one_has_the_same_code():
    first, second = (json.loads(page.read_text()) for page in (PAGE, JAPANESE))
    assert len(first["cells"]) == len(second["cells"])
    for one, other in zip(first["cells"], second["cells"], strict=True):
        assert one["cell_type"] == other["cell_type"]
        is_code = one["cell_type"] == "code"
        assert (one["source"] == other["source"]) == is_code


def ran(folder):
    """What its cells show, and the numbers of the report's row of accuracies."""
    notebook = nbformat.read(PAGE, 4)
    nbclient.NotebookClient(notebook, timeout=600).execute(cwd=str(folder))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output.data for output in outputs if "data" in output]
    (report,) = (data["text/plain"] for data in shown if "KL(teacher" in data.get("text/plain", ""))
    (line,) = re.findall(r"^accuracy .*", report, re.MULTILINE)
    return shown, [float(number) for number in re.findall(r"[\d.]+", line)]


@pytest.mark.long
def test_it_runs_and_the_teacher_helps(tmp_path):
    shown, (teacher, alone, _, taught, _) = ran(tmp_path)
    assert sum("text/html" in data for data in shown) >= 10
    assert teacher > 95
    assert taught > alone + 1
    assert (tmp_path / "small.onnx").stat().st_size < 20_000
