"""What a fingerprint of a module covers beside its weights, and what cannot be described."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from models_of_others import PIXELS, Usual, eights
from processes import environment
from torch import nn

from deelish import Deel
from deelish.engines.torch.inference import TorchModel
from deelish.language.teachers import Teacher

# PyTorch advises to export instead; files of scripted modules stay.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def print_of(module, **options):
    return Teacher(module, **PIXELS, **options).fingerprint()


class Scaled(Usual):
    """Its logits depend on what is given, whatever that is."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        return super().forward(x) * self.scale


def twice(x):
    return x * 2


def thrice(x):
    return x * 3


def scaling(factor):
    return lambda x: x * factor


class Rule:
    def __init__(self, factor):
        self.factor = factor


PAIRS = {
    "number": (1.0, 2.0),
    "text": ("mean", "max"),
    "list": ([1, 2], [2, 1]),
    "dict": ({"a": 1}, {"a": 2}),
    "tensor": (torch.zeros(2), torch.ones(2)),
    "array": (np.zeros(2), np.ones(2)),
    "type": (torch.float32, torch.float64),
    "function": (twice, thrice),
    "enclosed": (scaling(2), scaling(3)),
    "object": (Rule(1), Rule(2)),
    "modules": ([nn.Linear(2, 2)], [nn.Linear(2, 2)]),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_plain_attributes_are_covered(kind):
    one, other = PAIRS[kind]
    assert print_of(Scaled(one)) == print_of(Scaled(one))
    assert print_of(Scaled(one)) != print_of(Scaled(other))


def test_buffers_that_are_not_persistent_are_covered():
    def made(value):
        module = Usual()
        module.register_buffer("table", torch.full((2,), value), persistent=False)
        return module

    assert print_of(made(1.0)) == print_of(made(1.0)) != print_of(made(2.0))


def test_the_code_of_forward_and_what_it_calls_is_covered():
    prints = set()
    for body in ("x * factor(x)", "x + factor(x)"):
        for helper in ("return 2", "return 3"):
            names = {"Usual": Usual, "__name__": "script"}
            exec(
                f"def factor(x):\n    {helper}\n\n"
                "class Own(Usual):\n"
                "    def forward(self, x):\n"
                f"        x = Usual.forward(self, x)\n        return {body}\n",
                names,
            )
            prints.add(print_of(names["Own"]()))
    assert len(prints) == 4


def test_the_order_of_attributes_and_what_was_drawn_is_not_covered():
    one, other = Scaled(2.0), Scaled(2.0)
    one.first, one.second = 1, 2
    other.second, other.first = 2, 1
    assert print_of(one.train()) == print_of(other.eval())


def scripted(**options):
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, **options), nn.Flatten(), nn.AdaptiveAvgPool1d(4)
    )
    with torch.no_grad():
        for value in module.parameters():
            value.fill_(0.5)
    return torch.jit.script(module.eval())


def leaky(slope):
    return torch.jit.script(nn.Sequential(nn.Flatten(), nn.LeakyReLU(slope)).eval())


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # on Python 3.14
def test_scripted_modules_are_told_apart_by_strides_and_slopes():
    assert print_of(scripted()) == print_of(scripted())
    prints = {print_of(scripted(stride=s)) for s in (1, 2)} | {
        print_of(leaky(s)) for s in (0.2, 0.1)
    }
    assert len(prints) == 4


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # on Python 3.14
def test_a_scripted_module_that_is_loaded_twice_is_one(tmp_path):
    module = torch.jit.script(Usual().eval())
    module.save(tmp_path / "module.pt")
    loaded = [torch.jit.load(tmp_path / "module.pt") for _ in range(2)]
    first, second = (print_of(each) for each in loaded)
    assert first == second
    with torch.no_grad():
        loaded[1].score.bias += 1
    assert print_of(loaded[1]) != first


SCRIPT = """
import torch
from torch import nn
from models_of_others import PIXELS, Usual
from deelish import Deel, Teacher

class Own(Usual):
    kinds = {"a", "b", "c"}

    def forward(self, x):
        return super().forward(x) if "a" in {"c", "a", "b"} else x

with Deel():
    module = Own()
    module.names = {"x", "y", "z"}
    module.score.register_forward_hook(lambda part, given, made: made * 2)
    print(Teacher(module, **PIXELS).fingerprint())
    for _ in range(%d):
        torch.jit.script(nn.Linear(2, 2))
    print(Teacher(torch.jit.script(Usual().eval()), **PIXELS).fingerprint())
"""


