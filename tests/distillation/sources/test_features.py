"""Features of a torch module as a teacher: its embedding, what goes into a part, precision."""

import numpy as np
import pytest
import torch
from models_of_others import PIXELS, Usual, as_input, eights
from torch import nn

from deelish import Deel, Input, Teacher
from deelish.engines.torch import engine as torch_engine
from deelish.errors import PlanError, TrainingError


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def given(module, layer):
    """What goes into a part, by PyTorch itself."""
    found = []
    hook = module.get_submodule(layer).register_forward_pre_hook(lambda _, x: found.append(x[0]))
    with torch.no_grad():
        module.eval()(torch.from_numpy(as_input(eights())))
    hook.remove()
    return found[0].numpy()


def test_left_out_it_is_what_goes_into_the_last_layer():
    module = Usual()
    teacher, images = Teacher(module, **PIXELS, crop=1), Input(list(eights()))
    expected = given(module, "score")
    np.testing.assert_allclose(teacher.feature(images).value, expected, rtol=1e-5, atol=1e-6)
    named = teacher.feature(images, layer="input of score")
    np.testing.assert_allclose(named.value, expected, rtol=1e-5, atol=1e-6)


def test_a_map_before_the_last_layer_is_averaged():
    module = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 1), nn.AvgPool2d(6))
    teacher, images = Teacher(module, **PIXELS, crop=1), Input(list(eights()))
    expected = given(module, "2").mean((2, 3))
    np.testing.assert_allclose(teacher.feature(images).value, expected, rtol=1e-5, atol=1e-6)
    assert teacher.feature(images, layer="input of 2").shape == (6, 5, 6, 6)


def test_a_backbone_of_timm_is_its_own_embedding():
    timm = pytest.importorskip("timm")
    module = timm.create_model("test_resnet", num_classes=0)
    teacher = Teacher(module, size=32, mean=0, scale=1 / 255)
    images = Input(list(eights()))
    np.testing.assert_array_equal(
        teacher.feature(images).value, teacher.batch_feature(images).value
    )
    with_classes = Teacher(timm.create_model("test_resnet"), size=32, mean=0, scale=1 / 255)
    assert with_classes.embedding_blob == "input of fc"


def test_a_backbone_whose_last_layer_is_not_known_asks_for_one():
    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 3)

        def forward(self, x):
            return torch.relu(self.conv(x)).mean((2, 3))

    torch.manual_seed(0)
    teacher, images = Teacher(Backbone(), **PIXELS), Input(list(eights()))
    with pytest.raises(PlanError, match=r"Backbone: .* is not known; name a layer with layer="):
        teacher.feature(images)
    assert teacher.feature(images, layer="conv").shape == (6, 5, 6, 6)


def test_what_shows_no_layers_asks_for_another_teacher():
    teacher = Teacher(lambda batch: batch.mean((2, 3)), **PIXELS)
    with pytest.raises(PlanError, match="what goes into its last layer is not known"):
        teacher.feature(Input(list(eights())))
    with pytest.raises(PlanError, match="nearest are"):
        Teacher(Usual(), **PIXELS).feature(Input(list(eights())), layer="input of scor")


def test_a_layer_that_makes_no_tensor_is_refused():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    class Paired(Usual):
        def __init__(self):
            super().__init__()
            self.pair = Pair()

        def forward(self, x):
            return super().forward(self.pair(x)[0])

    teacher = Teacher(Paired(), **PIXELS)
    with pytest.raises(TrainingError, match="layer 'pair' makes tuple, no tensor"):
        teacher.feature(Input(list(eights())), layer="pair")


def test_features_are_exact_at_the_prompt_and_reduced_in_a_training(monkeypatch):
    monkeypatch.setattr(torch_engine, "processor_has_bfloat16", lambda: True)
    module = Usual()
    for precision, exact_at_prompt in (("auto", True), ("bfloat16", False)):
        with Deel(precision=precision):
            teacher, images = Teacher(module, **PIXELS, crop=1), Input(list(eights()))
            prompt = teacher.feature(images, layer="score").value
            reduced = teacher.engine.numpy(teacher.feature_of(images, "score", reduced=True))
            with torch.no_grad():
                exact = module(torch.from_numpy(as_input(eights()))).numpy()
            assert np.allclose(prompt, exact, rtol=1e-5, atol=1e-6) == exact_at_prompt
            assert not np.allclose(reduced, exact, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(reduced, exact, atol=0.1)
