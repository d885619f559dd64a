"""Born again: a trained student is the teacher of the next one, of the same shape.

    python examples/born_again.py TRAIN TEST LABELS [GENERATIONS] [EPOCHS]

Furlanello et al. 2018. The first generation learns from the labels, every later one from the labels
and the generation before it.
"""

import sys

from deelish import *
from deelish.networks import NetworkInNetworkCIFAR10

TRAIN, TEST, LABELS, *REST = sys.argv[1:]
GENERATIONS, EPOCHS = [int(number) for number in (*REST, *(3, 10)[len(REST) :])]

Deel()
teacher = None

for generation in range(1, GENERATIONS + 1):
    student = NetworkInNetworkCIFAR10(labels=LABELS)
    InputBatch(TRAIN, TEST)

    def workout(x, t, teacher=teacher, student=student):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x) if teacher else False)

    print(f"generation {generation}")
    BatchTrain(workout, epochs=EPOCHS)
    teacher = student

teacher.save("born_again.hdf5")
