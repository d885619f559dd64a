"""A Caffe GoogLeNet teaches a NIN on a folder of photographs; tells how far they agree.

    python examples/photographs.py FOLDER bvlc_googlenet.caffemodel [EPOCHS]

FOLDER holds train.txt, test.txt and labels.txt. The student starts from nothing.
"""

import sys

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetwork

folder, model, *epochs = sys.argv[1:]

deel = Deel(gpu=-1)
student = NetworkInNetwork(labels=f"{folder}/labels.txt")
teacher = GoogLeNet(modelpath=model, labels=f"{folder}/labels.txt")
sets = InputBatch(train=f"{folder}/train.txt", val=f"{folder}/test.txt")


def workout(x, t):
    t = teacher.batch_feature(x)
    student.classify(x)
    return student.backprop(t, distill=True)


def agreement(paths, batch=50):
    """Mean over images of the probability mass on which student and teacher agree, 0 to 1."""
    total = 0.0
    for start in range(0, len(paths), batch):
        part = paths[start : start + batch]
        first, second = (net.batch_feature(part).probabilities for net in (student, teacher))
        total += first.clip(max=second).sum()
    return total / len(paths)


def checkout():
    paths = [item.path for item in sets.train.items]
    print(f"agreement on the training photographs: {100 * agreement(paths):.1f}%")
    CNN.save("google_nin.hdf5")


BatchTrain(workout, checkout, epochs=int(epochs[0]) if epochs else 10)
