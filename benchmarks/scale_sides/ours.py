"""deelish's side: an unchanged script. `ours.py LIST BATCH PRECISION`, under torchrun or not."""

import contextlib
import sys

from recipe import CLASSES, LR, MOMENTUM, received, report

from deelish import *
from deelish import Layer, Network
from deelish.networks import NetworkInNetworkCIFAR10

path, batch, precision = sys.argv[1:]
deel = Deel(precision=precision)
student = NetworkInNetworkCIFAR10()
rows = [Layer("score", "InnerProduct", num_output=CLASSES), Layer("prob", "Softmax")]
teacher = Network(rows, name="Teacher", in_size=32)
teacher.untrained.clear()  # Its initial weights are taken for trained ones.
InputBatch(path, batch_size=int(batch), views="centre", crop=1, keep="memory")


def workout(x, t):
    student.classify(x)
    return student.backprop(teacher.batch_feature(x), distill=True)


recipe = {"optimizer": "sgd", "lr": LR, "momentum": MOMENTUM, "schedule": "constant"}
with contextlib.redirect_stdout(None):
    BatchTrain(workout, epochs=1, **recipe)  # It fills the teacher cache.
    before = received()
    (row,) = BatchTrain(workout, epochs=1, **recipe)
images = deel.dataset.train.size
report(images, images / row["images_per_second"], len(deel.dataset.train), before)
