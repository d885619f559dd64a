"""Fingerprints of networks: equal for equal logits, and different after any change."""

import json
import os
import sys
import textwrap

import numpy as np
import pytest
from helpers import forget, once, small, trained, write_set
from prepared import run_script

from deelish import Deel, InputBatch, Layer, Network, Plan, register_layer


@pytest.fixture
def session(each_engine, tmp_path):
    with Deel(seed=1) as deel:
        InputBatch(write_set(tmp_path, "train", 8), batch_size=4, crop=1, mirror=False)
        yield deel


def test_it_is_a_sha256_that_the_name_does_not_change(session, tmp_path):
    network = small("One")
    printed = network.fingerprint()
    assert len(bytes.fromhex(printed)) == 32
    path = network.save(tmp_path / "net.hdf5")
    again = Network.load(path)
    assert again.fingerprint() == printed
    other = small("Two")
    assert other.fingerprint() != printed
    other.module = session.engine.build(other.plan, session.engine.state(network.module))
    other.version += 1
    assert other.fingerprint() == printed


PREPROCESSING = {
    "in_size": 8,
    "order": "RGB",
    "mean": (1.0, 2.0, 3.0),
    "scale": 0.5,
    "crop": 0.75,
}


def rows(**changes):
    """A network whose weights have the same shapes whatever changes in these two layers."""
    return [
        Layer("conv", "Convolution", num_output=4, kernel_size=3),
        Layer("bn", "BatchNorm"),
        Layer("relu", "ReLU", negative_slope=changes.get("slope", 0.25)),
        Layer("pool", "Pooling", pool=changes.get("pool", "MAX"), global_pooling=True),
        Layer("both", "InnerProduct", num_output=6),
        Layer("halves", "Slice", top=["left", "right"]),
        Layer("all", "Concat", bottom=["left", "right"]),
    ]


def drawn(layers=None, logits="all", *, precision="float32", **preprocessing):
    """A network whose initial weights are the same to the bit each time: the first of a session."""
    with Deel(seed=1, precision=precision) as deel:
        # A plan of its own input, so that in_size is of the preprocessing alone.
        plan = Plan(layers or rows(), {"data": (1, 3, 8, 8)}, logits=logits)
        network = Network(plan, **PREPROCESSING | preprocessing)
        return network, deel.engine.state(network.module)


def check_another(first, second):
    """Two that `drawn` gave have two fingerprints, though all weights are equal to the bit."""
    for layer, blobs in first[1].items():
        for name, array in blobs.items():
            np.testing.assert_array_equal(second[1][layer][name], array)
    assert first[0].fingerprint() != second[0].fingerprint()


@pytest.mark.usefixtures("each_engine")
def test_equal_networks_have_equal_fingerprints():
    assert drawn()[0].fingerprint() == drawn()[0].fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"in_size": 9},
        {"order": "BGR"},
        {"mean": (1.0, 2.0, 3.5)},
        {"mean": (2.0,)},
        {"scale": 0.25},
        {"scale": (0.02, 0.02, 0.01)},
        {"crop": 0.5},
    ],
    ids=str,
)
@pytest.mark.usefixtures("each_engine")
def test_each_value_of_the_preprocessing_alone_changes_it(change):
    check_another(drawn(), drawn(**change))


@pytest.mark.parametrize("change", [{"slope": 0.5}, {"pool": "AVE"}], ids=str)
@pytest.mark.usefixtures("each_engine")
def test_the_argument_of_a_layer_alone_changes_it(change):
    check_another(drawn(), drawn(rows(**change)))


@pytest.mark.usefixtures("each_engine")
def test_the_logits_alone_change_it():
    """Both halves come from the same layers."""
    check_another(drawn(rows()[:-1], "left"), drawn(rows()[:-1], "right"))


