"""Deel(compile=True): the teacher's numbers, what is said, and machines without a compiler."""

import shutil

import numpy as np
import pytest
from helpers import small

from deelish import Deel
from deelish.errors import EngineError, UsageError

COMPILERS = ("g++", "c++", "clang++")
RNG = np.random.default_rng(8)


def images(count):
    return list(RNG.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8))


def teacher():
    made = small(in_size=16)
    made.untrained.clear()
    return made


def by_batch(made, sizes):
    return [(part, made.batch_feature(part).value) for part in map(images, sizes)]


@pytest.mark.long
def test_a_compiled_teacher_gives_the_same_logits(capsys):
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip("no C++ compiler here")
    with Deel(compile=True):
        made = teacher()
        # The first batch runs as it is, the second is compiled, one of another size is not.
        outputs = by_batch(made, [4, 4, 4, 3])
        for part, output in outputs:
            np.testing.assert_allclose(output, made.classify(part).value, rtol=1e-4, atol=1e-5)
    assert capsys.readouterr().out.count("compile=True: a teacher compiled in ") == 1


def test_without_a_compiler_one_line_says_so_and_teachers_run_as_they_are(monkeypatch, capsys):
    import torch._inductor.config as settings

    monkeypatch.setattr(settings.cpp, "cxx", ("no-such-compiler",))
    with Deel(compile=True):
        made = teacher()
        for part, output in by_batch(made, [2, 2, 2]):
            np.testing.assert_array_equal(output, made.classify(part).value)
    said = [line for line in capsys.readouterr().out.splitlines() if "compile" in line]
    assert len(said) == 1
    assert said[0].startswith("compile=True: teachers run as they are (")
    assert "no-such-compiler" in said[0]


def test_what_cannot_be_compiled_is_refused():
    match = r"Deel\(compile='yes'\): is of type str; give True or False"
    with pytest.raises(UsageError, match=match):
        Deel(compile="yes")
    with pytest.raises(UsageError, match=match):
        Deel(-1, "torch", 0, None, "yes")  # type: ignore[arg-type]
    with Deel(engine="numpy", compile=True) as session, pytest.raises(EngineError, match="torch"):
        _ = session.engine
