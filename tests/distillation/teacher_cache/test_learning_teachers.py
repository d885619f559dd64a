"""Logits of a network that learns while it teaches are not cached: each update makes others."""

from helpers import small, trained, write_set

from deelish import BatchTrain, Deel, InputBatch


def test_two_students_that_teach_each_other_are_not_cached(folder, tmp_path):
    images = write_set(tmp_path, "train", 16)
    with Deel(seed=1):
        InputBatch(images, batch_size=4)
        pair = [trained(small(name)) for name in ("First", "Second")]
        InputBatch(images, batch_size=4, views=1)

        def workout(x, t):
            logits = [student.batch_feature(x) for student in pair]
            for student, other in zip(pair, reversed(logits), strict=True):
                student.classify(x)
                made = student.backprop(t, distill=other)
            return made

        BatchTrain(workout, epochs=2)
    # Before its first update a student is a teacher like any other.
    assert sorted(path.name.split("-")[0] for path in folder.glob("*.answers")) == [
        "First",
        "Second",
    ]
