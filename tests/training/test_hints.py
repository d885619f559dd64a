"""backprop with hints from inner layers: the formulas, projections, and when they are computed."""

from itertools import pairwise

import numpy as np
import pytest
from conftest import require_chainer
from feature_formulas import attention_map, distances, huber
from helpers import once
from hinted import convolutional, known, lesson, weights

from deelish import BatchTrain, Deel, InputBatch, Network
from deelish.language.session import current_session
from deelish.language.teachers import Teacher


@pytest.fixture
def pair(session, sets):
    return known(convolutional("Teacher", 6)), convolutional("Student", 3, pool=True)


def halved(blob):
    n, c, h, w = blob.shape
    return blob.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))


def attention(s, t):
    return 1000 * ((attention_map(s) - attention_map(halved(t))) ** 2).mean()


def relational(s, t):
    return 7 * huber(distances(s) - distances(t)).mean()


@pytest.mark.parametrize(
    ("options", "formula"),
    [
        ({"kind": "attention"}, attention),
        ({"kind": "attention", "weight": 10}, lambda s, t: attention(s, t) / 100),
        ({"kind": "relational", "distance": 7, "angle": 0}, relational),
    ],
)
def test_a_hint_is_added_by_its_formula(pair, options, formula):
    teacher, student = pair
    hint = {"student": "conv2", "teacher": "conv2", **options}

    def workout(x, t):
        maps = [net.feature(x, layer="conv2").value for net in (student, teacher)]
        logits = teacher.batch_feature(x)
        scores = student.classify(x).value
        outcome = student.backprop(logits, distill=True, hint=hint, loss="mse")
        rest = ((scores - logits.value) ** 2).sum() / (2 * len(x))
        assert outcome.loss == pytest.approx(formula(*maps) + rest, rel=1e-3)
        return outcome

    once(workout)


def test_fitnet_projects_pools_and_learns_the_projection(pair):
    teacher, student = pair
    projections = []

    def workout(x, t):
        memory = current_session().trainer.memory
        maps = [n.feature(x, layer="conv2").value.astype(float) for n in (student, teacher)]
        logits = teacher.batch_feature(x)
        student.classify(x)
        known = {p: weights(p) for p in memory.projections.values()}
        outcome = student.backprop(logits, distill=True, hint=("conv2", "conv2"), weight=0)
        (projection,) = memory.projections.values()
        if projection in known:
            held = known[projection]
            matrix = held["projection/weight"][:, :, 0, 0]
            made = np.einsum("nchw,dc->ndhw", maps[0], matrix)
            made += held["projection/bias"][:, None, None]
            expected = 100 * ((made - halved(maps[1])) ** 2).mean()
            assert outcome.loss == pytest.approx(expected, rel=1e-3)
        projections.append(weights(projection)["projection/weight"])
        return outcome

    once(workout)
    assert projections[0].shape == (6, 3, 1, 1)
    # It learns in the four batches of training, and not in the two of validation.
    assert all(not np.array_equal(a, b) for a, b in pairwise(projections[:4]))
    assert all(np.array_equal(projections[3], later) for later in projections[4:])


@pytest.mark.parametrize("kind", ["fitnet", "attention", "relational"])
def test_training_with_a_hint_lowers_it(pair, kind):
    hint = {"student": "conv2", "teacher": "conv2", "kind": kind, "weight": 10}
    before = weights(pair[0])
    rows = BatchTrain(lesson(*pair, hint, weight=0, label_weight=0), epochs=4, lr=0.01)
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]
    after = weights(pair[0])
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_hints_add_up_and_layers_may_be_named_by_their_blobs(pair):
    teacher, student = pair
    attentive = {"student": "conv1", "teacher": "relu1", "kind": "attention"}
    related = {"student": "score", "teacher": "conv2", "kind": "relational"}
    losses = {}

    def workout(x, t):
        logits = teacher.batch_feature(x)
        given = {"a": attentive, "r": related, "both": [attentive, related], "none": None}
        if not current_session().trainer.training:
            for name, hint in given.items():
                student.classify(x)
                losses[name] = student.backprop(logits, distill=True, hint=hint).loss
        student.classify(x)
        return student.backprop(logits, distill=True)

    once(workout)
    parts = [losses[name] - losses["none"] for name in ("a", "r")]
    assert losses["both"] - losses["none"] == pytest.approx(sum(parts), rel=1e-4)
    assert min(parts) > 0


def test_the_weight_of_a_hint_may_follow_the_epoch(pair):
    epochs = []

    def fading(epoch):
        epochs.append(epoch)
        return max(0, 1 - epoch)

    hint = {"student": "conv2", "teacher": "conv2", "kind": "attention", "weight": fading}
    once(lesson(*pair, hint))
    assert epochs == [0, 0.25, 0.5, 0.75, 1, 1]


