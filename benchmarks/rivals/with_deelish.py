"""The job of rivals.py in deelish: GoogLeNet teaches the CIFAR-10 NIN by its logits alone.

python with_deelish.py TEACHER STUDENT TRAIN TEST SAVED EPOCHS SEED [VIEWS]
"""

import json
import sys
import time
from pathlib import Path

from deelish import *

teacher_file, student_file, train, test, saved, epochs, seed, *views = sys.argv[1:]

deel = Deel(seed=int(seed))
teacher = Network.load(teacher_file)
student = Network.load(student_file)
InputBatch(train, batch_size=64, crop=28 / 32, views=int(views[0]) if views else None)


def workout(x, t):
    student.classify(x)
    return student.backprop(teacher.batch_feature(x), distill=True, temperature=4)


start = time.perf_counter()
BatchTrain(workout, epochs=int(epochs), lr=1e-3)
seconds = time.perf_counter() - start
student.save(saved)

items = [line.rsplit(maxsplit=1) for line in Path(test).read_text().splitlines()]
right = 0
for begin in range(0, len(items), 100):
    part = items[begin : begin + 100]
    best = student.classify([path for path, _ in part]).value.argmax(1)
    right += int(sum(best == [int(label) for _, label in part]))
print(json.dumps({"accuracy": right / len(items), "seconds": seconds}))