def test_the_autocast_dtype_alone_changes_it():
    check_another(drawn(), drawn(precision="bfloat16"))
    check_another(drawn(precision="bfloat16"), drawn(precision="float16"))


@pytest.mark.parametrize(
    ("layer", "blob"),
    [
        *(("conv", "weight"), ("conv", "bias"), ("both", "weight"), ("both", "bias")),
        *(("bn", "mean"), ("bn", "variance"), ("bn", "factor")),
    ],
)
def test_the_last_bit_of_a_weight_alone_changes_it(each_engine, layer, blob):
    network, weights = drawn()
    before = network.fingerprint()
    engine = network.engine
    network.module = engine.build(network.plan, weights)
    network.version += 1
    assert network.fingerprint() == before
    array = weights[layer][blob]
    array.flat[-1] = np.nextafter(array.flat[-1], np.float32(np.inf))
    network.module = engine.build(network.plan, weights)
    assert network.fingerprint() != before


def test_every_update_raises_the_version_and_the_fingerprint_is_none_meanwhile(session):
    network, seen = small(), []
    before = network.fingerprint()

    def workout(x, t):
        network.classify(x)
        outcome = network.backprop(t)
        seen.append((network.version, network.fingerprint()))
        return outcome

    once(workout)
    assert seen == [(1, None), (2, None)]
    assert network.fingerprint() not in (before, None)


def test_the_fingerprint_of_a_teacher_does_not_change_in_training(session):
    teacher, student = trained(small("Teacher")), small()
    prints = {teacher.fingerprint()}

    def workout(x, t):
        logits = teacher.batch_feature(x)
        prints.add(teacher.fingerprint())
        student.classify(x)
        return student.backprop(logits, distill=True)

    once(workout)
    assert len(prints) == 1


def test_rows_that_run_only_in_training_do_not_change_it(session):
    def net(filler):
        rows = [
            Layer("hidden", "InnerProduct", num_output=6, weight_filler=0.5),
            Layer("extra", "InnerProduct", "hidden", num_output=4, weight_filler=filler),
            Layer("score", "InnerProduct", "hidden", num_output=4, weight_filler=0.1),
        ]
        plan = Plan(rows, {"data": (1, 1, 8, 8)}, logits="score", auxiliary={"extra": 0.3})
        return Network(plan, in_size=8, order="L")

    assert net(0.1).fingerprint() == net(0.2).fingerprint()


def test_a_network_with_a_registered_layer_has_none(session):
    def twice(bottoms, weights, args, call):
        return bottoms[0] * 2

    register_layer("Twice", **{session.engine.name: twice})
    rows = [Layer("twice", "Twice"), Layer("score", "InnerProduct", num_output=4)]
    network = Network(rows, in_size=8, order="L")
    assert network.batch_feature(np.zeros((8, 8), np.uint8)).shape == (1, 4)
    assert network.fingerprint() is None
    forget("Twice")


SCRIPT = """
    import json, sys
    sys.path[:0] = {paths!r}
    from deelish import *
    from helpers import small
    print(json.dumps([Network.load({path!r}).fingerprint(), small().fingerprint()]))
"""


def test_it_is_the_same_in_another_process(session, tmp_path):
    network = small()
    path = network.save(tmp_path / "net.hdf5")
    text = textwrap.dedent(SCRIPT).format(paths=[p for p in sys.path if p], path=str(path))
    status, printed, errors = run_script(tmp_path, text, env=os.environ)
    assert status == 0, errors
    loaded, drawn = json.loads(printed.splitlines()[-1])
    assert loaded == network.fingerprint()
    assert drawn != loaded


def test_classes_and_new_layers_are_those_of_the_logits(session, tmp_path):
    network = small(outputs=6)
    assert (network.classes, network.new_layers) == (6, {"hidden", "score"})
    path = trained(network).save(tmp_path / "net.hdf5")
    assert network.new_layers == set()
    assert small(labels=4, modelpath=path).new_layers == {"score"}
