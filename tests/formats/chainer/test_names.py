"""Names in weight files of Chainer: what fits no layer is refused, and Chainer's own examples are
mapped to the families."""

import numpy as np
import pytest

from deelish import Deel, Layer, Network
from deelish.errors import FileError
from deelish.networks import GoogLeNet, NetworkInNetwork

rng = np.random.default_rng(0)
ALONE = "holds weights of Chainer alone, no network; give it as modelpath= to the network that it"


def save_npz(path, **extra):
    """A file of NumPy with the arrays of `one`, and further ones under names with slashes."""
    arrays = {"fc/W": np.ones((2, 243), "f"), "fc/b": np.zeros(2, "f")}
    arrays |= {name.replace("__", "/"): array for name, array in extra.items()}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def one(**args):
    return Network([Layer("fc", "InnerProduct", num_output=2)], in_size=9, name="One", **args)


def test_numbers_that_only_keep_chainers_books_are_left_out(chainer, tmp_path, capsys):
    chain = chainer.Chain(fc=chainer.links.Linear(243, 2))
    chain.fc.add_persistent("N", 3)
    chain.fc.add_persistent("last", None)
    chain.add_persistent("rounds", 7)
    chainer.serializers.save_npz(str(tmp_path / "x.npz"), chain)
    chainer.serializers.save_hdf5(str(tmp_path / "x.h5"), chain)
    with Deel():
        for file in ("x.npz", "x.h5"):
            one(modelpath=tmp_path / file)
            said = capsys.readouterr().out
            assert f"bookkeeping in {file}; ignored" in said
            assert all(name in said for name in ("rounds", "fc/N", "fc/last"))


@pytest.mark.parametrize("file", ["x.npz", "x.h5"])
def test_a_file_without_a_plan_is_not_loaded_alone(chainer, tmp_path, file):
    save = getattr(chainer.serializers, "save_npz" if file.endswith("npz") else "save_hdf5")
    save(str(tmp_path / file), chainer.Chain(fc=chainer.links.Linear(243, 2)))
    with pytest.raises(FileError, match=f"{file}: {ALONE}"):
        Network.load(tmp_path / file)


def test_links_that_the_network_lacks_are_refused(tmp_path):
    books = {"opt__t": np.array(3), "bn__N": np.array(0), "bn__gamma": np.ones(3, "f")}
    with (
        Deel(),
        pytest.raises(
            FileError,
            match=r"x.npz does not fit One, 2 of its layers differ: layer 'opt': has weights in the"
            r" file, none in the network; layer 'bn': has weights in the file, none",
        ),
    ):
        one(modelpath=save_npz(tmp_path / "x.npz", **books))


def test_an_array_that_the_layer_lacks_is_named(tmp_path):
    path = save_npz(tmp_path / "x.npz", fc__gamma=np.ones(3, "f"))
    with (
        Deel(),
        pytest.raises(
            FileError,
            match=r"x.npz: the link 'fc' has the arrays 'W', 'b', 'gamma', where layer 'fc'"
            r" \(InnerProduct\) has 'W', 'b'; load it with the network it was made for",
        ),
    ):
        one(modelpath=path)


def test_other_shapes_are_listed_as_in_any_file_and_a_classifier_may_go(tmp_path, capsys):
    path = save_npz(tmp_path / "x.npz", fc__W=np.ones((4, 243), "f"), fc__b=np.ones(4, "f"))
    misfit = r"weights are \(4, 243\) and \(4,\) in the file, \(2, 243\) and \(2,\) in the network"
    with Deel():
        with pytest.raises(FileError, match=misfit):
            one(modelpath=path)
        assert one(modelpath=path, labels=2).untrained == {"fc"}


def test_a_layer_without_its_bias_is_refused(tmp_path):
    path = save_npz(tmp_path / "x.npz", fc__b=None)
    with Deel(), pytest.raises(FileError, match=r"weights are \(2, 243\) in the file, \(2, 243\) "):
        one(modelpath=path)


def test_a_link_that_never_ran_is_refused(chainer, tmp_path):
    chain = chainer.Chain(fc=chainer.links.Linear(None, 2))
    for file, save in (("x.npz", "save_npz"), ("x.h5", "save_hdf5")):
        getattr(chainer.serializers, save)(str(tmp_path / file), chain)
        with (
            Deel(),
            pytest.raises(
                FileError, match=rf"{file}: fc/W holds None or one whole number, where layer 'fc' "
            ),
        ):
            one(modelpath=tmp_path / file)


def pixels():
    return rng.normal(size=(2, 3, 32, 32)).astype(np.float32)


def randomised(chain):
    """Weights of He's spread, so that the scores depend on every layer."""
    for array in (parameter.array for parameter in chain.params()):
        spread = np.sqrt(2 / np.prod(array.shape[1:])) if array.ndim > 1 else 0.1
        array[...] = rng.normal(0, spread, array.shape)
    return chain


