"""The last layers that labels= replaces: all of torchvision's families, several heads, head=."""

import pytest
import torch
from small_modules import PIXELS, seeded
from torch import nn

from deelish import Student
from deelish.errors import PlanError, TrainingError

# For each family of torchvision a model, its last layer, the size of images, and what makes it
# small or quick.
TORCHVISION = {
    "alexnet": ("classifier.6", 64, {}),
    "convnext_tiny": ("classifier.2", 32, {}),
    "densenet121": ("classifier", 32, {}),
    "efficientnet_b0": ("classifier.1", 32, {}),
    "efficientnet_v2_s": ("classifier.1", 32, {}),
    "googlenet": ("fc", 32, {"init_weights": False, "aux_logits": False}),
    "inception_v3": ("fc", 96, {"init_weights": False, "aux_logits": False}),
    "maxvit_t": ("classifier.5", 224, {}),
    "mnasnet0_5": ("classifier.1", 32, {}),
    "mobilenet_v2": ("classifier.1", 32, {}),
    "mobilenet_v3_small": ("classifier.3", 32, {}),
    "regnet_x_400mf": ("fc", 32, {}),
    "resnet18": ("fc", 32, {}),
    "resnext50_32x4d": ("fc", 32, {}),
    "shufflenet_v2_x0_5": ("fc", 32, {}),
    "squeezenet1_1": ("classifier.1", 32, {}),
    "swin_t": ("head", 32, {}),
    "swin_v2_t": ("head", 32, {}),
    "vgg11": ("classifier.6", 32, {"init_weights": False}),
    "vit_b_32": ("heads.head", 32, {"image_size": 32}),
    "wide_resnet50_2": ("fc", 32, {}),
}
# These take seconds each; the test of their families is one of `make long`.
LARGE = ("alexnet", "efficientnet_v2_s", "inception_v3", "maxvit_t", "resnext50_32x4d", "swin_t")
LARGE += ("swin_v2_t", "vgg11", "wide_resnet50_2")
# Models of timm whose logits are the mean or the sum of several heads.
SEVERAL = {
    "efficientformerv2_s0": (["head", "head_dist"], {"img_size": 32}),
    "efficientvim_m1": (["heads.0", "heads.1", "heads.2", "heads.3"], {}),
    "crossvit_tiny_240": (["head.0", "head.1"], {}),
    "levit_128s": (["head.linear", "head_dist.linear"], {"img_size": 32}),
    # It gives up its second head when the first is replaced.
    "repvit_m1": (["head.head.l"], {}),
    "swiftformer_xs": (["head", "head_dist"], {}),
    "volo_d1_224": (["aux_head", "head"], {"img_size": 32}),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.long] if each in LARGE else []) for each in TORCHVISION],
)
def test_the_last_layer_of_a_family_of_torchvision_is_replaced(session, name, capsys):
    models = pytest.importorskip("torchvision", reason="torchvision is not installed").models
    layer, size, arguments = TORCHVISION[name]
    module = models.get_model(name, weights=None, **arguments)
    student = Student(module, labels=7, name="it", **PIXELS | {"size": size})
    assert f"it: {layer} is new, with 7 outputs in place of 1000\n" in capsys.readouterr().out
    assert module(torch.zeros(2, 3, size, size)).shape == (2, 7)
    assert (student.classes, student.untrained) == (7, {layer})


@pytest.mark.parametrize("name", SEVERAL)
def test_all_heads_of_a_model_of_timm_are_replaced(session, name, capsys):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    heads, arguments = SEVERAL[name]
    module = timm.create_model(name, **arguments)
    student = Student(module, labels=7, name="it", size=32)
    verb = "are" if len(heads) > 1 else "is"
    line = f"it: {' and '.join(heads)} {verb} new, with 7 outputs in place of 1000\n"
    assert line in capsys.readouterr().out
    assert student.classes == 7
    assert student.untrained == set(heads)


class TwoHeads(nn.Module):
    """Two heads, of which the one that runs last does not make the logits."""

    def __init__(self):
        super().__init__()
        self.main, self.other = nn.Linear(192, 5), nn.Linear(192, 5)

    def forward(self, x):
        logits = self.main(x.flatten(1))
        self.other(x.flatten(1))
        return logits


def test_a_last_layer_is_named_with_head(session, capsys):
    with pytest.raises(TrainingError, match=r"gives 5 logits after other was replaced .* head="):
        Student(TwoHeads(), labels=3, **PIXELS)
    student = Student(TwoHeads(), labels=3, head="main", name="it", **PIXELS)
    assert "it: main is new, with 3 outputs in place of 5\n" in capsys.readouterr().out
    assert student.classes == 3


@pytest.mark.parametrize(
    ("head", "kind", "error"),
    [
        ("scores", PlanError, "has no layer 'scores'; the nearest are score"),
        ("", PlanError, "has no layer ''"),
        ("norm", TrainingError, "only a linear layer"),
    ],
)
def test_a_head_that_is_no_last_layer_is_refused(session, head, kind, error):
    with pytest.raises(kind, match=error):
        Student(seeded(), labels=3, head=[head], **PIXELS)


def test_a_fitting_last_layer_stays(session, capsys):
    module = seeded()
    before = module.score
    student = Student(module, labels=["a", "b", "c", "d"], **PIXELS)
    assert student.module.module.score is before
    assert "new" not in capsys.readouterr().out
