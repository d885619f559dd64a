"""A Caffe GoogLeNet teaches a NIN on a folder of photographs; tells how far they agree.

    python examples/photographs.py FOLDER bvlc_googlenet.caffemodel [EPOCHS]

FOLDER holds train.txt, test.txt and labels.txt. The student starts from nothing.
"""

import sys

import numpy as np

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


def scores(network, batch=50):
    """Logits of all training photographs, in their centre views."""
    paths = [sample.path for sample in sets.train.samples]
    parts = [paths[start : start + batch] for start in range(0, len(paths), batch)]
    return np.concatenate([network.batch_feature(part).value for part in parts])


answers = scores(teacher)
first = answers.argmax(1)[:, None]


def checkout():
    """Say how high the student puts the class that the teacher puts first.

    The agreement is the mean share of the other classes that the student puts below it: a half for
    a student that knows nothing, 1 for one that always agrees.
    """
    mine = scores(student)
    above = (mine > np.take_along_axis(mine, first, 1)).sum(1)
    print(
        f"agreement on {len(above)} training photographs:"
        f" {1 - above.mean() / (mine.shape[1] - 1):.2%};"
        f" first {np.mean(above == 0):.2%}, among five {np.mean(above < 5):.2%}"
    )
    student.save("google_nin.hdf5")


BatchTrain(workout, checkout, epochs=int(epochs[0]) if epochs else 10)
