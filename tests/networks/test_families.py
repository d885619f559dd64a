"""The published families: as large as their papers say, and named as the published files are."""

import math

import pytest

from deelish.errors import PlanError
from deelish.networks import CARDS, FAMILIES, NetworkInNetwork
from deelish.plan import summary


def weighted(card: str) -> dict[str, tuple[int, ...]]:
    """The first array of every layer that a file must hold, by layer name."""
    plan = CARDS[card].plan()
    return {name: next(iter(plan.weights[name].values())).shape for name in plan.test_layers}


@pytest.mark.parametrize(
    ("card", "parameters"),
    [
        # As the papers, the authors' pages and the sizes of the published files have it.
        ("alexnet", 60_965_224),
        ("caffenet", 60_965_224),
        ("vgg16", 138_357_544),
        ("vgg_s", 102_908_520),
        # torchvision's 25,557,032, whose first convolution has no biases, and 64 of them.
        ("resnet50", 25_557_032 + 64),
        ("resnet101", 44_549_160),
        ("resnet152", 60_192_808),
        ("squeezenet1.0", 1_248_424),
        ("squeezenet1.1", 1_235_496),
        ("nin", 7_595_176),
        ("nin_cifar10", 966_986),
        # The files of 45,661,480 and 45,649,168 bytes hold four a parameter, and the names.
        ("age", 11_415_048),
        ("gender", 11_411_970),
        ("googlenet", 6_998_552),
        ("places205-googlenet", 6_998_552 - 795 * 1025),
    ],
)
def test_parameters_as_published(card, parameters):
    assert summary.parameters(CARDS[card].plan()) == parameters


@pytest.mark.parametrize(
    ("card", "millions"),
    # In the papers: VGG-16 15.3 G in its convolutions alone, ResNets 3.8, 7.6 and 11.3 G.
    [("vgg16", 15_470), ("resnet50", 3_800), ("resnet101", 7_600), ("resnet152", 11_300)],
)
def test_multiply_adds_as_published(card, millions):
    assert summary.multiply_adds(CARDS[card].plan()) / 1e6 == pytest.approx(millions, rel=0.02)


@pytest.mark.parametrize(
    ("card", "shapes"),
    [
        ("alexnet", {"conv1": (96, 55, 55), "pool2": (256, 13, 13), "pool5": (256, 6, 6)}),
        ("caffenet", {"norm1": (96, 27, 27), "pool5": (256, 6, 6)}),
        ("vgg16", {"pool1": (64, 112, 112), "pool5": (512, 7, 7), "fc6": (4096,)}),
        ("vgg_s", {"pool1": (96, 37, 37), "pool2": (256, 17, 17), "pool5": (512, 6, 6)}),
        ("resnet50", {"pool1": (64, 56, 56), "res3a": (512, 28, 28), "res5c": (2048, 7, 7)}),
        ("squeezenet1.0", {"pool1": (96, 55, 55), "fire9/concat": (512, 13, 13)}),
        ("squeezenet1.1", {"pool1": (64, 56, 56), "conv10": (1000, 14, 14)}),
        ("nin_cifar10", {"pool1": (96, 16, 16), "pool2": (192, 8, 8), "cccp6": (10, 8, 8)}),
        ("age", {"conv1": (96, 56, 56), "pool5": (384, 7, 7), "fc8": (8,)}),
        ("emotion", {"conv2": (256, 37, 37), "pool5": (512, 7, 7), "fc7": (4048,)}),
    ],
)
def test_maps_as_published(card, shapes):
    plan = CARDS[card].plan()
    assert {name: plan.shapes[plan.blob_of(name)][1:] for name in shapes} == shapes


def test_alexnet_is_cut_in_two_groups_and_the_reference_net_pools_first():
    assert weighted("alexnet")["conv2"] == (256, 48, 5, 5)
    assert weighted("alexnet") == weighted("caffenet")
    orders = [
        [row.name for row in CARDS[card].plan().layers if row.type in ("LRN", "Pooling")]
        for card in ("alexnet", "caffenet")
    ]
    assert orders == [
        ["norm1", "pool1", "norm2", "pool2", "pool5"],
        ["pool1", "norm1", "pool2", "norm2", "pool5"],
    ]


@pytest.mark.parametrize(("depth", "blocks"), [(50, 16), (101, 33), (152, 50)])
def test_a_resnet_has_the_names_of_its_file(depth, blocks):
    """Names as in the authors' nets: three or four convolutions a block, two rows with each."""
    third = {50: "abcd", 101: ["a", "b1", "b2", "b3"], 152: ["a", *(f"b{n}" for n in range(1, 8))]}
    fourth = {50: "abcdef", 101: 23, 152: 36}[depth]
    if isinstance(fourth, int):
        fourth = ["a", *(f"b{n}" for n in range(1, fourth))]
    names = {"conv1", "bn_conv1", "scale_conv1", "fc1000"}
    for stage, letters in ((2, "abc"), (3, third[depth]), (4, fourth), (5, "abc")):
        for letter in letters:
            branches = ["branch2a", "branch2b", "branch2c", *(["branch1"] if letter == "a" else [])]
            names |= {f"{p}{stage}{letter}_{b}" for b in branches for p in ("res", "bn", "scale")}
    plan = CARDS[f"resnet{depth}"].plan()
    assert set(plan.weights) == names
    assert sum(row.type == "Eltwise" for row in plan.layers) == blocks
    assert plan.layer("res3a_relu").bottoms == plan.layer("res3a_relu").tops == ("res3a",)
    assert plan.layer("scale4a_branch1").tops == ("res4a_branch1",)


