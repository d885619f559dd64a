"""Both engines side by side: the same three steps, states that move, a teacher on the other one."""

from importlib import import_module

import numpy as np
import pytest
from helpers import once, small, write_set

from deelish import Deel, InputBatch, Network
from deelish.distillation.losses import cross_entropy
from deelish.errors import EngineError
from deelish.networks import GoogLeNet, NetworkInNetwork

pytestmark = pytest.mark.usefixtures("chainer")


def steps(engine_name, family, count=3):
    """The weights after some updates on labels and on soft targets, and the losses."""
    rng = np.random.default_rng(1)
    labels = np.array([0, 4, 2])
    with Deel(engine=engine_name, seed=2) as deel:
        network = family(labels=5, in_size=32)
        engine, losses = deel.engine, []
        optimizer = engine.optimizer(network.module, "sgd", 0.01, {"momentum": 0.9})
        for _ in range(count):
            x = rng.normal(0, 60, (3, 3, 32, 32)).astype(np.float32)
            wanted = [network.plan.logits, *network.plan.auxiliary]
            blobs = engine.run(network.module, {"data": x}, wanted, training=True)
            loss = 0
            for name, values in blobs.items():
                rows = values.reshape((3, -1))
                loss = loss + cross_entropy(engine, rows, labels) * (
                    network.plan.auxiliary.get(name, 1.0)
                )
            losses.append(float(engine.numpy(loss)))
            engine.update([optimizer], loss, 0.01)
        return losses, engine.state(network.module)


@pytest.mark.parametrize("family", [GoogLeNet, NetworkInNetwork])
def test_three_steps_of_training_end_in_the_same_weights(family, monkeypatch):
    # Each engine draws its own dropout; without it the numbers can be compared.
    for engine in ("torch", "chainer"):
        module = import_module(f"deelish.engines.{engine}.layers")
        monkeypatch.setitem(module.OPS, "Dropout", lambda x, p, a, c: x[0])
    first, second = (steps(name, family) for name in ("torch", "chainer"))
    np.testing.assert_allclose(first[0], second[0], rtol=1e-4)
    for layer, blobs in first[1].items():
        for name, array in blobs.items():
            other = second[1][layer][name]
            scale = max(np.abs(array).max(), 1e-6)
            np.testing.assert_allclose(other / scale, array / scale, rtol=0, atol=1e-4)


def test_a_state_moves_from_one_engine_to_the_other():
    x = np.random.default_rng(0).normal(size=(2, 1, 8, 8)).astype(np.float32)
    outputs = {}
    with Deel(engine="torch", seed=5):
        network = small()
        outputs["torch"] = network.run({"data": x})["prob"]
        values = network.engine.state(network.module)
    for name in ("chainer", "numpy"):
        with Deel(engine=name) as deel:
            module = deel.engine.build(network.plan, values)
            made = deel.engine.run(module, {"data": x}, ["prob"], training=False)["prob"]
            outputs[name] = deel.engine.numpy(made)
    for name in ("chainer", "numpy"):
        np.testing.assert_allclose(outputs[name], outputs["torch"], rtol=1e-5)


@pytest.mark.parametrize(("taught", "teaching"), [("torch", "chainer"), ("chainer", "torch")])
def test_a_teacher_on_one_engine_teaches_a_student_on_the_other(tmp_path, taught, teaching):
    with Deel(engine=teaching, seed=1):
        teacher = small("Teacher")
        teacher.untrained.clear()
    with Deel(engine=taught, seed=2):
        student = small("Student")
        InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False)

        def workout(x, t):
            output = teacher.batch_feature(x)
            student.classify(x)
            return student.backprop(t, distill=output)

        losses = [once(workout)[0]["loss"] for _ in range(4)]
    assert losses[-1] < losses[0]
    assert type(student.module).__module__ != type(teacher.module).__module__


def test_a_file_of_one_engine_opens_on_the_other(tmp_path):
    x = np.ones((1, 1, 8, 8), np.float32)
    with Deel(engine="chainer"):
        network = small()
        path = network.save(tmp_path / "net.hdf5")
        wanted = network.run({"data": x})["prob"]
    with Deel(engine="torch"):
        np.testing.assert_allclose(Network.load(path).run({"data": x})["prob"], wanted, rtol=1e-5)


def test_the_environment_names_the_engine(monkeypatch):
    monkeypatch.setenv("DEELISH_ENGINE", "chainer")
    with Deel() as deel:
        assert (deel.engine_name, deel.engine.name) == ("chainer", "chainer")
    with Deel(engine="torch") as deel:
        assert deel.engine.name == "torch"
    monkeypatch.setenv("DEELISH_ENGINE", "caffe")
    with pytest.raises(EngineError, match="engine 'caffe' is not there; this version of"):
        Deel()


def test_numpy_is_for_inference_alone(tmp_path):
    with Deel(engine="numpy"):
        student = small()
        InputBatch(write_set(tmp_path, "train", 8), batch_size=4, crop=1, mirror=False)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t)

        with pytest.raises(EngineError, match="engine 'numpy' is for inference alone; train"):
            once(workout)
    with pytest.raises(EngineError, match=r"Deel\(gpu=0, engine='numpy'\): it has no GPU"):
        Deel(gpu=0, engine="numpy")
