"""The int8 form of a module: folded as in evaluation, rounded as onnxruntime's int8 file rounds."""

import numpy as np
import pytest
import torch
from comparison.corners import known
from one_sentence import refused
from small_modules import PIXELS, seeded
from torch import nn

from deelish import Deel, Layer, Network, Student
from deelish.comparison.images import ImageList
from deelish.comparison.int8 import Int8
from deelish.engines.torch.int8 import form as form_file
from deelish.engines.torch.int8.rounding import Activation, rounded_by_channel, rounded_by_tensor
from deelish.errors import TrainingError
from deelish.images import read_samples


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=0) as deel:
        yield deel


class Varied(nn.Module):
    """All that is folded, and what is not: norms with and without weights, a join, a gate."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding="same", bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm2 = nn.BatchNorm2d(8, affine=False)
        self.conv3 = nn.Conv2d(8, 8, 1)
        self.register_buffer("scale", torch.linspace(-2, 2, 8)[:, None, None])
        self.hidden = nn.Linear(8, 5, bias=False)
        self.norm3 = nn.BatchNorm1d(5)
        self.score = nn.Linear(5, 4)

    def forward(self, x):
        x = torch.relu(self.norm1(self.conv1(x)))
        x = x + nn.functional.relu6(self.norm2(self.conv2(x)))
        x = self.conv3(x) * self.scale
        x = x * torch.sigmoid(x.mean((2, 3), keepdim=True))
        return self.score(torch.relu(self.norm3(self.hidden(x.amax((2, 3))))))


def with_statistics(module, seed=0):
    """The module after BatchNorm has seen something, as if it were trained."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.named_buffers():
        if "running" in name or name in ("mean", "variance"):
            spread = torch.rand(value.shape, generator=generator)
            value.copy_(spread + 0.5 if "var" in name else spread / 5)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) and part.affine:
            part.weight.data.uniform_(0.5, 2, generator=generator)
            part.bias.data.uniform_(-1, 1, generator=generator)
    return module


