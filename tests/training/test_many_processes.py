"""Many processes train as one: the same weights, one history, and only rank 0 prints and writes."""

import json
import re
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import write_set
from images.damaged_files import sound
from processes import environment, run_both, torchrun_environment
from training import in_processes

from deelish import Deel
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.errors import EngineError
from deelish.images.cache import memory
from deelish.images.decoding.decoded_image import DecodedImage

# Dropout, the statistics of a part of a batch, and rounding make these different.
DIFFERENT = ("with_dropout", "with_statistics", "with_slow_statistics", "in_bfloat16")

# Sums over a batch round otherwise in parts; of a bias that hardly matters so does the gradient.
TOLERANCE = dict.fromkeys(["with_shared_statistics", "with_relations", "with_every_loss"], 2e-4)


def images(folder):
    """Lists of 22 and 8 images, one of 10 of which the first and the last two are bad, and one of
    10 of which two are bad and one is a damaged JPEG file."""
    write_set(folder, "train", 22)
    write_set(folder, "val", 8, first=22)
    write_set(folder, "bad", 10, first=30)
    for number in (30, 38, 39):
        (folder / f"{number}.png").write_bytes(b"no image")
    write_set(folder, "replaced", 10, first=40)
    for number in (41, 49):
        (folder / f"{number}.png").write_bytes(b"no image")
    data = sound((80, 60))
    middle = len(data) // 2
    (folder / "45.png").write_bytes(data[:middle] + bytes(99) + data[middle + 99 :])
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process makes of all cases."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEELISH_CACHE", str(folder / "cache"))
        return in_processes.run_all(images(folder))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What two processes make of them: results with weights, stdout and stderr of each."""
    folder = images(tmp_path_factory.mktemp("both"))
    output = run_both(in_processes.__file__, folder, DEELISH_CACHE=str(folder / "cache"))
    found = []
    for rank, (out, err) in enumerate(output):
        results = json.loads((folder / f"{rank}.json").read_text())
        for name, array in np.load(folder / f"{rank}.npz").items():
            case, array_name = name.split(":", 1)
            results[case].setdefault("weights", {})[array_name] = array
        found.append((results, out, err))
    return folder, found


CASES = [case.__name__ for case in in_processes.CASES]


@pytest.mark.parametrize("case", [case for case in CASES if case not in DIFFERENT])
def test_two_processes_learn_what_one_learns(alone, both, case):
    for results, _, _ in both[1]:
        assert results[case]["weights"].keys() == alone[case]["weights"].keys()
        for name, expected in alone[case]["weights"].items():
            worst = np.abs(results[case]["weights"][name] - expected).max()
            assert worst <= TOLERANCE.get(case, 1e-5) * np.abs(expected).max(), name
        for row, expected in zip(
            results[case].get("history", []), alone[case].get("history", []), strict=True
        ):
            assert row == pytest.approx(expected, rel=1e-4)


def test_features_are_standardised_over_all_images_of_all_processes(alone, both):
    expected = alone["with_features"]["statistics"]
    for results, _, _ in both[1]:
        np.testing.assert_allclose(results["with_features"]["statistics"], expected, rtol=1e-3)
    first, second = (results["with_features"]["statistics"] for results, _, _ in both[1])
    assert first == second


@pytest.mark.parametrize("case", CASES)
def test_both_processes_have_the_same_weights_and_history(both, case):
    (first, _, _), (second, _, _) = both[1]
    assert first[case].get("history") == second[case].get("history")
    assert first[case].get("clocked") == second[case].get("clocked")
    for name, array in first[case]["weights"].items():
        assert np.array_equal(array, second[case]["weights"][name]), name


def test_running_statistics_are_means_weighted_by_the_images(both):
    """Of 3 images the first process has 2; of 1 the second has none, and takes a substitute."""
    weights = [(2 / 3, 1 / 3)] * 7 + [(1, 0)]
    found = [results["with_statistics"] for results, _, _ in both[1]]
    expected = np.zeros(3)
    for parts, batch in zip(
        zip(*(each["pixels"] for each in found), strict=True), weights, strict=True
    ):
        scaled = [np.asarray(part) / 255 for part in parts]
        moments = [(part.mean(), part.var(ddof=1), 1) for part in scaled]
        expected = 0.9 * expected + np.average(moments, axis=0, weights=batch)
    for each in found:
        got = [each["weights"][f"bn/{name}"].item() for name in ("mean", "variance", "factor")]
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_a_batch_is_divided_and_no_process_is_without_an_image(both):
    first, second = [4, 4, 4, 1, 4, 1], [3, 3, 3, 1, 3, 1]
    for (results, _, _), seen in zip(both[1], (first, second), strict=True):
        assert results["on_labels"]["seen"] == seen * 3


def test_logits_of_a_teacher_are_cached_once(alone, both):
    folder, _ = both
    # One view of 22 and 8 images for each layer whose features were read; for logits two views of
    # 22, and two that are augmented and mixed.
    cached = [22 + 8, 22 + 8, 4 * 22]
    assert sorted(alone["cached"]) == cached
    assert sorted(file.count for file in logits_files(folder / "cache")) == cached


def test_one_process_writes_and_both_can_read(both):
    folder, ((first, _, _), (second, _, _)) = both
    assert first["saved"]["written"] == ["student.hdf5", "student.hdf5"]
    assert second["saved"]["written"] == []
    assert "nowhere" in first["saved"]["refused"]
    assert second["saved"]["refused"].startswith("process 0 could not use a file")
    assert (folder / "history.png").stat().st_size > 1000


def test_ctrl_c_in_one_process_stops_both_after_the_same_update(alone, both):
    for results in (alone, *(results for results, _, _ in both[1])):
        assert results["interrupted"]["batches"] == 9
        assert len(results["interrupted"]["history"]) == 2


def test_the_group_is_left_for_good(both):
    assert all(results["left"] for results, _, _ in both[1])


def test_one_process_prints_and_no_warning_is_given(both):
    (_, out, err), (_, second, second_err) = both[1]
    assert second == ""
    assert (err, second_err) == ("", "")
    assert out.count("stopped by Ctrl-C at epoch 3/5, batch 1;") == 1
    assert len(re.findall(r"^epoch  ", out, re.MULTILINE)) == 20
    skipped = re.findall(r"^skipped: (\w+): the logits of the teacher are not finite", out, re.M)
    assert Counter(skipped) == {"Small": 6, "Vectors": 2}
    # Some of them were in the part of the other process.
    assert "3 images were skipped:" in out
    assert all(out.count(f"bad.txt line {line}: ") == 1 for line in (1, 9, 10))
    assert "decoded images: 7 cached in memory" in out
    assert "2 images were skipped:" in out
    assert all(out.count(f"replaced.txt line {line}: ") == 1 for line in (2, 6, 10))
    assert re.search(r"replaced.txt line 6: .*45.png: the JPEG data is damaged \(", out)


def test_replaced_images_leave_every_batch_as_long_as_it_was(alone, both):
    for results, _, _ in both[1]:
        assert alone["with_replaced_images"]["seen"] == 2 * [4, 4, 2]
        assert results["with_replaced_images"]["seen"] == 2 * [2, 2, 1]


FAILING = """
    import sys
    from helpers import small
    from deelish import *
    deel = Deel(seed=3)
    student = small()
    InputBatch(sys.argv[1], batch_size=2)
    def workout(x, t):
        student.classify(x)
        return student.backprop(t)
    BatchTrain(workout, epochs=1000)
