"""A chainer.Link as a student gives the numbers of the same network in PyTorch."""

import numpy as np
import pytest
import torch
from helpers import once
from small_modules import PIXELS, chained, photographs, seeded, state

from deelish import Average, BatchTrain, Deel, InputBatch, Probe, Student, Teacher
from deelish.errors import FileError, PlanError, TrainingError


@pytest.fixture
def session(chainer):
    with Deel(engine="chainer", seed=1) as deel:
        yield deel


def on_both(run, corners, **module):
    """What a function of a student gives on each engine, torch first."""
    found = []
    for engine in ("torch", "chainer"):
        with Deel(engine=engine, seed=1):
            InputBatch(*corners, batch_size=8, crop=1, mirror=False)
            made = seeded(3, **module)
            source = made if engine == "torch" else chained(made)
            found.append(run(Student(source, name="Small", **PIXELS)))
    return found


def same(one, other, atol=1e-6):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, err_msg=name, rtol=1e-4, atol=atol)


def test_both_engines_give_the_same_logits_and_features(chainer, corners):
    def run(student):
        x = photographs()
        layers = ("conv1", "norm", "score", student.embedding_blob)
        found = {layer: student.feature(x, layer=layer).value for layer in layers}
        return {**found, "logits": student.classify(x).value}

    same(*on_both(run, corners))


def colours(pixels):
    return pixels.mean((2, 3)) @ np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("distil", "options"),
    [
        (False, {"optimizer": "sgd", "lr": 0.1}),
        (False, {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
        (False, {"optimizer": "adamw", "lr": 0.001, "weight_decay": 1.0}),
        (True, {"optimizer": "sgd", "lr": 0.1}),
    ],
)
def test_both_engines_learn_the_same_weights(chainer, corners, distil, options):
    def run(student):
        teacher = Teacher(colours, size=8, mean=0, scale=1 / 255, labels=4)
        losses = []

        def workout(x, t):
            student.classify(x)
            logits = teacher.batch_feature(x) if distil else False
            losses.append(student.backprop(t, distill=logits).loss)
            return losses[-1], 0.0

        BatchTrain(workout, epochs=1, schedule="constant", **options)
        arrays = state(student)
        arrays.pop("norm.num_batches_tracked")
        return {**arrays, "losses": np.array(losses)}

    # Adam divides tiny gradients by their size, and so shows how sums were rounded.
    same(*on_both(run, corners), atol=1e-4 if options["optimizer"] == "adamw" else 1e-6)


def test_the_running_average_follows_parameters_and_copies_buffers(chainer, corners):
    def run(student):
        average = Average(student, decay=0.5)
        before = state(student)
        values = {}

        def workout(x, t):
            student.classify(x)
            outcome = student.backprop(t)
            if not values:
                logits = average.batch_feature(x).value
                values.update(logits=logits, **state(student))
                weight = average.module.module.score
                values["average"] = np.asarray(
                    weight.weight.detach() if hasattr(weight, "weight") else weight.W.array
                )
                expected = (before["score.weight"] + values["score.weight"]) / 2
                np.testing.assert_allclose(values["average"], expected, rtol=1e-5)
            return outcome

        once(workout)
        values.pop("norm.num_batches_tracked")
        return values

    same(*on_both(run, corners))


def test_dropout_follows_from_the_seed_and_leaves_numpys_generator(session, corners):
    InputBatch(*corners, batch_size=8, crop=1, mirror=False)
    student = Student(chained(seeded(0, dropout=0.5)), **PIXELS)

    def workout(x, t):
        logits = student.classify(x).value
        if session.trainer.training:
            session.trainer.seed_dropout()
            assert np.array_equal(student.classify(x).value, logits)
            assert not np.array_equal(student.classify(x).value, logits)
        return student.backprop(t)

    np.random.seed(7)
    expected = np.random.rand()
    np.random.seed(7)
    once(workout)
    assert np.random.rand() == expected


def test_one_image_alone_takes_the_running_statistics(session, corners):
    InputBatch(corners[0], batch_size=1, crop=1, mirror=False)
    student = Student(chained(seeded(0)), **PIXELS)
    before = state(student)["norm.running_mean"]

    def workout(x, t):
        evaluated = student.batch_feature(x).value
        np.testing.assert_allclose(student.classify(x).value, evaluated, rtol=1e-5)
        return student.backprop(t)

    once(workout)
    assert np.array_equal(state(student)["norm.running_mean"], before)


def test_a_chain_of_its_own_is_trained_and_keeps_its_name(session, sets):
    chain = chained(seeded(0))
    chain.name = "mine"
    student = Student(chain, **PIXELS)
    before = chain.score.W.array.copy()

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    once(workout)
    assert (student.name, chain.name) == ("mine", "mine")
    assert not np.array_equal(chain.score.W.array, before)


def test_it_is_saved_by_chainers_names_and_loaded_into_another_chain(session, tmp_path):
    student = Student(chained(seeded(0)), labels=["a", "b", "c", "d"], **PIXELS)
    student.module.module.norm.N = 3
    path = student.save(tmp_path / "student.safetensors")
    expected = {name.strip("/") for name, _ in student.module.module.namedparams()}
    assert expected < set(student.record().arrays)
    loaded = Student.load(path, module=chained(seeded(9)))
    assert loaded.labels == ["a", "b", "c", "d"]
    assert loaded.module.module.norm.N == 3
    x = photographs()
    assert np.array_equal(loaded.classify(x).value, student.classify(x).value)
    assert loaded.fingerprint() == student.fingerprint()
    with pytest.raises(FileError, match=r"SmallChain: a Chainer chain cannot be .*\.safetensors"):
        student.export(tmp_path / "student.onnx")
    assert not (tmp_path / "student.onnx").exists()


def test_its_last_link_is_replaced_in_chains_lists_and_sequentials(session, chainer, capsys):
    links, functions = chainer.links, chainer.functions
    flat = chainer.Sequential(
        functions.flatten, lambda x: functions.reshape(x, (-1, 192)), links.Linear(192, 5)
    )
    maps = chainer.Sequential(
        links.Convolution2D(3, 5, 8), lambda x: functions.reshape(x, (-1, x.shape[1]))
    )
    bare = chainer.Sequential(links.Linear(192, 7, nobias=True), links.Linear(7, 5, nobias=True))
    for source in (flat, maps, bare, chained(seeded(0))):
        student = Student(source, labels=3, **PIXELS)
        assert student.classes == 3
        assert student.classify(photographs(2)).value.shape == (2, 3)
        assert "is new, with 3 outputs in place of" in capsys.readouterr().out
    assert bare[1].b is None


def test_its_layers_are_shown_with_their_shapes(session, capsys):
    student = Student(chained(seeded(0)), **PIXELS)
    assert student.layerDim("conv2") == (6, 4, 4)
    student.ShowLayers()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["conv1", "norm", "conv2", "score"]
    assert lines[1].split()[-1] == str(3 * 6 * 9)
    with pytest.raises(PlanError, match=r"has no layer 'conv3'; the nearest are conv[12]"):
        student.layerDim("conv3")


def other_type(chainer):
    with chainer.using_config("dtype", np.float16):
        return chained(seeded(0))


def without_weights(chainer):
    return chainer.Sequential(chainer.functions.flatten)


def lazy(chainer):
    return chainer.Sequential(chainer.links.Linear(None, 4))


class Writing:
    """Makes a chain whose forward() writes over its input."""

    def __new__(cls, chainer):
        def clear(x):
            x.array[...] = 0
            return x

        return chainer.Sequential(clear, chainer.links.Linear(192, 4))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (other_type, r"SmallChain: .* is float16, and weights are trained in float32"),
        (without_weights, r"Sequential: has no parameter .*nothing would be trained"),
        (lazy, r"Sequential: .*holds no array yet; load its weights, or run it once"),
        (Writing, r"Sequential: its forward\(\) writes over the images"),
        (lambda _: torch.nn.Linear(2, 2), r"is a torch.nn.Module, .*take Deel\(engine='torch'\)"),
        (lambda _: "timm/resnet18", r"is a torch.nn.Module, .*take Deel\(engine='torch'\)"),
        (lambda _: [1], r"Student\(list\): takes a torch.nn.Module, a chainer.Link, or the name"),
    ],
)
def test_what_cannot_learn_is_refused(session, chainer, make, error):
    with pytest.raises(TrainingError, match=error):
        Student(make(chainer), **PIXELS)