def rows():
    """A network of rows with BatchNorm and Scale, trained in name."""
    plan = [
        Layer("conv1", "Convolution", num_output=8, kernel_size=3, pad=1, bias_term=False),
        Layer("bn1", "BatchNorm"),
        Layer("scale1", "Scale", bias_term=True),
        Layer("relu1", "ReLU"),
        Layer("conv2", "Convolution", num_output=8, kernel_size=3, pad=1, group=8),
        Layer("bn2", "BatchNorm"),
        Layer("pool", "Pooling", pool="AVE", global_pooling=True),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    net = known(Network(plan, name="Rows", in_size=8, mean=(0, 0, 0), scale=1 / 255))
    generator = np.random.default_rng(0)
    state = net.engine.arrays(net.module)
    for name, array in state.items():
        if name.endswith(("mean", "variance")):
            array[...] = generator.uniform(0.5, 1.5, array.shape)
        elif name.endswith("factor"):
            array[...] = 1
        elif "scale1" in name:
            array[...] = generator.uniform(0.5, 2, array.shape)
    net.engine.set_arrays(net.module, state)
    return net


def of_module(module):
    return Student(with_statistics(module), **PIXELS)


def student_of(kind):
    if kind == "rows":
        return rows()
    return of_module(Varied() if kind == "varied" else seeded(3))


def form_of(student, images, weights="channel"):
    return student.engine.learn_int8(
        student.name, student.module, student.data_blob, weights, [images]
    )


def images_for(student, count=6, seed=1):
    shape = (count, 3, 8, 8)
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def run(student, images, *, training=False, blobs=None):
    blobs = blobs or [student.logits_blob]
    inputs = {student.data_blob: images}
    made = student.engine.run(student.module, inputs, blobs, training=training)
    return made if len(blobs) > 1 else made[blobs[0]]


@pytest.mark.parametrize("kind", ["rows", "varied", "small"])
def test_without_rounding_the_folded_network_is_that_of_evaluation(kind, monkeypatch):
    monkeypatch.setitem(form_file.ROUNDED, "channel", lambda weight: weight)
    monkeypatch.setattr(Activation, "forward", lambda self, x: x)
    student = student_of(kind)
    images = images_for(student)
    expected = run(student, images)
    form_of(student, images)
    found = run(student, images, training=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("kind", ["rows", pytest.param("varied", marks=pytest.mark.long), "small"])
@pytest.mark.parametrize("weights", ["channel", "tensor"])
def test_it_is_nearer_to_onnxruntimes_int8_file_than_the_float_network_is(
    kind, weights, sets, request
):
    pytest.importorskip("onnxruntime.quantization")
    student = student_of(kind)
    batches = list(ImageList(read_samples(sets), student.engine, [student.preprocessing], None, 8))
    file = Int8(student, batches, weights)
    inputs = [each.inputs_of(student)[student.data_blob] for each in batches]
    plain = [run(student, each) for each in inputs]
    student.engine.learn_int8(student.name, student.module, student.data_blob, weights, inputs)
    rounded = [run(student, each) for each in inputs]
    theirs = np.concatenate([file.logits(each) for each in batches])
    apart = [np.abs(torch.cat(each).numpy() - theirs).mean() for each in (rounded, plain)]
    assert apart[0] < 0.25 * apart[1]


@pytest.fixture
def sets(tmp_path):
    from helpers import write_set

    return write_set(tmp_path, "train", 32)


@pytest.mark.parametrize("kind", ["rows", "varied", "small"])
def test_every_parameter_learns_and_statistics_stay(kind):
    student = student_of(kind)
    images = images_for(student)
    before = student.engine.arrays(student.module)
    form_of(student, images)
    run(student, images, training=True).square().sum().backward()
    for name, value in student.module.named_parameters():
        assert value.grad is not None, name
        assert bool(value.grad.abs().sum() > 0), name
    for name, array in student.engine.arrays(student.module).items():
        np.testing.assert_array_equal(array, before[name])


def test_weights_are_rounded_by_the_formula():
    weight = torch.tensor([[0.5, -1.0, 0.301], [12.7, -6.38, 0.049]], requires_grad=True)
    found = rounded_by_channel(weight)
    scales = np.array([[1.0], [12.7]]) / 127
    expected = np.round(weight.detach().numpy() / scales) * scales
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=0, atol=1e-6)
    one = 12.7 / 127
    expected = np.round(weight.detach().numpy() / one) * one
    np.testing.assert_allclose(rounded_by_tensor(weight).detach().numpy(), expected, atol=1e-6)
    found.sum().backward()
    # The straight-through estimator.
    np.testing.assert_array_equal(weight.grad.numpy(), 1)


@pytest.mark.parametrize(("least", "most"), [(-1.0, 3.0), (0.5, 2.0), (-2.0, -1.0)])
def test_activations_are_rounded_in_a_range_that_holds_zero(least, most):
    activation = Activation()
    seen = torch.linspace(least, most, 9)
    activation.measuring = True
    assert activation(seen) is seen
    activation.measuring = False
    low, high = min(least, 0), max(most, 0)
    scale = (high - low) / 255
    given = torch.tensor([low - 1, least, 0.0, 0.123, most, high + 1], requires_grad=True)
    found = activation(given)
    zero = round(-low / scale)
    levels = np.clip(np.round(given.detach().numpy() / scale) + zero, 0, 255)
    np.testing.assert_allclose(found.detach().numpy(), (levels - zero) * scale, atol=1e-5)
    assert found[2] == 0
    found.sum().backward()
    inside = [int(low <= value <= high) for value in given.tolist()]
    np.testing.assert_array_equal(given.grad.numpy(), inside)


def test_layers_of_zeros_give_no_nan():
    zeros = torch.zeros(2, 3)
    assert bool((rounded_by_channel(zeros) == 0).all())
    assert bool((rounded_by_tensor(zeros) == 0).all())
    activation = Activation()
    assert bool((activation(zeros) == 0).all())


def test_a_relu_has_the_levels_and_its_convolution_none_of_its_own():
    class Dead(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            self.conv.weight.data[:, 0] = torch.tensor([1.0, -100.0, 1.0, 1.0])[:, None, None]

        def forward(self, x):
            return torch.relu(self.conv(x)).flatten(1)[:, :64]

    student = Student(Dead(), **PIXELS)
    images = images_for(student)
    expected = run(student, images)
    form_of(student, images)
    found = run(student, images)
    # With a range of its own down to -100 the convolution would leave one level a unit.
    levels = found.unique()
    assert 40 < len(levels) <= 256
    assert float((found - expected).abs().max()) < 0.05


def test_ranges_are_those_of_the_images_until_they_are_measured_again():
    student = of_module(seeded(3))
    images = images_for(student)
    form = form_of(student, images)
    first = run(student, images)
    torch.testing.assert_close(run(student, images), first, rtol=0, atol=0)
    # Values beyond the range are cut.
    assert float(run(student, 50 * images).abs().max()) < 3 * float(first.abs().max())
    before = form.state()["ranges"]
    form.images = [50 * images]
    assert form.state()["ranges"] == before
    form.measure()
    assert form.state()["ranges"][0][1] == pytest.approx(50 * before[0][1])


def test_state_goes_to_another_form():
    student = of_module(seeded(3))
    images = images_for(student)
    first = form_of(student, images)
    expected = run(student, images)
    state = first.state()
    first.end()
    other = form_of(student, 9 * images)
    other.restore(state)
    torch.testing.assert_close(run(student, images), expected, rtol=0, atol=0)


def test_at_its_end_the_module_runs_as_before():
    student = of_module(seeded(3))
    images = images_for(student)
    expected = run(student, images)
    form = form_of(student, images)
    assert not torch.equal(run(student, images), expected)
    form.end()
    torch.testing.assert_close(run(student, images), expected, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["rows", "small"])
def test_inner_layers_are_there_for_hints(kind):
    student = student_of(kind)
    images = images_for(student)
    # Between a convolution and its BatchNorm there is nothing once they are folded.
    layer = "relu1" if kind == "rows" else "conv2"
    blobs = [student.logits_blob, student.training_blob(layer)]
    plain = run(student, images, blobs=blobs)
    form_of(student, images)
    alone = run(student, images)
    found = run(student, images, training=True, blobs=blobs)
    torch.testing.assert_close(found[blobs[0]], alone, rtol=0, atol=0)
    maps = found[blobs[1]].detach()
    assert maps.shape == plain[blobs[1]].shape
    assert float((maps - plain[blobs[1]]).abs().max()) < 0.05 * float(maps.abs().max())


def test_a_layer_whose_output_is_read_twice_is_not_folded():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4)
            self.other = nn.BatchNorm2d(4)
            self.score = nn.Linear(4, 4)

        def forward(self, x):
            x = self.conv(x)
            return self.score((torch.relu(self.norm(x)) + self.other(x)).mean((2, 3)))

    student = of_module(Twice())
    images = images_for(student)
    expected = run(student, images)
    form_of(student, images)
    assert float((run(student, images) - expected).abs().max()) < 0.05 * float(expected.abs().max())


def test_it_computes_in_float32_whatever_the_session_does(session):
    found = []
    for precision in ("float32", "bfloat16"):
        with Deel(seed=0, precision=precision):
            student = of_module(seeded(3))
            images = images_for(student)
            form_of(student, images)
            found.append(run(student, images, training=True).detach())
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_what_cannot_be_followed_is_refused():
    class Choosing(nn.Module):
        def __init__(self):
            super().__init__()
            self.score = nn.Linear(3, 4)

        def forward(self, x):
            means = x.mean((2, 3))
            return self.score(means if means.sum() > 0 else -means)

    student = Student(Choosing(), **PIXELS)
    images = images_for(student)
    form_of(student, images)
    refused(
        TrainingError,
        "Choosing: cannot learn in int8, since PyTorch cannot follow its forward pass",
        lambda: run(student, images),
    )
