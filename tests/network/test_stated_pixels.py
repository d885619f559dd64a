"""The preprocessing of another library's model: given, of a preset, of the model, or default."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from models_of_others import Usual, eights

from deelish import Deel
from deelish.errors import DataError
from deelish.language.teachers import Teacher
from deelish.plan.preprocessing import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SEEN = {
    "mean": pytest.approx([255 * value for value in MEAN]),
    "scale": pytest.approx([1 / (255 * value) for value in STD]),
}


@pytest.fixture(autouse=True)
def session():
    with Deel() as deel:
        yield deel


def preset(**changes):
    """The attributes of torchvision's ImageClassification."""
    facts = {"crop_size": [224], "resize_size": [232], "mean": list(MEAN), "std": list(STD)}
    return SimpleNamespace(**facts | changes)


def timm(**changes):
    """A module with timm's pretrained_cfg."""
    module = Usual()
    facts = {"input_size": (3, 8, 8), "mean": MEAN, "std": STD, "crop_pct": 0.8}
    module.pretrained_cfg = facts | changes
    return module


def test_a_preset_of_torchvision_is_used():
    made = Teacher(Usual(), preprocessing=preset()).preprocessing
    assert (made.size, made.order, made.resize_size()) == (224, "RGB", 232)
    assert {"mean": made.mean, "scale": made.scale} == SEEN
    assert Teacher(Usual(), preprocessing=preset(resize_size=None)).preprocessing.crop == 1


def test_a_teacher_gets_the_input_that_torchvision_would_make():
    seen = []

    def model(values):
        seen.append(values)
        return np.ones((len(values), 4), np.float32)

    Teacher(model, preprocessing=preset(crop_size=[8], resize_size=[8])).batch_feature(eights())
    expected = ((eights() / 255 - MEAN) / STD).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(seen[0], expected, atol=1e-5)


def test_the_pretrained_cfg_of_timm_is_used():
    made = Teacher(timm()).preprocessing
    assert (made.size, made.order, made.crop) == (8, "RGB", 0.8)
    assert {"mean": made.mean, "scale": made.scale} == SEEN
    made = Teacher(timm(input_size=(1, 28, 28), mean=(0.5,), std=(0.25,))).preprocessing
    assert made == Preprocessing(28, "L", (127.5,), (1 / 63.75,), 0.8, "center", "bicubic")


@pytest.mark.parametrize(("names", "expected"), [("cat dog", ["cat", "dog"]), ("LABEL_0", None)])
def test_the_config_of_hugging_face_is_used(names, expected):
    module = Usual()
    module.config = SimpleNamespace(id2label=dict(enumerate(names.split())), image_size=8)
    teacher = Teacher(module, mean=127.5, scale=1 / 127.5)
    assert (teacher.preprocessing.size, teacher.labels) == (8, expected)


def test_arguments_override_a_preset_and_a_preset_the_model():
    teacher = Teacher(timm(), preprocessing=preset(), size=192, order="BGR")
    made = teacher.preprocessing
    assert (made.size, made.order, made.crop) == (192, "BGR", pytest.approx(224 / 232))


def test_a_preprocessing_of_deelish_is_used_as_it_is():
    expected = Preprocessing(8, "BGR", (1.0, 2.0, 3.0), 0.5, 0.9)
    assert Teacher(Usual(), preprocessing=expected).preprocessing == expected


