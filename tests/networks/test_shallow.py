"""Students of few layers: as many parameters as they are given, and the layers of the paper."""

import numpy as np
import pytest
import torch

from deelish import *
from deelish.errors import PlanError
from deelish.networks import Shallow


@pytest.mark.parametrize("parameters", [100_000, 1_000_000, 3_160_000])
@pytest.mark.parametrize("convolutions", range(5))
@pytest.mark.parametrize("hidden", [1, 2, 5])
def test_parameters_are_as_many_as_given(parameters, convolutions, hidden):
    with Deel():
        net = Shallow(convolutions=convolutions, hidden=hidden, parameters=parameters)
        assert 0.97 * parameters < net.parameters <= parameters
        types = [row.type for row in net.plan.layers]
        assert types.count("Convolution") == convolutions
        # Urban et al. 2017: four convolutional layers have three maxima.
        assert types.count("Pooling") == min(convolutions, 3)
        # The bottleneck and the last layer beside the hidden ones.
        assert types.count("InnerProduct") == hidden + 2
        assert types.count("ReLU") == convolutions + hidden


def test_channels_grow_as_the_root_of_the_parameters():
    for parameters, times in ((250_000, 0.5), (1_000_000, 1), (4_000_000, 2)):
        with Deel():
            rows = Shallow(convolutions=4, parameters=parameters).plan.layers
        assert [row.args["num_output"] for row in rows if row.type == "Convolution"] == [
            times * channels for channels in (32, 64, 64, 128)
        ]


def test_batchnorm_stands_before_each_relu():
    with Deel():
        rows = Shallow(convolutions=2, hidden=3).plan.layers
    for number, row in enumerate(rows):
        if row.type == "ReLU":
            before = rows[number - 3 : number]
            assert [each.type for each in before[1:]] == ["BatchNorm", "Scale"]
            # Its shift does what a bias would.
            assert before[0].args["bias_term"] is False
            assert before[2].args["bias_term"] is True


def test_weights_before_a_relu_start_as_those_of_he_et_al():
    with Deel():
        network = Shallow(convolutions=2)
        weights = network.engine.state(network.module)
    # He et al. 2015: the variance is 2 over the inputs of an output.
    for name in ("conv2", "fc1"):
        weight = weights[name]["weight"]
        assert weight.std() == pytest.approx(np.sqrt(2 / weight[0].size), rel=0.1)


def test_running_statistics_follow_the_last_updates():
    with Deel(precision="float32"):
        network = Shallow(convolutions=0, parameters=50_000)
        module = network.module.train()
        early, late = (torch.from_numpy(_images(seed)) for seed in (0, 1))
        with torch.no_grad():
            for images in [early] * 60 + [late] * 60:
                module(images)
            weights = network.engine.state(module)
        hidden = late.reshape(4, -1).numpy() @ weights["bottleneck"]["weight"].T
        hidden = (hidden + weights["bottleneck"]["bias"]) @ weights["fc1"]["weight"].T
        mean = weights["norm_fc1"]["mean"] / weights["norm_fc1"]["factor"]
        np.testing.assert_allclose(mean, hidden.mean(0), atol=0.02 * np.abs(hidden).max())


def _images(seed):
    return np.random.default_rng(seed).normal(size=(4, 3, 32, 32)).astype(np.float32)


def test_the_bottleneck_is_linear():
    with Deel():
        rows = Shallow(convolutions=1, dropout=0.1).plan.layers
        after = rows[[row.name for row in rows].index("bottleneck") + 1]
        assert after.type == "InnerProduct"
        assert [row.type for row in rows].count("Dropout") == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"convolutions": 5}, r"convolutions=5\): give a whole number from 0 to 4"),
        ({"hidden": 0}, r"hidden=0\): give a whole number from 1 to 5"),
        ({"parameters": 1e6}, r"parameters=1000000.0\): give a whole number from 1 up"),
        ({"parameters": 300}, r"so few parameters leave -?\d+ for its hidden layers"),
    ],
)
def test_mistakes_are_one_sentence(given, expected):
    with Deel(), pytest.raises(PlanError, match=expected):
        Shallow(**given)
