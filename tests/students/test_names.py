"""Students and teachers by the name of a model: timm/..., torchvision/..."""

import sys

import numpy as np
import pytest
import torch
from helpers import once
from small_modules import photographs, seeded

from deelish import Deel, Student, Teacher
from deelish.errors import DataError, MissingPackageError, PlanError, TrainingError

timm = pytest.importorskip("timm", reason="timm is not installed")
torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")


def weights(student):
    return {name: value.clone() for name, value in student.module.module.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def published(monkeypatch):
    """Published weights of torchvision without a network: those of a seed, for each name."""

    def state(entry, *args, **kwargs):
        name = type(entry).__name__.removesuffix("_Weights").lower()
        slow = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        with torch.random.fork_rng([]):
            torch.manual_seed(5)
            return torchvision.models.get_model(name, weights=None, **slow).state_dict()

    monkeypatch.setattr(torchvision.models._api.WeightsEnum, "get_state_dict", state)


# The name itself


@pytest.mark.parametrize("make", [Student, Teacher])
@pytest.mark.parametrize("name", ["timm/resnet1O", "torchvision/resnet81"])
def test_a_name_that_is_not_known_leads_to_the_nearest(session, make, name):
    with pytest.raises(PlanError, match=f"^{name}: .* has no model of this name; did you mean '"):
        make(name)


@pytest.mark.parametrize("make", [Student, Teacher])
@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_without_its_library_the_command_is_given(session, make, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingPackageError, match=r'run `pip install "deelish\[models\]"`$'):
        make(f"{library}/resnet18")


@pytest.mark.parametrize(
    ("source", "cure"),
    [
        ("resnet18", "write 'timm/resnet18', 'torchvision/resnet18' or 'efficientnet/lite0'"),
        ("keras/resnet18", "write 'timm/resnet18', 'torch"),
        ("mine.safetensors", r"open it with Student.load\('mine.safetensors'\)"),
    ],
)
def test_a_text_that_names_no_library_is_refused(session, source, cure):
    with pytest.raises(TrainingError, match=cure):
        Student(source)


def test_a_file_counts_before_a_name(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "timm").mkdir()
    first = Student("timm/test_resnet", labels=4, size=32)
    first.save("timm/resnet18.safetensors")
    teacher = Teacher("timm/resnet18.safetensors")
    assert np.array_equal(
        teacher.classify(photographs(2)).value, first.classify(photographs(2)).value
    )


# What it is made with


def test_one_that_is_made_for_its_size_is_made_for_that_which_is_asked_for(session):
    student = Student("timm/vit_tiny_patch16_224", labels=3, size=32)
    assert student.preprocessing.size == 32
    assert student.made_by["arguments"] == {"img_size": 32}
    assert student.module.module.pos_embed.shape[1] == 1 + 2 * 2


def test_a_size_that_it_does_not_take_is_refused(session):
    with pytest.raises(PlanError, match=r"takes no images of 32 x 32 pixels; give another size="):
        Student("timm/csatv2", size=32)


def test_further_arguments_reach_the_library(session):
    student = Student("timm/resnet10t", labels=3, size=32, arguments={"drop_rate": 0.25})
    assert student.module.module.drop_rate == 0.25


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("timm/resnet10t", {"depht": 3}, "timm does not make it with depht"),
        ("torchvision/resnet18", {"depht": 3}, "torchvision does not make it with depht"),
        ("timm/resnet10t", {"checkpoint_path": "x.pth"}, "'checkpoint_path'; give pretrained="),
        ("torchvision/resnet18", {"weights": "DEFAULT"}, "'weights'; give pretrained="),
    ],
)
def test_arguments_that_it_does_not_take_are_refused(session, name, arguments, error):
    with pytest.raises(PlanError, match=error):
        Student(name, arguments=arguments)


def test_arguments_that_no_file_could_hold_are_refused(session):
    with pytest.raises(DataError, match="its file could not hold them"):
        Student("timm/resnet10t", arguments={"act_layer": torch.nn.ReLU})


def test_arguments_for_a_name_are_refused_with_a_module(session):
    with pytest.raises(DataError, match="is for a model by name"):
        Student(seeded(), pretrained=True, size=8)
    with pytest.raises(DataError, match="is for a model by name"):
        Teacher(seeded(), pretrained=False, size=8)


# Initial weights