def googlenet(chainer):
    """The chain of Chainer's example for images of 32 x 32 and five classes."""
    links = chainer.links
    inception = {
        "3a": (192, 64, 96, 128, 16, 32, 32),
        "3b": (256, 128, 128, 192, 32, 96, 64),
        "4a": (480, 192, 96, 208, 16, 48, 64),
        "4b": (512, 160, 112, 224, 24, 64, 64),
        "4c": (512, 128, 128, 256, 24, 64, 64),
        "4d": (512, 112, 144, 288, 32, 64, 64),
        "4e": (528, 256, 160, 320, 32, 128, 128),
        "5a": (832, 256, 160, 320, 32, 128, 128),
        "5b": (832, 384, 192, 384, 48, 128, 128),
    }
    chain = chainer.Chain(
        conv1=links.Convolution2D(3, 64, 7, stride=2, pad=3),
        conv2_reduce=links.Convolution2D(64, 64, 1),
        conv2=links.Convolution2D(64, 192, 3, pad=1),
        loss3_fc=links.Linear(1024, 5),
        **{f"inc{block}": links.Inception(*widths) for block, widths in inception.items()},
    )
    for name, width in (("loss1", 512), ("loss2", 528)):
        chain.add_link(f"{name}_conv", links.Convolution2D(width, 128, 1))
        chain.add_link(f"{name}_fc1", links.Linear(128, 1024))
        chain.add_link(f"{name}_fc2", links.Linear(1024, 5))
    return randomised(chain)


def googlenet_scores(F, chain, x):
    """The example's logits, but for its LRN, which is Caffe's here."""

    def norm(h):
        return F.local_response_normalization(h, 5, k=1, alpha=1e-4 / 5, beta=0.75)

    def pool(h):
        return F.max_pooling_2d(h, 3, stride=2)

    h = norm(pool(F.relu(chain.conv1(x))))
    h = pool(norm(F.relu(chain.conv2(F.relu(chain.conv2_reduce(h))))))
    h = pool(chain.inc3b(chain.inc3a(h)))
    h = pool(chain.inc4e(chain.inc4d(chain.inc4c(chain.inc4b(chain.inc4a(h))))))
    return chain.loss3_fc(F.mean(chain.inc5b(chain.inc5a(h)), (2, 3)))


def nin(chainer):
    """The chain of Chainer's example for five classes, with a stride for images of 32 x 32."""
    mlp = chainer.links.MLPConvolution2D
    return randomised(
        chainer.Chain(
            mlpconv1=mlp(3, (96, 96, 96), 11, stride=2),
            mlpconv2=mlp(96, (256, 256, 256), 5, pad=2),
            mlpconv3=mlp(256, (384, 384, 384), 3, pad=1),
            mlpconv4=mlp(384, (1024, 1024, 5), 3, pad=1),
        )
    )


def nin_scores(F, chain, x):
    """The example's logits, but for the ReLU at the end, which Caffe's has."""
    h = x
    for block in (chain.mlpconv1, chain.mlpconv2, chain.mlpconv3):
        h = F.max_pooling_2d(F.relu(block(h)), 3, stride=2)
    return F.mean(F.relu(chain.mlpconv4(h)), (2, 3))


GIVEN = "links have names of Chainer's example and were given to this network's layers,"
SINCE = "and so on; train it before use, since that network has"
EXAMPLES = {
    GoogLeNet: (
        googlenet,
        googlenet_scores,
        f"64 {GIVEN} conv1 to conv1/7x7_s2 {SINCE} LRN of k 2 and alpha 5e-4, not 1 and 1e-4,",
    ),
    NetworkInNetwork: (
        nin,
        nin_scores,
        f"12 {GIVEN} mlpconv1/0 to conv1 {SINCE} no ReLU after its last convolution,",
    ),
}


@pytest.mark.parametrize("file", ["net.npz", "net.hdf5"])
@pytest.mark.parametrize("family", EXAMPLES)
def test_chainers_examples_fill_the_families(chainer, tmp_path, capsys, file, family):
    make, scores, said = EXAMPLES[family]
    chain, x = make(chainer), pixels()
    save = getattr(chainer.serializers, "save_npz" if file.endswith("npz") else "save_hdf5")
    save(str(tmp_path / file), chain, compression=0)
    with Deel():
        network = family(in_size=32, outputs=5, modelpath=tmp_path / file)
        ours = network.run({"data": x}, [network.plan.logits])[network.plan.logits]
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        theirs = scores(chainer.functions, chain, x).array
    np.testing.assert_allclose(ours.reshape(2, 5), theirs, atol=1e-5 * np.abs(theirs).max())
    assert theirs.std() > 0.01
    assert not network.untrained
    start, end = f"{family.__name__}: {file}:", "and may take other pixels"
    assert capsys.readouterr().out == f"{start} {said} {end}\n"


def test_another_number_of_classes_replaces_the_last_layer_only(chainer, tmp_path):
    chainer.serializers.save_npz(str(tmp_path / "nin.npz"), nin(chainer), compression=False)
    with Deel():
        network = NetworkInNetwork(in_size=32, outputs=7, modelpath=tmp_path / "nin.npz")
    assert network.untrained == {"cccp8-1024"}


def test_two_links_for_one_layer_are_refused(tmp_path):
    twice = {"mlpconv1/0/W": np.ones(1, "f"), "conv1/W": np.ones(1, "f")}
    np.savez(tmp_path / "x.npz", **twice)
    with Deel(), pytest.raises(FileError, match=r"x.npz: two of its links are for layer 'conv1'"):
        NetworkInNetwork(in_size=32, outputs=5, modelpath=tmp_path / "x.npz")
