"""In a notebook the curves of a training grow in one output of its cell."""

import sys

import pytest
from helpers import write_set

nbclient = pytest.importorskip("nbclient", reason="the package nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="the package nbformat is not installed")
pytest.importorskip("ipykernel", reason="the package ipykernel is not installed")

CELL = """
from deelish import *
with Deel(seed=1):
    InputBatch("train.txt", batch_size=8, crop=1, mirror=False)
    rows = [Layer("score", "InnerProduct", num_output=4)]
    student = Network(rows, in_size=16)
    def workout(x, t):
        student.classify(x)
        return student.backprop(t)
    BatchTrain(workout, epochs=3)
    print("in_notebook", __import__("deelish.common.notebook", fromlist=["_"]).in_notebook())
"""


def test_the_curves_are_one_output_and_the_last_value_is_the_history(tmp_path):
    write_set(tmp_path, "train", 16)
    cells = [nbformat.v4.new_code_cell(CELL)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    client = nbclient.NotebookClient(notebook, timeout=120)
    client.execute(cwd=str(tmp_path))
    outputs = cells[0].outputs
    shown = [each for each in outputs if each.output_type == "display_data"]
    assert len(shown) == 1
    assert "3 epochs" in shown[0].data["text/html"]
    assert "data:image/png;base64," in shown[0].data["text/html"]
    text = "".join(each.text for each in outputs if each.output_type == "stream")
    assert "in_notebook True" in text
    assert "TqdmWarning" not in text


def test_elsewhere_there_is_none():
    from deelish.common.notebook import in_notebook

    assert "IPython" not in sys.modules or not in_notebook()
