"""In a notebook the curves of a training grow in one output of its cell."""

import sys

import pytest
from clocks import with_clock
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


@pytest.mark.long
def test_the_curves_are_one_output_and_the_last_value_is_the_history(tmp_path):
    write_set(tmp_path, "train", 16)
    cells = [nbformat.v4.new_code_cell(CELL)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    client = nbclient.NotebookClient(notebook, timeout=120)
    client.execute(cwd=str(tmp_path))
    outputs = cells[0].outputs
    shown = [each.data["text/html"] for each in outputs if each.output_type == "display_data"]
    # The curves; the bars of all epochs share an output, and have left it empty.
    curves, *bars = shown
    assert "3 epochs" in curves
    assert "data:image/png;base64," in curves
    assert bars == [""]
    assert not [each for each in outputs if each.get("name") == "stderr"]
    text = "".join(each.text for each in outputs if each.output_type == "stream")
    assert "in_notebook True" in text
    assert "TqdmWarning" not in text
    # The table is at the curves, once.
    assert "images/s" in curves
    assert "images/s" not in text


def test_short_epochs_are_drawn_together_and_the_last_always(monkeypatch):
    from deelish.training.logs import notebook

    drawn, clock = [], [0.0]

    def update(history):
        drawn.append(len(history))
        clock[0] += 1  # a second for each drawing

    handle = type("Handle", (), {"update": staticmethod(update)})
    monkeypatch.setattr(notebook, "display", lambda value: handle)
    monkeypatch.setattr(notebook, "time", with_clock(lambda: clock[0]))
    curves = notebook.NotebookCurves()
    curves.begin({}, [])
    for epoch in range(1, 101):
        clock[0] += 3
        curves.row({"epoch": epoch})
    curves.end("finished")
    # A twentieth of 300 seconds, the first epoch and the end.
    assert 15 <= len(drawn) <= 17
    assert drawn[0] == 1
    assert drawn[-1] == 100
    clock[0] += 30
    curves.row({"epoch": 101})
    clock[0] += 30
    curves.row({"epoch": 102})
    # Long epochs are drawn each.
    assert drawn[-2:] == [101, 102]


def test_a_bar_shows_how_far_it_is(monkeypatch):
    from deelish.common import notebook

    drawn = []
    handle = type("Handle", (), {"update": lambda self, value: drawn.append(value._repr_html_())})
    monkeypatch.setattr(notebook, "display", lambda value: drawn.append(value) or handle())
    monkeypatch.setattr(notebook, "PAUSE", 0)
    monkeypatch.setattr(notebook, "_cell", lambda: 7)
    bar = notebook.NotebookBar("epoch 1/2", 100, 20, "img")
    bar.set_postfix({"loss": "0.5"}, refresh=False)
    bar.update(30)
    assert '<progress value="50" max="100"' in drawn[-1]
    assert "epoch 1/2: " in drawn[-1]
    assert "img/s" in drawn[-1]
    assert drawn[-1].endswith("loss 0.5")
    bar.close()
    assert drawn[-1] == ""
    notebook.NotebookBar("validation", 10, 0, "img")
    assert "validation" in drawn[-1]


def test_elsewhere_there_is_none():
    from deelish.common.notebook import in_notebook

    assert "IPython" not in sys.modules or not in_notebook()
