"""Ctrl-C in a training: it ends after the update in hand, and leaves all usable."""

import os
import signal

import numpy as np
import pytest
from helpers import small
from hinted import weights

from deelish import BatchTrain, Deel, InputBatch
from deelish.errors import TrainingError


def learner(student):
    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    return workout


def test_ctrl_c_ends_after_the_current_update(session, sets, capsys):
    student, calls, checkouts = small(), [], []

    def workout(x, t):
        student.classify(x)
        outcome = student.backprop(t)
        calls.append(student.engine.state(student.module)["score"]["weight"])
        if len(calls) == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return outcome

    rows = BatchTrain(workout, lambda: checkouts.append(1), epochs=5)
    # Four training and two validation batches an epoch: the ninth is in the second epoch.
    assert len(calls) == 9
    assert len(rows) == len(checkouts) == 1
    after = session.engine.state(student.module)["score"]["weight"]
    assert np.array_equal(after, calls[-1])
    assert "stopped by Ctrl-C at epoch 2/5, batch 3" in capsys.readouterr().out
    assert session.trainer is None
    assert len(BatchTrain(learner(student), epochs=1)) == 1


def states_with_ctrl_c(corners, moment):
    """The weights after each update and at the end, with Ctrl-C at a moment of the second."""
    with Deel(seed=1) as session:
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student, states, make = small(), [], session.engine.optimizer

        def at(now):
            if now == moment and len(states) == 1:
                os.kill(os.getpid(), signal.SIGINT)

        def optimizer(*given):
            made = make(*given)
            step = made.step

            def stepping(*lr):
                at("before the step")
                step(*lr)
                at("after the step")

            made.step = stepping
            return made

        session.engine.optimizer = optimizer

        def workout(x, t):
            student.classify(x)
            at("before the update")
            outcome = student.backprop(t)
            states.append(weights(student))
            return outcome

        BatchTrain(workout, epochs=2)
        return [*states, weights(student)]


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("moment", ["before the update", "before the step", "after the step"])
def test_ctrl_c_within_an_update_lets_it_end(corners, capsys, moment):
    whole = states_with_ctrl_c(corners, None)
    capsys.readouterr()
    states = states_with_ctrl_c(corners, moment)
    assert len(whole) == 8 + 1
    assert len(states) == 2 + 1
    for state, expected in zip(states, [*whole[:2], whole[1]], strict=True):
        assert all(np.array_equal(state[name], expected[name]) for name in expected)
    line = "stopped by Ctrl-C at epoch 1/2, batch 2; the weights are those of its update\n"
    assert capsys.readouterr().out == line


def test_a_second_ctrl_c_does_not_wait_for_the_update(session, sets):
    student, reached, before = small(), [], signal.getsignal(signal.SIGINT)

    def workout(x, t):
        student.classify(x)
        for number in (1, 2):
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(number)
        return student.backprop(t)

    assert BatchTrain(workout, epochs=1) == []
    assert reached == [1]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_keyboard_interrupt_out_of_workout_ends_the_same_way(session, sets):
    student = small()

    def workout(x, t):
        student.classify(x)
        student.backprop(t)
        raise KeyboardInterrupt

    assert BatchTrain(workout, epochs=5) == []
    with pytest.raises(TrainingError, match="works on the batches of a workout"):
        student.backprop(np.zeros(1, int))