def test_the_strides_of_a_resnet_sit_in_the_first_convolution():
    plan = CARDS["resnet50"].plan()
    strided = [row.name for row in plan.layers if row.args.get("stride", 1) == 2]
    stages = [f"res{stage}a_{branch}" for stage in (3, 4, 5) for branch in ("branch1", "branch2a")]
    assert strided == ["conv1", "pool1", *stages]
    biased = [name for name, blobs in plan.weights.items() if "bias" in blobs]
    assert [name for name in biased if not name.startswith("scale")] == ["conv1", "fc1000"]
    assert "bias" not in CARDS["resnet101"].plan().weights["conv1"]


def test_the_poolings_of_squeezenet():
    for version, names in (
        ("1.0", ["pool1", "pool4", "pool8"]),
        ("1.1", ["pool1", "pool3", "pool5"]),
    ):
        plan = CARDS[f"squeezenet{version}"].plan()
        assert [row.name for row in plan.layers if row.type == "Pooling"] == [*names, "pool10"]
        assert plan.weights["fire9/expand3x3"]["weight"].shape == (256, 64, 3, 3)
        assert plan.layer("fire9/relu_expand3x3").tops == ("fire9/expand3x3",)


def test_nin_has_the_names_of_its_file():
    layers = weighted("nin")
    assert layers["conv4-1024"] == (1024, 384, 3, 3)
    assert layers["cccp7-1024"] == (1024, 1024, 1, 1)
    assert layers["cccp8-1024"] == (1000, 1024, 1, 1)
    relus = [row.name for row in CARDS["nin"].plan().layers if row.type == "ReLU"]
    assert relus == [f"relu{n}" for n in (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12)]
    assert NetworkInNetwork(labels=3, in_size=32).layerDim("cccp8") == (3, 1, 1)


def test_vgg_and_faces_have_the_names_of_their_files():
    numbers = [f"{s}_{n}" for s in range(1, 6) for n in range(1, 4 if s > 2 else 3)]
    fc = {"fc6", "fc7", "fc8"}
    assert set(weighted("vgg16")) == {f"conv{n}" for n in numbers} | fc
    assert set(weighted("vgg_s")) == {f"conv{n}" for n in range(1, 6)} | fc
    assert set(weighted("age")) == {"conv1", "conv2", "conv3"} | fc
    emotion = weighted("emotion")
    assert (emotion["fc7"], emotion["fc8_cat"]) == ((4048, 4048), (7, 4048))
    plan = CARDS["vgg_s"].plan()
    norm = dict(plan.layer("norm1").args)
    assert (norm["local_size"], norm["alpha"], norm["beta"], norm["k"]) == (5, 5e-4, 0.75, 2.0)


def test_first_values_are_those_of_the_published_nets():
    def fillers(card, layer):
        args = CARDS[card].plan().layer(layer).args
        return args["weight_filler"], args["bias_filler"]

    assert fillers("alexnet", "conv2") == ({"type": "gaussian", "std": 0.01}, 0.1)
    assert fillers("alexnet", "conv3") == ({"type": "gaussian", "std": 0.01}, 0.0)
    assert fillers("caffenet", "fc6") == ({"type": "gaussian", "std": 0.005}, 1.0)
    assert fillers("age", "fc8") == ({"type": "gaussian", "std": 0.01}, 0.0)
    assert fillers("resnet50", "res2a_branch2b") == ("msra", 0.0)
    assert fillers("squeezenet1.1", "fire2/squeeze1x1") == ("xavier", 0.0)
    assert fillers("places205-googlenet", "conv1/7x7_s2") == ("xavier", 0.2)


@pytest.mark.parametrize("card", CARDS)
def test_another_number_of_classes_at_another_size(card):
    plan = CARDS[card].plan(7, 67)
    assert plan.classes == 7
    assert math.prod(plan.shapes["prob"]) == 7
    assert plan.inputs == {"data": (1, 3, 67, 67)}
    assert plan.name == CARDS[card].family


@pytest.mark.parametrize(
    ("card", "least"),
    [("alexnet", 39), ("vgg_s", 31), ("age", 35), ("emotion", 7), ("nin_cifar10", 4)],
)
def test_the_smallest_size_is_the_one_that_is_told(card, least):
    assert CARDS[card].plan(7, least).classes == 7
    with pytest.raises(PlanError, match=r"layer '.*' \(.*\): its kernel .* take a larger in_size"):
        CARDS[card].plan(7, least - 1)
    family = next(f for f in FAMILIES.values() if f.__name__ == CARDS[card].family)
    assert f"{least} up" in family.__doc__ or f"{least} pixels up" in family.__doc__