def test_inner_blobs_come_with_the_logits_from_the_second_batch_on(pair, monkeypatch):
    teacher, student = pair
    requested = {net: [] for net in pair}
    for net in pair:

        def counted(images, wanted, net=net, run=net._run, **how):
            requested[net].append(sorted(wanted))
            return run(images, wanted, **how)

        monkeypatch.setattr(net, "_run", counted)
    once(lesson(*pair, ("conv1", "conv2")))
    assert requested[teacher] == [["score"], ["conv2"], *[["conv2", "score"]] * 5]
    assert requested[student] == [["score"], *[["conv1", "score"]] * 6]
    # Outside of the training no inner layer is read.
    teacher.batch_feature(np.zeros((8, 8), np.uint8))
    assert requested[teacher][-1] == ["score"]


def test_the_first_batch_draws_the_same_dropout_again(session, sets):
    teacher, student = known(convolutional("Teacher", 6)), convolutional("S", 3, dropout=0.5)

    def workout(x, t):
        logits = teacher.batch_feature(x)
        scores = student.classify(x).value
        outcome = student.backprop(logits, distill=True, loss="mse", hint=hint)
        expected = ((scores - logits.value) ** 2).sum() / (2 * len(x))
        assert outcome.loss == pytest.approx(expected, rel=1e-4)
        return outcome

    hint = {"student": "conv1", "teacher": "conv1", "weight": 0}
    once(workout)


def test_the_same_seed_gives_the_same_weights(each_engine, corners):
    ends = []
    for _ in range(2):
        with Deel(seed=4):
            InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
            teacher = known(convolutional("Teacher", 6))
            student = convolutional("Student", 3, dropout=0.3, normal=True)
            once(lesson(teacher, student, ("conv2", "conv2")))
            ends.append(weights(student))
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_projection_belongs_to_no_network(pair, tmp_path):
    student = pair[1]
    names, count = set(weights(student)), student.parameters
    once(lesson(*pair, ("conv2", "conv2")))
    assert set(weights(student)) == names
    again = Network.load(student.save(tmp_path / "student.hdf5"))
    assert again.parameters == count


def test_a_teacher_on_the_other_engine_gives_hints(each_engine, corners):
    require_chainer()
    other = {"torch": "chainer", "chainer": "torch"}[each_engine]
    with Deel(engine=other, seed=1):
        teacher = known(convolutional("Teacher", 6))
    with Deel(seed=2):
        student = convolutional("Student", 3, pool=True)
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)

        def measured(x, t):
            maps = [net.feature(x, layer="conv2").value for net in (student, teacher)]
            logits = teacher.batch_feature(x)
            student.classify(x)
            hint = {"student": "conv2", "teacher": "conv2", "kind": "attention"}
            outcome = student.backprop(logits, distill=True, hint=hint, weight=0)
            assert outcome.loss == pytest.approx(attention(*maps), rel=1e-3)
            return outcome

        once(measured)
        workout = lesson(teacher, student, ("conv2", "conv2"), weight=0, label_weight=0)
        rows = BatchTrain(workout, epochs=3, lr=0.01)
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_hints_of_two_students_that_teach_each_other(session, sets):
    first, second = convolutional("First", 3), convolutional("Second", 4)

    def workout(x, t):
        a, b = first.classify(x), second.classify(x)
        first.backprop(t, distill=b, hint=("conv2", "conv2"))
        return second.backprop(t, distill=a, hint=("conv2", "conv2"))

    rows = BatchTrain(workout, epochs=4, lr=0.01)
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_a_hint_reads_the_layer_of_a_wrapped_teacher(pair):
    teacher, student = pair
    wrapped = Teacher(teacher)
    losses = {}

    def workout(x, t):
        for name, one in (("network", teacher), ("teacher", wrapped)):
            if not current_session().trainer.training:
                logits = one.batch_feature(x)
                student.classify(x)
                hint = {"student": "conv2", "teacher": "conv2", "kind": "attention"}
                losses[name] = student.backprop(logits, distill=True, hint=hint).loss
        student.classify(x)
        return student.backprop(t)

    once(workout)
    assert losses["teacher"] == pytest.approx(losses["network"], rel=1e-4)


def test_the_projection_of_one_student_waits_for_its_own_loss(corners):
    with Deel(seed=1, engine="torch", precision="float16"):
        teacher = known(convolutional("Teacher", 6))
        students = [convolutional(name, 3) for name in ("First", "Second")]
        InputBatch(corners[0], batch_size=4, crop=1, mirror=False)
        hint = {"student": "conv2", "teacher": "conv2", "weight": 0.01}

        def workout(x, t):
            logits = teacher.batch_feature(x)
            for student in students:
                student.classify(x)
                # The loss scaler refuses an optimiser that is not fused and got no gradient.
                made = student.backprop(t, distill=logits, hint=hint)
            return made

        before = [weights(student) for student in students]
        assert len(BatchTrain(workout, epochs=1, lr=0.01, foreach=True)) == 1
        for student, old in zip(students, before, strict=True):
            assert not np.array_equal(old["score/weight"], weights(student)["score/weight"])