@pytest.mark.long
def test_another_process_makes_the_same_fingerprints(tmp_path):
    printed = set()
    for seed, others in ((1, 0), (2, 12)):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT % others],
            env=environment(PYTHONHASHSEED=str(seed)),
            capture_output=True,
            text=True,
            check=True,
        )
        prints = [line for line in done.stdout.splitlines() if len(line) == 64]
        assert len(prints) == 2
        printed.add(tuple(prints))
    assert len(printed) == 1


@pytest.mark.parametrize("held", [threading.Lock(), open(__file__, "rb")])  # noqa: SIM115, PTH123
def test_what_cannot_be_described_is_named_and_a_key_stands_for_it(held):
    teacher = Teacher(Scaled(held), **PIXELS)
    assert teacher.fingerprint() is teacher.known_fingerprint() is None
    assert teacher.undescribed.startswith(f"scale ({type(held).__name__}) cannot be described; ")
    assert "key=" in teacher.undescribed
    keyed = print_of(Scaled(held), key="v1")
    assert keyed == print_of(Scaled(held), key="v1")
    assert keyed not in (None, print_of(Scaled(held), key="v2"))
    other = Scaled(held)
    with torch.no_grad():
        other.score.bias += 1
    assert print_of(other, key="v1") != keyed


def test_a_hook_that_cannot_be_described_is_named():
    lock, module = threading.Lock(), Usual()
    module.score.register_forward_hook(lambda part, given, made: made if lock else None)
    teacher = Teacher(module, **PIXELS)
    assert teacher.fingerprint() is None
    assert teacher.undescribed.startswith("a hook of score")


class Counting(Usual):
    runs = 0

    def forward(self, x):
        self.runs = self.runs + 1
        return super().forward(x)


class Filling(Usual):
    table = None

    def forward(self, x):
        if self.table is None:
            self.table = torch.ones(4)
        return super().forward(x) * self.table


def test_a_forward_that_changes_its_module_at_each_batch_has_none():
    teacher = Teacher(Counting(), **PIXELS, crop=1)
    teacher.batch_feature(eights())
    assert teacher.fingerprint() is None
    assert teacher.undescribed.startswith("its forward() changes what it holds; give Teacher(")
    keyed = Teacher(Counting(), **PIXELS, crop=1, key="v1")
    before = keyed.fingerprint()
    keyed.batch_feature(eights())
    assert keyed.fingerprint() == before


def test_a_table_that_the_first_batch_fills_is_no_obstacle():
    teacher = Teacher(Filling(), **PIXELS, crop=1)
    before = teacher.fingerprint()
    teacher.batch_feature(eights())
    filled = teacher.fingerprint()
    assert filled not in (None, before)
    teacher.batch_feature(eights(5))
    assert teacher.known_fingerprint() == teacher.fingerprint() == filled


def test_compiled_modules_have_the_fingerprint_of_what_was_compiled():
    module = Usual()
    assert print_of(torch.compile(module)) == print_of(module)


@pytest.mark.parametrize("name", ["timm/test_vit", "timm/test_resnet", "torchvision/googlenet"])
def test_published_models_are_described(name):
    pytest.importorskip(name.split("/")[0])
    prints = {Teacher(name, pretrained=False).fingerprint() for _ in range(1)}
    assert None not in prints


def test_a_table_that_a_run_fills_is_no_weight_that_changed():
    class Filling(nn.Module):
        """As ConViT of timm does with its relative positions."""

        def __init__(self):
            super().__init__()
            self.score = nn.Linear(3, 4)
            self.register_buffer("table", torch.zeros(1), persistent=False)

        def forward(self, x):
            if len(self.table) != x.shape[2]:
                self.table = torch.arange(x.shape[2], dtype=torch.float32)
            return self.score(x.mean((2, 3))) + self.table.sum()

    model = TorchModel(Filling().eval())
    first, second = (model.run(np.ones((2, 3, 8, 8), np.float32)) for _ in range(2))
    assert np.array_equal(first, second)
    model.run(np.ones((2, 3, 6, 6), np.float32))
