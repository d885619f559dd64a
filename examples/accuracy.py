"""The accuracy of a published network: top-1 and top-5 on a list of images.

    python examples/accuracy.py bvlc_googlenet.caffemodel labels.txt train.txt test.txt

As in Caffe, images are resized to 256 x 256 whatever their aspect, and the centre is cropped.
"""

import sys
from pathlib import Path

import numpy as np

from deelish import *
from deelish.networks import GoogLeNet


def accuracy(network, lists, batch=25):
    """(images, top-1, top-5) over all images of the lists."""
    samples = [line.rsplit(None, 1) for name in lists for line in name.read_text().splitlines()]
    top1 = top5 = 0
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        logits = network.classify([lists[0].parent / path for path, _ in part]).value
        labels = np.array([int(label) for _, label in part])[:, None]
        best = np.argsort(-logits, 1)[:, :5]
        top1 += (best[:, :1] == labels).sum()
        top5 += (best == labels).sum()
    return len(samples), top1 / len(samples), top5 / len(samples)


if __name__ == "__main__":
    model, labels, *lists = map(Path, sys.argv[1:])
    network = GoogLeNet(model, labels=labels)
    print(network)
    print("{} images: top-1 {:.1%}, top-5 {:.1%}".format(*accuracy(network, lists)))
