"""Networks for images of bright corners, and their logits one image at a time."""

from __future__ import annotations

import numpy as np

from deelish import Layer, Network

LABELS = ["<b>north & west</b>", "größe", "$x_", "'south' \"east\""]


def known(network):
    """The network, marked as trained."""
    network.untrained.clear()
    return network


def corners(name="Corners", order=(0, 1, 2, 3)):
    """A network that is always right: class i is the bright corner that is order[i] of LABELS."""
    rows = [Layer("score", "InnerProduct", num_output=4)]
    labels = [LABELS[corner] for corner in order]
    pixels = {"in_size": 8, "order": "L", "mean": (0.0,), "scale": 1 / 255}
    made = Network(rows, name=name, labels=labels, **pixels)
    weight = np.zeros((4, 8, 8), np.float32)
    for label, corner in enumerate(order):
        row, column = divmod(corner, 2)
        weight[label, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
    hold(made, "score", weight.reshape(4, 64))
    return known(made)


def hold(network, layer, weight):
    """Give a layer these weights, on PyTorch."""
    held = network.module.weights_of(layer).weight.data
    held.copy_(held.new_tensor(weight))


def by_hand(network, paths):
    """float64 logits (n, classes), each image classified alone."""
    return np.concatenate([network.classify(str(path)).value for path in paths]).astype(np.float64)


def listed(path):
    """The paths and the labels (n,) of a list."""
    pairs = [line.split() for line in path.read_text().splitlines()]
    return [path.parent / name for name, _ in pairs], np.array([int(label) for _, label in pairs])


def softmax(logits):
    """Probabilities (n, classes)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