@pytest.mark.parametrize("name", ["timm/test_resnet", "torchvision/shufflenet_v2_x0_5"])
def test_initial_weights_follow_from_the_seed_alone(name):
    made = []
    for seed, noise in ((1, 0), (1, 7), (2, 0)):
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        with Deel(seed=seed):
            made.append(weights(Student(name, labels=5, size=32)))
        assert torch.equal(torch.get_rng_state(), before)
    assert same(made[0], made[1])
    assert not same(made[0], made[2])


def test_two_students_of_a_session_begin_differently(session):
    first, second = (weights(Student("timm/test_resnet", labels=5, size=32)) for _ in range(2))
    assert not same(first, second)


def test_a_new_last_layer_follows_from_the_seed_alone(capsys):
    made = []
    for noise in (0, 7):
        torch.manual_seed(noise)
        with Deel(seed=1):
            module = torchvision.models.shufflenet_v2_x0_5(weights=None)
            before = torch.get_rng_state()
            made.append(weights(Student(module, labels=5, size=32, mean=0, scale=1)))
            assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(made[0]["fc.weight"], made[1]["fc.weight"])
    assert not torch.equal(made[0]["conv1.0.weight"], made[1]["conv1.0.weight"])


# Published weights


def test_published_weights_bring_preprocessing_names_and_a_new_last_layer(
    session, published, capsys, tmp_path
):
    student = Student("torchvision/mobilenet_v2", pretrained="IMAGENET1K_V2", labels=["a", "b"])
    printed = capsys.readouterr().out
    assert "classifier.1 is new, with 2 outputs in place of 1000" in printed
    assert student.untrained == {"classifier.1"}
    # V2 was published with a shorter side of 232, V1 with 256.
    assert student.preprocessing.crop == pytest.approx(224 / 232)
    loaded = Student.load(student.save(tmp_path / "student.safetensors"))
    images = photographs(2)
    assert np.array_equal(loaded.classify(images).value, student.classify(images).value)
    assert (loaded.labels, loaded.untrained) == (["a", "b"], {"classifier.1"})


@pytest.mark.long
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_what_weights_change_of_a_module_is_in_its_file(session, published, name, tmp_path):
    student = Student(f"torchvision/{name}", pretrained=True, labels=3)
    assert student.module.module.transform_input
    loaded = Student.load(student.save(tmp_path / "student.safetensors"))
    images = photographs(2)
    assert np.array_equal(loaded.classify(images).value, student.classify(images).value)


@pytest.mark.parametrize("make", [Student, Teacher])
@pytest.mark.parametrize("name", ["torchvision/resnet18", "timm/resnet18"])
def test_a_name_of_weights_that_is_not_known_leads_to_the_nearest(session, make, name):
    near = "IMAGENET1K_V2" if "vision" in name else "a1_in1K"
    with pytest.raises(PlanError, match=f"has no weights '{near}'; "):
        make(name, pretrained=near)


@pytest.mark.parametrize("name", ["torchvision/resnet18", "timm/resnet18"])
def test_weights_that_cannot_be_loaded_are_one_sentence(session, name, monkeypatch):
    def fails(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", fails)
    monkeypatch.setattr(timm.models._builder, "load_pretrained", fails)
    with pytest.raises(
        TrainingError,
        match=r"weights cannot be loaded \(no route to host\); look at the network, or give"
        " pretrained=False$",
    ):
        Student(name, pretrained=True)


def test_a_teacher_by_name_has_its_published_weights(session, published):
    teacher = Teacher("torchvision/shufflenet_v2_x0_5")
    with torch.random.fork_rng([]):
        torch.manual_seed(5)
        module = torchvision.models.shufflenet_v2_x0_5(weights=None).eval()
    enum = torchvision.models.ShuffleNet_V2_X0_5_Weights.DEFAULT
    beside = Teacher(module, preprocessing=enum.transforms())
    images = photographs(2)
    assert np.array_equal(teacher.classify(images).value, beside.classify(images).value)
    assert teacher.labels == enum.meta["categories"]
    assert teacher.preprocessing == beside.preprocessing


def test_a_teacher_by_name_teaches_and_follows_from_the_seed(sets):
    teacher = Teacher("timm/test_resnet", pretrained=False, size=32)
    student = Student("timm/test_vit", labels=1000, size=32)

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    assert len(once(workout)) == 1
    with Deel(seed=1):
        again = Teacher("timm/test_resnet", pretrained=False, size=32)
    assert teacher.fingerprint() == again.fingerprint()
