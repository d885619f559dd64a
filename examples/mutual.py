"""Mutual learning: two students, each taught by the other within one workout.

    python examples/mutual.py TRAIN TEST LABELS [EPOCHS]

Zhang et al. 2018. Each learns from the labels and from the other's logits.
"""

import sys

from deelish import *
from deelish.networks import NetworkInNetworkCIFAR10, SqueezeNet

TRAIN, TEST, LABELS, *REST = sys.argv[1:]

Deel()
first = NetworkInNetworkCIFAR10(labels=LABELS)
second = SqueezeNet(labels=LABELS, in_size=48)
InputBatch(TRAIN, TEST)


def workout(x, t):
    logits = first.classify(x), second.classify(x)
    second.backprop(t, distill=logits[0])
    return first.backprop(t, distill=logits[1])


def checkout():
    first.save("first.hdf5")
    second.save("second.hdf5")


BatchTrain(workout, checkout, epochs=int(REST[0]) if REST else 10)
