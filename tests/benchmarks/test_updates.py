"""The benchmarks that time single updates: they make them, each way in its turn."""

from types import SimpleNamespace

from training.checkpoints.stopped_runs import digest

from deelish import Deel
from deelish.networks import Airbench


def student():
    return Airbench(labels=10, widths=(8, 8, 8))


def test_an_update_changes_the_student(part):
    with Deel(precision="float32") as session:
        learner = student()
        before = digest(session, [learner])
        part("guards").updates(session, learner, images=4, count=1)()
        assert digest(session, [learner]) != before


def test_each_way_is_second_as_often(part):
    turns = list(part("guards").in_turn(4))
    pairs = list(zip(turns[::2], turns[1::2], strict=True))
    assert sorted(pairs) == [(False, True)] * 2 + [(True, False)] * 2


def test_both_gradients_of_weights_are_timed(part, monkeypatch):
    benchmark, ours, updates = part("weight_gradients"), [], []
    gradients, make = benchmark.convolution_gradients, benchmark.updates
    # The benchmark sets it; monkeypatch puts it back.
    monkeypatch.setattr(gradients, "is_without_avx512", lambda: False)
    monkeypatch.setattr(benchmark, "OURS", lambda: True)

    def watched(*arguments):
        update = make(*arguments)

        def noted():
            ours.append(gradients.is_without_avx512())
            updates.append(update())

        return noted

    monkeypatch.setattr(benchmark, "updates", watched)
    with Deel(precision="float32") as session:
        seconds = benchmark.measured(session, student(), SimpleNamespace(images=4, steps=2))
    assert len(updates) == benchmark.WARM + 4
    assert sorted(ours[benchmark.WARM :]) == [False, False, True, True]
    assert len(seconds) == 2
    assert min(seconds) > 0
