"""Files of networks: whole or not at all, the same to the bit, and refused if they are others."""

import json
import os
import stat

import numpy as np
import pytest
from helpers import small

from deelish import Deel, Layer, Network
from deelish.errors import CaffeError, DeelishError, FileError

pytestmark = pytest.mark.usefixtures("each_engine")

EXTENSIONS = [".hdf5", ".safetensors", ".caffemodel"]
LABELS = ["tabby cat", "dog", "größe", "x"]
rng = np.random.default_rng(0)
IMAGE = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)


@pytest.fixture
def network():
    with Deel(seed=1):
        rows = [
            Layer("a/3x3", "Convolution", num_output=4, kernel_size=3, stride=(1, 2)),
            Layer("a/bn", "BatchNorm"),
            Layer("a/scale", "Scale", bias_term=True),
            Layer("score", "InnerProduct", num_output=4, weight_filler="xavier"),
            Layer("prob", "Softmax"),
        ]
        facts = {"in_size": 12, "order": "BGR", "mean": (1.5, 2.0, 3.25), "scale": 0.1}
        network = Network(rows, labels=LABELS, name="Mine", **facts)
        network.untrained.clear()
        network.module.weights_of("a/bn").factor[...] = 2.0
        yield network


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_saved_network_gives_the_same_bits_and_needs_nothing_else(network, tmp_path, extension):
    path = network.save(tmp_path / f"mine{extension}")
    before = network.classify(IMAGE).value
    with Deel(seed=2):
        again = Network.load(path)
        assert np.array_equal(again.classify(IMAGE).value, before)
    assert again.labels == LABELS
    assert again.preprocessing == network.preprocessing
    assert again.plan.to_dict() == network.plan.to_dict()
    assert repr(again) == repr(network)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_layers_that_were_never_trained_are_still_new_after_loading(network, tmp_path, extension):
    network.untrained.add("score")
    path = network.save(tmp_path / f"mine{extension}")
    assert Network.load(path).untrained == {"score"}


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_weights_go_into_a_network_by_name(network, tmp_path, extension):
    path = network.save(tmp_path / f"mine{extension}")
    plan = network.plan
    facts = {"in_size": 12, "order": "BGR", "mean": (1.5, 2.0, 3.25), "scale": 0.1}
    other = Network(plan, modelpath=path, **facts)
    assert np.array_equal(other.classify(IMAGE).value, network.classify(IMAGE).value)
    assert not other.untrained


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.999])
def test_a_truncated_file_is_refused_by_name(network, tmp_path, extension, fraction):
    path = network.save(tmp_path / f"mine{extension}")
    data = path.read_bytes()
    path.write_bytes(data[: int(fraction * len(data))])
    with pytest.raises((FileError, CaffeError), match=f"mine{extension}"):
        Network.load(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_changed_byte_is_refused_or_changes_nothing(network, tmp_path, extension):
    path = network.save(tmp_path / f"mine{extension}")
    data, before, refusals = path.read_bytes(), network.classify(IMAGE).value, []
    for place in np.random.default_rng(1).integers(0, len(data), 60):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            again = Network.load(path)
        except DeelishError as error:
            refusals.append(str(error))
        else:
            # A byte of padding, or one that only other programs read.
            assert np.array_equal(again.classify(IMAGE).value, before)
            assert again.labels == LABELS
    assert len(refusals) > 20
    assert all(str(path) in refusal for refusal in refusals)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize(
    "content", [b"<html>no such page</html>", b"\x80\x04\x95pickle", b"PK\x03\x04"]
)
def test_a_foreign_file_is_refused_by_name(tmp_path, extension, content):
    path = tmp_path / f"foreign{extension}"
    path.write_bytes(content)
    with pytest.raises((FileError, CaffeError), match=f"foreign{extension}"):
        Network.load(path)


def test_hdf5_and_safetensors_of_others_are_refused(tmp_path):
    import h5py
    from safetensors.numpy import save_file

    with h5py.File(tmp_path / "keras.hdf5", "w") as file:
        file["model_weights/dense/kernel"] = np.zeros(3)
    with pytest.raises(FileError, match=r"keras.hdf5: is HDF5 but holds no .*not a network of"):
        Network.load(tmp_path / "keras.hdf5")
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(FileError, match=r"other.safetensors: is safetensors but holds no"):
        Network.load(tmp_path / "other.safetensors")


def test_hdf5_that_links_out_of_the_file_is_refused(network, tmp_path):
    import h5py

    secret = tmp_path / "secret.hdf5"
    path = network.save(tmp_path / "mine.hdf5")
    with h5py.File(path) as file:
        shape = file["layers/score/weight"].shape
    with h5py.File(secret, "w") as file:
        file["weight"] = np.zeros(shape, np.float32)
    with h5py.File(path, "a") as file:
        del file["layers/score/weight"]
        file["layers/score/weight"] = h5py.ExternalLink(str(secret), "weight")
    with pytest.raises(FileError, match="is a link out of the file; such files are refused"):
        Network.load(path)


def test_a_later_format_says_to_update(network, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    path = network.save(tmp_path / "mine.safetensors")
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["deelish"])
    header |= {"format": 99, "deelish": "9.9"}
    save_file(load_file(path), path, metadata={"deelish": json.dumps(header)})
    with pytest.raises(FileError, match=r"written by deelish 9.9 in format 99.*update deelish"):
        Network.load(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    network, tmp_path, monkeypatch, extension
):
    path = network.save(tmp_path / f"mine{extension}")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"mine.* cannot be written \(No space left on device\)"):
        network.save(path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_write_that_fails_without_a_word_is_refused_all_the_same(network, tmp_path, monkeypatch):
    def silent(*_):
        raise OSError

    monkeypatch.setattr(os, "fsync", silent)
    with pytest.raises(FileError, match=r"mine.hdf5: cannot be written \(OSError\)"):
        network.save(tmp_path / "mine.hdf5")


def test_a_path_that_cannot_be_written_is_refused(network, tmp_path):
    with pytest.raises(FileError, match=r"written \(there is no folder .*nowhere\); give a folder"):
        network.save(tmp_path / "nowhere" / "mine.hdf5")
    (tmp_path / "folder.hdf5").mkdir()
    with pytest.raises(FileError, match=r"folder.hdf5: is a folder; give the name of a file"):
        network.save(tmp_path / "folder.hdf5")
    with pytest.raises(FileError, match=r"mine.pkl: networks have the file extensions .hdf5"):
        network.save(tmp_path / "mine.pkl")


def test_a_saved_file_has_the_rights_of_any_new_file(network, tmp_path):
    path = network.save(tmp_path / "mine.hdf5")
    (tmp_path / "plain").write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def wide(**args):
    return small("Wide", outputs=6, **args)


def test_misfits_are_listed_with_shapes_and_the_cure(tmp_path):
    with Deel():
        small().save(tmp_path / "small.caffemodel")
        with pytest.raises(
            FileError,
            match=r"small.caffemodel does not fit Wide, 1 of its layers differ: layer 'score'"
            r" \(InnerProduct\): weights are \(4, 16\) and \(4,\) in the file, \(6, 16\) and"
            r" \(6,\) in the network; load it with the network it was made for, or pass outputs=",
        ):
            wide(modelpath=tmp_path / "small.caffemodel")


def test_a_last_layer_for_other_labels_is_replaced_and_reported(tmp_path, capsys):
    with Deel():
        first = small()
        first.untrained.clear()
        first.save(tmp_path / "small.safetensors")
        network = wide(labels=6, modelpath=tmp_path / "small.safetensors")
    assert network.untrained == {"score"}
    said = "Wide: score: new, (6, 16) instead of the file's (4, 16); train it before use"
    assert said in capsys.readouterr().out
    assert "new: score" in repr(network)


def test_missing_and_extra_layers_are_listed(tmp_path):
    rows = [
        Layer("first", "InnerProduct", num_output=3),
        Layer("score", "InnerProduct", num_output=2),
    ]
    facts = {"in_size": 8, "order": "L", "mean": (0.0,)}
    with Deel():
        Network(rows, name="Two", **facts).save(tmp_path / "two.hdf5")
        facts["modelpath"] = tmp_path / "two.hdf5"
        with pytest.raises(FileError, match="layer 'first': has weights in the file, none in"):
            Network(rows[1:], name="One", **facts)
        rows.insert(1, Layer("second", "InnerProduct", num_output=3))
        with pytest.raises(
            FileError, match=r"layer 'second' \(InnerProduct\): missing in the file"
        ):
            Network(rows, name="Three", **facts)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_weights_that_were_never_trained_do_not_become_so_by_a_file(tmp_path, extension):
    with Deel():
        network = small()
        network.untrained.discard("hidden")
        network.save(tmp_path / f"new{extension}")
        assert small(modelpath=tmp_path / f"new{extension}").untrained == {"score"}


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_labels_come_with_the_weights_and_other_pixels_are_reported(tmp_path, capsys, extension):
    with Deel():
        small(labels=LABELS).save(tmp_path / f"small{extension}")
        again = small(modelpath=tmp_path / f"small{extension}")
        assert again.labels == LABELS
        assert capsys.readouterr().out == ""
        small(modelpath=tmp_path / f"small{extension}", mean=(9.0,))
    said = "was trained on L, mean (0.0,), scale 0.00392157, and this network takes L, mean (9.0,)"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, bad):
    with Deel():
        network = small()
        network.module.weights_of("hidden").weight.data[1, 2] = bad
        network.write(tmp_path / "bad.caffemodel")
        with pytest.raises(FileError, match=r"layer 'hidden' \(InnerProduct\): .* NaN or infinite"):
            small(modelpath=tmp_path / "bad.caffemodel")


@pytest.mark.parametrize("extension", [".safetensors", ".hdf5", ".caffemodel", ".npz", ".onnx"])
def test_a_network_that_is_saved_again_has_the_same_bytes(tmp_path, extension):
    with Deel(seed=1):
        made = small("Größe 'ä' \u2028")
        found = {made.save(tmp_path / f"{number}{extension}").read_bytes() for number in range(12)}
    assert len(found) == 1
