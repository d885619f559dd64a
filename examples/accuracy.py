"""How often a published network is right: top-1 and top-5 on a list of images.

    python examples/accuracy.py bvlc_googlenet.caffemodel labels.txt train.txt test.txt

Images are made 256 x 256 whatever their aspect, and the centre is taken, as Caffe does it.
"""

import sys
from pathlib import Path

import numpy as np

from deelish import *
from deelish.networks import GoogLeNet


def accuracy(network, lists, batch=25):
    """(images, top-1, top-5) over all images of the lists."""
    items = [line.rsplit(None, 1) for name in lists for line in name.read_text().splitlines()]
    first = fifth = 0
    for start in range(0, len(items), batch):
        part = items[start : start + batch]
        scores = network.classify([lists[0].parent / path for path, _ in part]).value
        labels = np.array([int(label) for _, label in part])[:, None]
        best = np.argsort(-scores, 1)[:, :5]
        first += (best[:, :1] == labels).sum()
        fifth += (best == labels).sum()
    return len(items), first / len(items), fifth / len(items)


if __name__ == "__main__":
    model, labels, *lists = map(Path, sys.argv[1:])
    network = GoogLeNet(model, labels=labels)
    print(network)
    print("{} images: top-1 {:.1%}, top-5 {:.1%}".format(*accuracy(network, lists)))
