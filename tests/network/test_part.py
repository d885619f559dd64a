"""A part of a network is a network: encoder and decoder make what the whole one makes."""

import numpy as np
import pytest
from arrays import reconstruction, variational

from deelish import Deel, Layer, Network
from deelish.errors import PlanError

X = np.random.default_rng(0).random((3, 1, 8, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def session(each_engine):
    with Deel() as deel:
        yield deel


def test_encoder_and_decoder_are_the_network(tmp_path):
    whole = reconstruction()
    encoder, decoder = whole.part(end="code"), whole.part(start="code", name="Decoder")
    code = encoder.run({"data": X})["code"]
    made = decoder.run({"code": code})["out"]
    np.testing.assert_allclose(made, whole.run({"data": X})["out"], rtol=1e-5)
    assert decoder.name == "Decoder"
    assert encoder.name == "part of Auto"
    assert encoder.parameters + decoder.parameters == whole.parameters
    loaded = Network.load(decoder.save(tmp_path / "decoder.hdf5"))
    assert (loaded.run({"code": code})["out"] == made).all()


def test_a_part_begins_behind_what_works_in_place():
    # The ReLU works in place: the numbers of "code" are those behind it.
    whole = reconstruction()
    code = whole.part(end="relu").run({"data": X})["code"]
    assert code.min() == 0
    assert whole.part(start="code").plan.layers[0].name == "pixels"


def test_its_weights_are_its_own():
    whole = reconstruction()
    part, before = whole.part(), whole.run({"data": X})["out"]
    state = part.engine.state(part.module)
    zeros = {layer: {n: a * 0 for n, a in blobs.items()} for layer, blobs in state.items()}
    part.module = part.engine.build(part.plan, zeros)
    assert not (part.run({"data": X})["out"] == before).all()
    assert (whole.run({"data": X})["out"] == before).all()


def test_new_layers_stay_new():
    whole = reconstruction()
    whole.untrained.discard("code")
    assert whole.part(end="code").new_layers == set()
    assert whole.part(start="code").new_layers == {"pixels"}


def test_a_variational_decoder_reads_codes():
    whole = variational()
    moments = whole.part(end="gaussian").run({"data": X})["gaussian"]
    made = whole.part(start="code").run({"code": moments[:, :3]})["out"]
    np.testing.assert_allclose(made, whole.run({"data": X}, "out")["out"], rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"start": "out"}, "no layer leads from the one to the other"),
        ({"start": "pixels", "end": "code"}, "no layer leads"),
        ({"start": "nothing"}, "has no layer 'nothing'"),
        ({"end": "nothing"}, "has no layer 'nothing'"),
    ],
)
def test_what_is_no_part_is_refused(words, message):
    with pytest.raises(PlanError, match=message):
        reconstruction().part(**words)


def test_a_part_that_reads_two_blobs_is_refused():
    rows = [
        Layer("a", "InnerProduct", num_output=4),
        Layer("b", "InnerProduct", "data", num_output=4),
        Layer("both", "Concat", ("a", "b")),
    ]
    net = Network(rows, in_size=8, order="L")
    with pytest.raises(PlanError, match="the layers behind it read data too; name another start"):
        net.part(start="a")
