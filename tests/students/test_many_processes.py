"""Two processes train a student as one: equal weights, statistics and history in both."""

import numpy as np
import pytest
from helpers import write_set
from processes import run_both
from students import in_processes


def images(folder):
    write_set(folder, "train", 16)
    write_set(folder, "val", 8, first=16)
    return folder


def by_case(found, case):
    prefix = f"{case}:"
    return {name.removeprefix(prefix): found[name] for name in found if name.startswith(prefix)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process makes of all cases."""
    return in_processes.run_all(images(tmp_path_factory.mktemp("alone")))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What two processes make of them."""
    folder = images(tmp_path_factory.mktemp("both"))
    output = run_both(in_processes.__file__, folder, ".npz")
    assert [err for _, err in output] == ["", ""]
    assert output[1][0] == ""
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)]


@pytest.mark.parametrize("case", in_processes.CASES)
def test_both_have_the_same_weights_statistics_and_history(both, case):
    first, second = (by_case(found, case) for found in both)
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert np.array_equal(array, second[name]), name


@pytest.mark.parametrize("case", ["plain", "shared"])
def test_without_statistics_of_a_part_they_learn_what_one_learns(alone, both, case):
    expected, found = by_case(alone, case), by_case(both[0], case)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("case", ["normalised", "dropout"])
def test_running_statistics_are_averaged_and_batches_counted(both, case):
    found = by_case(both[0], case)
    assert found["norm.num_batches_tracked"] == 2 * 3
    assert found["norm.num_batches_tracked"].dtype == np.int64
    assert found["norm.running_mean"].any()
    assert np.array_equal(found["average.norm.running_var"], found["norm.running_var"])