def test_default_mean_and_scale_are_printed(capsys):
    Teacher(Usual(), size=8)
    printed = capsys.readouterr().out
    assert printed == (
        "Usual: takes the middle 8 x 8 of the shorter side at 9, RGB pixels minus 127.5, times"
        " 0.00784314, as order, mean, scale, crop, crop_mode and interpolation were not given;"
        " pass those that it was trained with\n"
    )
    way = {"order": "RGB", "crop_mode": "squash", "interpolation": "bilinear"}
    Teacher(Usual(), size=8, mean=[1, 2, 3], scale=[1, 2, 3], **way)
    printed = capsys.readouterr().out
    assert printed == (
        "Usual: takes the middle 8 x 8 of 9 x 9, RGB pixels minus 1, 2, 3, times 1, 2, 3, as crop"
        " was not given; pass those that it was trained with\n"
    )
    Teacher(Usual(), size=8, mean=[1, 2, 3], scale=[1, 2, 3], crop=1, **way)
    Teacher(timm())
    Teacher(Usual(), preprocessing=preset(interpolation=SimpleNamespace(value="bilinear")))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "the torch module does not give the size of its images; pass size=224, or pre"),
        (
            {"size": 8, "mean": MEAN},
            "mean is .0.485, 0.456, 0.406., which is that of pixels from 0",
        ),
        ({"size": 8, "mean": (1.0, 2.0)}, "mean has 2 numbers; give 1 or 3 for order 'RGB'"),
        ({"size": 8, "mean": "grey"}, "mean='grey'; give a number, or one per channel"),
        ({"size": 0, "mean": 0}, "size is 0; give whole pixels"),
        ({"preprocessing": len}, "preprocessing=builtin_function_or_method lacks the mean, std"),
        ({"preprocessing": preset(std=[0, 1, 1])}, r"std is \(0, 1, 1\); give numbers above 0"),
        ({"preprocessing": preset(crop_size=[8, 9])}, r"images are \[8, 9\]; a view is square"),
    ],
)
def test_preprocessing_that_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        Teacher(Usual(), **arguments)


def test_every_configuration_of_timm_resizes_to_what_timm_does():
    models = pytest.importorskip("timm.models")
    keys = ("input_size", "crop_pct", "crop_mode", "interpolation", "mean", "std")
    compared = set()
    for name in models.list_pretrained():
        config = models.get_pretrained_cfg(name).to_dict()
        # Most are like those of another model.
        if (facts := tuple(config[key] for key in keys)) in compared:
            continue
        channels, height, width = config["input_size"]
        if height != width:
            continue
        module = Usual()
        module.pretrained_cfg = config | {"first_conv": None}
        made = Teacher(module).preprocessing
        assert made.rendering().resize_size == math.floor(height / config["crop_pct"]), name
        way = (made.size, made.channels, made.crop_mode, made.interpolation, made.antialias)
        assert way == (height, channels, config["crop_mode"], config["interpolation"], True)
        compared.add(facts)
    assert len(compared) > 100


def test_every_classification_preset_of_torchvision_is_read():
    models = pytest.importorskip("torchvision.models")
    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            stated = weights.transforms()
            made = Teacher(Usual(), preprocessing=stated).preprocessing
            assert [made.size] == stated.crop_size
            assert [made.rendering().resize_size] == stated.resize_size
            assert (made.crop_mode, made.interpolation) == ("center", stated.interpolation.value)
            assert made.antialias is stated.antialias


def test_the_published_crop_holds_at_another_size():
    made = Teacher(timm(crop_pct=0.95), size=224).preprocessing
    assert made.rendering().resize_size == 235
    assert Teacher(timm(crop_pct=0.95), size=224, crop=0.5).preprocessing.crop == 0.5


def test_a_transformer_made_for_another_size_is_given_that():
    models = pytest.importorskip("timm")
    vit = models.create_model("vit_tiny_patch16_224", pretrained=False, img_size=32)
    assert Teacher(vit).preprocessing.size == 32
    with pytest.raises(DataError, match="its size would be 48, but the torch module takes 32 alo"):
        Teacher(vit, size=48)


def test_a_module_of_one_channel_gets_grey_and_no_mean_of_three(capsys):
    models = pytest.importorskip("timm")
    grey = models.create_model("resnet10t", pretrained=False, in_chans=1)
    made = Teacher(grey).preprocessing
    assert (made.order, made.mean) == ("L", (127.5,))
    assert "as mean and scale were not given" in capsys.readouterr().out
    with pytest.raises(DataError, match="its channels would be 3, but the torch module takes 1"):
        Teacher(grey, order="RGB")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop_mode": "centre"}, "crop_mode is 'centre'; give 'squash', 'center' or 'border'"),
        ({"interpolation": "cubic"}, "interpolation is 'cubic'; give 'nearest', 'box', "),
        ({"antialias": 1}, "antialias is 1; give True or False"),
        ({"interpolation": "lanczos", "antialias": False}, "'lanczos' exists with antialias=True"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        Teacher(Usual(), size=8, mean=0, scale=1, **arguments)
