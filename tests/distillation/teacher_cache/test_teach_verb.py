"""The verb Teach: the same cache as the command and a training, any teacher, what it refuses."""

import numpy as np
import pytest
from helpers import small, trained, write_set

from deelish import BatchTrain, Deel, Ensemble, InputBatch, Teach, Teacher
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.errors import DataError, TrainingError

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", 20)


@pytest.fixture
def teacher(session, images):
    network = small(name="Small")
    InputBatch(images)
    return trained(network, 1)


def distilled(teacher, **choices):
    """A training by the teacher, which finds all logits."""
    student = small(name="Student")
    InputBatch(batch_size=6, **choices)

    def workout(x, t):
        for each in teacher.members or [teacher]:
            assert x.viewing.cache.store_of(each, x).get(x.pictures.keys)[0].all()
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    BatchTrain(workout, epochs=2)


def test_a_training_finds_all_logits(teacher, images, folder, lines):
    lines()
    Teach(teacher, images, views=2, top=3, batch_size=8)
    first, second, last = lines()
    assert [first, second] == [f"view {n}: 20 computed, 0 cached before" for n in (1, 2)]
    (file,) = logits_files(folder)
    assert last == f"Small: logits of 40 images computed, 0 cached before; {file.path}"
    assert file.header.form.top == 3
    distilled(teacher, train=images, views=2, top=3)
    assert [each.count for each in logits_files(folder)] == [40]


def test_it_takes_the_images_of_inputbatch(teacher, images, folder, lines):
    InputBatch(images, views=2)
    Teach(teacher)
    Teach(teacher)
    assert lines()[-1].startswith("Small: logits of 0 images computed, 40 cached before")
    distilled(teacher, train=images, views=2)


def test_the_members_of_an_ensemble_are_cached(teacher, images, folder):
    ensemble = Ensemble(teacher, trained(small(name="Other"), 1))
    Teach(ensemble, images)
    assert sorted(file.count for file in logits_files(folder)) == [20, 20]
    distilled(ensemble, train=images, views=1)
    assert sorted(file.count for file in logits_files(folder)) == [20, 20]


def test_a_module_of_another_library_in_parts(images, folder, ran, lines):
    torch = pytest.importorskip("torch")
    with Deel(seed=3, engine="torch"):
        module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 4))
        teacher = Teacher(module, size=16, mean=127.5, scale=1 / 127.5, labels=4)
        for number in (1, 2, 3):
            Teach(teacher, images, batch_size=4, part=f"{number}/3")
        assert len(list(folder.glob("*.segment"))) == 3
        distilled(teacher, train=images, views=1)
    next(folder.glob("*2-of-3.segment")).unlink()
    lines()
    (line,) = ran("cache", "merge", code=1)
    assert line.endswith(
        '1 of 3 parts are missing, 2/3; make the first with Teach(..., part="2/3")'
    )


def test_parts_are_one_pass(teacher, images, folder, tmp_path, ran):
    for number in (1, 2):
        Teach(teacher, images, views=2, batch_size=8, part=f"{number}/2")
    ran("cache", "merge")
    (merged,) = folder.glob("*.segment")
    merged = merged.rename(tmp_path / "merged").read_bytes()
    Teach(teacher, images, views=2, batch_size=8)
    ran("cache", "merge")
    (whole,) = folder.glob("*.segment")
    assert whole.read_bytes()[4096:] == merged[4096:]


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda net, images: Teach(net), DataError, "there are no images"),
        (lambda net, images: Teach(images), TrainingError, "Teach(PosixPath): is no teacher"),
        (lambda net, images: Teach(net, views=2), DataError, "Teach(views=...): goes with images"),
        (lambda net, images: Teach(net, images, view=2), Exception, "did you mean views"),
        (lambda net, images: Teach(net, images, views=0), DataError, "views=0"),
        (lambda net, images: Teach(net, images, part="3"), DataError, "--part 3: give which part"),
        (lambda net, images: Teach(net, "nowhere.txt"), DataError, "nowhere.txt"),
        (lambda net, images: Teach(small(), images), TrainingError, "it cannot teach yet"),
    ],
)
def test_what_cannot_be_is_one_sentence(session, images, folder, call, kind, sentence):
    net = small(name="Net")
    net.untrained.clear()
    with pytest.raises(kind) as error:
        call(net, images)
    assert sentence in str(error.value)
    assert not folder.exists()


def test_fresh_views_are_refused(teacher, images):
    InputBatch(images)
    with pytest.raises(DataError, match=r"every epoch draws fresh views.*give views="):
        Teach(teacher)


def test_not_while_batchtrain_runs(teacher, images):
    student = small()
    InputBatch(images, views=1)

    def workout(x, t):
        Teach(teacher)

    with pytest.raises(TrainingError, match="BatchTrain is running; call Teach before it"):
        BatchTrain(workout, epochs=1)
    assert student.untrained
    assert np.isfinite(teacher.parameters)
