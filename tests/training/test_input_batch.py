"""InputBatch: what it finds, and what it refuses."""

import shutil

import pytest
from helpers import small

from deelish import InputBatch
from deelish.errors import DataError
from deelish.networks import GoogLeNet, NetworkInNetwork
from deelish.plan.rendering import Rendering


def test_its_repr_shows_what_it_found(session, corners):
    assert repr(InputBatch(*corners, batch_size=8)) == (
        "64 images for training, 20 for validation, batches of 8"
    )


def test_views_are_cut_from_256_pixels_and_in_proportion(session, corners):
    nets = [
        GoogLeNet(labels=10),
        NetworkInNetwork(labels=10),
        NetworkInNetwork(labels=10, in_size=32),
    ]
    for options, renderings in (
        ({}, {(224, 256), (227, 256), (32, 37)}),
        ({"crop": 1}, {(224, 224), (227, 227), (32, 32)}),
    ):
        dataset = InputBatch(corners[0], **options)
        dataset.prepare(net.preprocessing for net in nets)
        assert dataset.train.renderings == {Rendering(*each) for each in renderings}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, r"InputBatch\(batch_size=0\): give a whole number above 0"),
        ({"batch_size": True}, r"InputBatch\(batch_size=True\): give a whole number above 0"),
        ({"views": 0}, r"InputBatch\(views=0\): give the number of views that an image has, a"),
        ({"views": 2.5}, r"InputBatch\(views=2.5\): .* number above 0, or 'centre'; left out"),
        ({"views": "center"}, r"InputBatch\(views='center'\): .* or 'centre'"),
        ({"views": True}, r"InputBatch\(views=True\): give the number of views"),
        (
            {"augment": "gray"},
            r"InputBatch\(augment=...\): there is no 'gray'; did you mean 'grey'",
        ),
        ({"augment": "grey", "views": "centre"}, r"InputBatch\(views='centre', augment=...\): the"),
        ({"mix": "mix-up"}, r"InputBatch\(mix='mix-up'\): it is 'mixup' or 'cutmix', or left out"),
        ({"top": 0}, r"InputBatch\(top=0\): give how many of the highest logits the teacher c"),
        ({"top": "5"}, r"InputBatch\(top='5'\): give how many"),
        ({"crop": 1.2}, r"InputBatch\(crop=1.2\): give the crop fraction"),
        ({"crop": True}, r"InputBatch\(crop=True\): give the crop fraction"),
        ({"mirror": "no"}, r"InputBatch\(mirror='no'\): it is True, False or 'alternate'"),
        # It equals True, and would have been taken for False.
        ({"mirror": 1}, r"InputBatch\(mirror=1\): it is True, False or 'alternate'"),
        ({"padding": 2}, r"InputBatch\(padding=2\): give the part of a view's side that may be"),
        ({"padding": -0.1}, r"InputBatch\(padding=-0.1\): give the part"),
        ({"padding": 0.1, "views": "centre"}, r"padding=0.1\): neither the centre nor a random"),
        (
            {"padding": 0.1, "augment": "random_resized_crop"},
            r"padding=0.1\): neither the centre nor a random resized crop reaches beyond the",
        ),
        (
            {"on_bad_image": "ignore"},
            r"on_bad_image='ignore'\): it is 'raise', 'skip' or 'replace'",
        ),
    ],
)
def test_options_are_checked(session, corners, options, words):
    with pytest.raises(DataError, match=words):
        InputBatch(corners[0], **options)


def test_labels_beyond_all_networks_are_refused_at_once(session, corners):
    network = small(outputs=3)
    with pytest.raises(DataError, match=r"train.txt line 4: label 3, but Small has 3 outputs"):
        InputBatch(*corners)
    assert network.plan.classes == 3


def test_one_image_in_both_sets_is_refused(session, corners):
    train, val = corners
    val.write_text("3.png 3\n70.png 2\n")
    with pytest.raises(DataError, match=r"val.txt line 1.*train.txt line 4|train.txt line 4.*val"):
        InputBatch(train, val)


def test_class_folders_must_be_the_same(session, corners):
    folder = corners[0].parent
    for path in ("a/ant/0.png", "a/bee/1.png", "b/ant/2.png", "b/cow/3.png"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path.rpartition("/")[2], folder / path)
    with pytest.raises(DataError, match="hold different class folders, for example 'bee' in only"):
        InputBatch(folder / "a", folder / "b")
    shutil.move(folder / "b" / "cow", folder / "b" / "bee")
    sets = InputBatch(folder / "a", folder / "b")
    assert [sample.label for sample in sets.train.samples] == [0, 1]


def test_how_many_logits_are_cached_is_recorded(session, corners):
    assert InputBatch(corners[0]).choices.top is None
    assert InputBatch(corners[0], top=10).choices.top == 10


def test_one_image_for_validation_is_enough_beside_mixed_training(session, corners):
    train, val = corners
    val.write_text("70.png 2\n")
    assert len(InputBatch(train, val, mix="mixup").val) == 1
    with pytest.raises(DataError, match=r"val.txt: there is one image, and mix='mixup' needs two"):
        InputBatch(val, mix="mixup")