"""


@pytest.mark.long
def test_an_error_in_one_process_ends_all_under_torchrun(tmp_path):
    images(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(FAILING))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [sys.executable, *launcher, script, tmp_path / "bad.txt"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1
    assert re.search(r"DataError: .*bad.txt line (1|9|10): ", done.stderr)


@pytest.fixture
def launched(monkeypatch):
    for name, value in torchrun_environment(1, 2, 29500).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("engine", ["chainer", "numpy"])
def test_other_engines_train_in_one_process(launched, engine):
    with pytest.raises(EngineError, match=rf"engine='{engine}'.*2 processes.*engine='torch'"):
        Deel(engine=engine)
    launched.setenv("WORLD_SIZE", "1")
    launched.setenv("RANK", "0")
    assert Deel(engine=engine).engine_name == engine


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_each_process_asks_for_its_own_gpu(launched):
    with pytest.raises(EngineError, match=r"gpu=1\): PyTorch sees no GPU"):
        Deel(gpu=0)


@pytest.mark.parametrize(("name", "value"), [("RANK", "2"), ("RANK", "one"), ("LOCAL_RANK", "-1")])
def test_a_wrong_environment_is_refused(launched, name, value):
    launched.setenv(name, value)
    with pytest.raises(EngineError, match=rf"{name}={value}.*start the script with torchrun"):
        Deel()


def test_without_all_that_torchrun_sets_there_is_one_process(launched):
    launched.delenv("MASTER_PORT")
    assert Deel().engine.group.world_size == 1
    assert not torch.distributed.is_initialized()


def test_images_in_memory_take_a_part_of_it_in_each_process(launched):
    image = DecodedImage(np.zeros((4, 4, 3), np.uint8), None, None)
    launched.setattr(memory, "free_memory", lambda: 4 * 2 * 48)
    cache = memory.MemoryCache()
    for number in range(3):
        cache.put(Path(f"{number}.png"), 4, image)
    assert (cache.count, cache.full) == (2, True)
