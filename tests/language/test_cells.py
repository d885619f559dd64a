"""A cell of a notebook that is run again and again leaves nothing of its last run behind."""

import gc

from helpers import write_set

from deelish.images.dataset import Dataset
from deelish.language.session import Deel
from deelish.network.learner import Learner

CELL = """
deel = Deel(seed=0)
student = Network([Layer("score", "InnerProduct", num_output=4)], in_size=16)
teacher = Teacher(lambda images: images[:, 0, :2, :2].reshape(len(images), 4), size=16, key="v1")
InputBatch("train.txt", batch_size=8, crop=1, mirror=False, keep="memory", views=1)

def workout(x, t):
    student.classify(x)
    return student.backprop(t, distill=teacher.batch_feature(x))

history = BatchTrain(workout, epochs=1)
"""


def alive():
    """How many sessions, networks and datasets there are."""
    gc.collect()
    kinds = [type(thing) for thing in gc.get_objects()]
    return [sum(issubclass(kind, base) for kind in kinds) for base in (Deel, Learner, Dataset)]


def test_a_cell_that_runs_again_piles_up_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    write_set(tmp_path, "train", 16)
    names: dict[str, object] = {}
    exec("from deelish import *", names)
    with Deel():
        exec(CELL, names)
        first = alive()
        for _ in range(3):
            exec(CELL, names)
        assert alive() == first
        assert len(list((tmp_path / "cache").glob("*.answers"))) <= 1