def test_a_loss_without_gradients(session, sets, chainer):
    module = chainer.Sequential(chainer.links.Linear(192, 4), lambda y: y.array)
    student = Student(module, **PIXELS)
    with pytest.raises(TrainingError, match="the loss depends on no weight"):
        once(lambda x, t: (student.classify(x), student.backprop(t))[1])


def test_a_link_in_a_session_of_torch_and_any_module_in_one_of_numpy(chainer):
    with Deel(engine="torch"), pytest.raises(TrainingError, match=r"is a chainer\.Link, which"):
        Student(chained(seeded(0)), **PIXELS)
    for source in (seeded(0), chained(seeded(0))):
        with (
            Deel(engine="numpy"),
            pytest.raises(TrainingError, match=r"'numpy' only predicts; take Deel\(engine="),
        ):
            Student(source, **PIXELS)


@pytest.mark.parametrize(
    ("kernel", "after", "linear"),
    [(1, False, True), (3, False, False), (1, True, False)],
    ids=["1 x 1", "3 x 3", "rectified"],
)
def test_a_probe_needs_a_chain_that_ends_in_a_linear_link(chainer, corners, kernel, after, linear):
    class Ending(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.conv = chainer.links.Convolution2D(3, 5, 8)
                self.score = chainer.links.Convolution2D(5, 4, kernel, pad=kernel // 2)

        def forward(self, x):
            scores = self.score(self.conv(x))
            return chainer.functions.relu(scores) if after else scores

    with Deel(seed=1, engine="chainer"):
        chain = Ending()
        student, before = Student(chain, **PIXELS), chain.score
        if linear:
            assert Probe(student, labels=4, train=corners[0]).classes == 4
            assert not np.array_equal(chain.score.W.array, before.W.array)
        else:
            with pytest.raises(TrainingError, match="not made by one linear layer with a bias"):
                Probe(student, labels=4, train=corners[0])
            assert chain.score is before
