"""Weight files of Chainer: what its serializers wrote fills a network, and what deelish wrote,
Chainer loads."""

import os
import zipfile

import numpy as np
import pytest

from deelish import Deel, Layer, Network
from deelish.errors import FileError
from deelish.formats.chainer import weights as names

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 3, 9, 9)).astype(np.float32)


def mixed(engine="torch", seed=1, **args):
    """Arrays of all kinds: buffers, without axes, under names with slashes or taken ones."""
    rows = [
        Layer("a/3x3", "Convolution", num_output=4, kernel_size=3, stride=2),
        Layer("a/bn", "BatchNorm"),
        Layer("a/scale", "Scale", bias_term=True),
        Layer("relu", "PReLU", channel_shared=True),
        Layer("copy", "InnerProduct", num_output=6),
        Layer("score", "InnerProduct", num_output=5, bias_term=False),
    ]
    with Deel(engine=engine, seed=seed):
        return Network(rows, name="Mixed", in_size=9, **args)


def logits(network):
    return network.run({"data": X})["score"]


def check_close(got, wanted):
    np.testing.assert_allclose(got, wanted, atol=1e-5 * np.abs(wanted).max())


def save_npz(path, **arrays):
    """A file of NumPy under names with slashes."""
    np.savez(path, **{name.replace("__", "/"): array for name, array in arrays.items()})
    return path


def one(**args):
    return Network([Layer("fc", "InnerProduct", num_output=2)], in_size=9, name="One", **args)


def test_what_deelish_wrote_it_reads_and_says_what_is_lost(tmp_path, capsys):
    network = mixed()
    network.module.weights_of("a/bn").factor.fill_(2.0)
    path = network.save(tmp_path / "mixed.npz")
    assert "Mixed: the .npz holds weights alone, without plan, labels" in capsys.readouterr().out
    again = mixed(seed=2, modelpath=path)
    np.testing.assert_array_equal(logits(again), logits(network))
    assert not again.untrained
    assert capsys.readouterr().out == ""


def test_the_file_has_the_names_that_chainer_gives_the_chain(chainer, tmp_path):
    network = mixed("chainer")
    network.save(tmp_path / "ours.npz")
    chainer.serializers.save_npz(tmp_path / "theirs.npz", network.module)
    with np.load(tmp_path / "ours.npz") as ours, np.load(tmp_path / "theirs.npz") as theirs:
        assert set(ours) == set(theirs)
        assert "copy_/W" in ours
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_chainer_loads_the_file_into_the_chain(chainer, tmp_path):
    network = mixed()
    path = network.save(tmp_path / "mixed.npz")
    student = mixed("chainer", seed=2)
    chainer.serializers.load_npz(str(path), student.module)
    check_close(logits(student), logits(network))


@pytest.mark.parametrize("file", ["chain.npz", "chain.h5"])
def test_the_chain_of_the_engine_saved_by_chainer_fills_a_network(chainer, tmp_path, file):
    student = mixed("chainer")
    save = getattr(chainer.serializers, "save_npz" if file.endswith("npz") else "save_hdf5")
    save(str(tmp_path / file), student.module)
    again = mixed(seed=2, modelpath=tmp_path / file)
    check_close(logits(again), logits(student))


def test_names_that_the_chain_has_already_are_all_known(chainer):
    with Deel(engine="chainer"):
        chain = one().module
    there = {name for name in dir(chain) if not name.startswith("_")} - {"fc"}
    assert there == names.TAKEN


def test_shared_weights_are_written_once(chainer, tmp_path):
    shared = {"param": [{"name": "w"}, {"name": "b"}]}

    def twins(seed, engine="torch", **args):
        with Deel(engine=engine, seed=seed):
            left, right = (
                Layer(name, "InnerProduct", "data", num_output=2, **shared)
                for name in ("left", "right")
            )
            both = Layer("score", "Eltwise", ["left", "right"])
            return Network([left, right, both], in_size=9, **args)

    first = twins(1)
    path = first.save(tmp_path / "twins.npz")
    assert set(np.load(path)) == {"left/W", "left/b"}
    np.testing.assert_array_equal(logits(twins(2, modelpath=path)), logits(first))
    other = twins(2, "chainer")
    chainer.serializers.load_npz(str(path), other.module)
    check_close(logits(other), logits(first))


