"""An assistant: a big teacher teaches a middle network, which teaches a small one.

    python examples/assistant.py TRAIN TEST LABELS MODEL [EPOCHS]

Mirzadeh et al. 2020: a student that is much smaller than the teacher learns more from a network
whose size is between theirs. MODEL is a trained GoogLeNet for these labels.
"""

import sys

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10, Perceptron

TRAIN, TEST, LABELS, MODEL, *REST = sys.argv[1:]
EPOCHS = int(REST[0]) if REST else 10

Deel()
teacher = GoogLeNet(MODEL, labels=LABELS, in_size=32)
assistant = NetworkInNetworkCIFAR10(labels=LABELS)
student = Perceptron(labels=LABELS, in_size=32, hidden=(200,))
InputBatch(TRAIN, TEST)

for source, target in ((teacher, assistant), (assistant, student)):

    def workout(x, t, source=source, target=target):
        target.classify(x)
        return target.backprop(source.batch_feature(x), distill=True, temperature=4)

    print(f"{source.name} teaches {target.name}")
    BatchTrain(workout, epochs=EPOCHS)

student.save("student.hdf5")
