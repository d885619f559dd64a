"""A Caffe GoogLeNet teaches a NIN on a folder of photographs; prints how far they agree.

    python examples/photographs.py FOLDER bvlc_googlenet.caffemodel [EPOCHS]

FOLDER holds train.txt, test.txt and labels.txt. The student is trained from scratch.
"""

import sys

import numpy as np

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetwork

folder, model, *epochs = sys.argv[1:]

deel = Deel(gpu=-1)
student = NetworkInNetwork(labels=f"{folder}/labels.txt")
teacher = GoogLeNet(modelpath=model, labels=f"{folder}/labels.txt")
dataset = InputBatch(train=f"{folder}/train.txt", val=f"{folder}/test.txt")


def workout(x, t):
    teacher_logits = teacher.batch_feature(x)
    student.classify(x)
    # From the teacher alone, without the labels t.
    return student.backprop(teacher_logits, distill=True)


def logits(network, batch=50):
    """Logits of all training photographs, in their centre views."""
    paths = [sample.path for sample in dataset.train.samples]
    parts = [paths[start : start + batch] for start in range(0, len(paths), batch)]
    return np.concatenate([network.batch_feature(part).value for part in parts])


teacher_logits = logits(teacher)
predicted = teacher_logits.argmax(1)[:, None]


def checkout():
    """Print how high the student ranks the class that the teacher predicts.

    The agreement is the mean fraction of the other classes that the student ranks below it: a half
    for an untrained student, 1 for one that always agrees.
    """
    student_logits = logits(student)
    above = (student_logits > np.take_along_axis(student_logits, predicted, 1)).sum(1)
    print(
        f"agreement on {len(above)} training photographs:"
        f" {1 - above.mean() / (student_logits.shape[1] - 1):.2%};"
        f" first {np.mean(above == 0):.2%}, among five {np.mean(above < 5):.2%}"
    )
    student.save("google_nin.hdf5")


BatchTrain(workout, checkout, epochs=int(epochs[0]) if epochs else 10)
