"""Self-distillation: a running average of the student is its teacher.

    python examples/self_distillation.py TRAIN TEST LABELS [EPOCHS]

The mean teacher of Tarvainen and Valpola 2017: the average predicts more steadily than the student.
"""

import sys

from deelish import *
from deelish.networks import NetworkInNetworkCIFAR10

TRAIN, TEST, LABELS, *REST = sys.argv[1:]

Deel()
student = NetworkInNetworkCIFAR10(labels=LABELS)
teacher = Average(student, decay=0.99)
InputBatch(TRAIN, TEST)


def workout(x, t):
    student.classify(x)
    return student.backprop(t, distill=teacher.batch_feature(x))


BatchTrain(workout, epochs=int(REST[0]) if REST else 10)
student.save("student.hdf5")