def chain_by_hand(chainer):
    """A chain of links of Chainer's own, in a child chain, and the same network as rows."""
    links = chainer.links
    chain = chainer.Chain(
        conv=links.Convolution2D(3, 6, 3, stride=2),
        deep=chainer.Chain(
            grouped=links.Convolution2D(6, 4, 3, pad=1, groups=2),
            up=links.Deconvolution2D(4, 5, 2, stride=2),
        ),
        act=links.PReLU((5,)),
        score=links.Linear(5 * 8 * 8, 7),
    )
    for parameter in chain.params():
        parameter.array[...] = rng.normal(0, 0.3, parameter.shape)
    rows = [
        Layer("conv", "Convolution", num_output=6, kernel_size=3, stride=2),
        Layer("deep/grouped", "Convolution", num_output=4, kernel_size=3, pad=1, group=2),
        Layer("deep/up", "Deconvolution", num_output=5, kernel_size=2, stride=2),
        Layer("act", "PReLU"),
        Layer("score", "InnerProduct", num_output=7),
    ]
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        scores = chain.score(chain.act(chain.deep.up(chain.deep.grouped(chain.conv(X)))))
    return chain, rows, scores.array


@pytest.mark.parametrize("file", ["packed.npz", "plain.npz", "packed.h5", "plain.hdf5"])
def test_a_chain_by_hand_gives_the_same_logits(chainer, tmp_path, file):
    chain, rows, scores = chain_by_hand(chainer)
    path, packed = str(tmp_path / file), file.startswith("packed")
    if file.endswith(".npz"):
        chainer.serializers.save_npz(path, chain, compression=packed)
    else:
        chainer.serializers.save_hdf5(path, chain, compression=4 if packed else None)
    with Deel():
        network = Network(rows, in_size=9, modelpath=path)
    check_close(logits(network), scores)
    assert not network.untrained


def test_large_arrays_of_hdf5_come_back_from_many_pieces(chainer, tmp_path):
    link = chainer.links.Linear(243, 1999)
    link.W.array[...] = rng.normal(size=link.W.shape)
    chainer.serializers.save_hdf5(str(tmp_path / "fc.h5"), chainer.Chain(fc=link))
    import h5py

    with h5py.File(tmp_path / "fc.h5") as file:
        assert all(np.divide((1999, 243), file["fc/W"].chunks) > 2)
    with Deel():
        rows = [Layer("fc", "InnerProduct", num_output=1999)]
        network = Network(rows, in_size=9, modelpath=tmp_path / "fc.h5")
        np.testing.assert_array_equal(
            network.engine.state(network.module)["fc"]["weight"], link.W.array
        )


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_other_floats_and_orders_of_axes(tmp_path, kind, order):
    matrix = rng.integers(-9, 9, (2, 243)).astype(kind, order=order)
    path = save_npz(tmp_path / "x.npz", fc__W=matrix, fc__b=np.array([1, 2], kind))
    with Deel():
        got = one(modelpath=path).run({"data": X})["fc"]
    np.testing.assert_allclose(got, X.reshape(2, -1) @ matrix.T + [1, 2], rtol=1e-5, atol=1e-4)


def test_a_header_as_python_2_wrote_it(tmp_path):
    def member(array, shape):
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + bytes([118, 0]) + text.encode() + array.tobytes()

    with zipfile.ZipFile(tmp_path / "old.npz", "w") as file:
        file.writestr("fc/W.npy", member(np.ones((2, 243), "<f4"), "(2L, 243L)"))
        file.writestr("fc/b.npy", member(np.ones(2, "<f4"), "(2L,)"))
    with Deel():
        got = one(modelpath=tmp_path / "old.npz").run({"data": X})["fc"]
    np.testing.assert_allclose(got[:, 0], X.sum((1, 2, 3)) + 1, rtol=1e-4)


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FileError, match=r"x.npz: cannot be written \(No space left on device\)"):
        mixed().save(tmp_path / "x.npz")
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())
