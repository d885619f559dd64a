"""The script of an experiment: some twenty lines that a person reads, runs and changes."""

from __future__ import annotations

from dataclasses import dataclass

from deelish.cli.experiment.models import Chosen
from deelish.cli.experiment.settings import Settings
from deelish.cli.experiment.spelling import quoted

TEXT = '''\
"""{about}

Written by `deelish new`. Run it in this folder: python {name}
"""

from deelish import *
{families}
deel = Deel(gpu={gpu}, seed={seed})
teacher = {teacher}
{probe}student = {student}
InputBatch("train.txt", "val.txt", batch_size={batch_size}, views={views}, augment="{augment}")


def workout(x, t):
{workout}


how = dict(optimizer="adamw", lr={lr}, weight_decay=0.05, schedule="cosine", warmup=0.05)
BatchTrain(workout, epochs={epochs}, resume="checkpoints", **how)
student.save("student.safetensors")
tests = dict(test="test.txt", train="train.txt"{fits})
report = Compare(teacher, student, save="report.html", **tests)
print(report)
student.card("README.md", report)
student.export({target}, int8=True)
'''
NAME = "distill.py"
PROBE = 'Probe(teacher, labels="labels.txt", train="train.txt")\n'
AUGMENT = "random_resized_crop"
# A probe has a few logits, which say less than the features that it is made of.
BY_FEATURES = """\
    student.classify(x)
    return student.backprop(t, distill=teacher.feature(x))"""
BY_LOGITS = """\
    logits = teacher.batch_feature(x)
    student.classify(x)
    return student.backprop(t, distill=logits, temperature=2, alpha=0.9)"""


@dataclass(frozen=True)
class Facts:
    """What a script is made of, beside its models and settings.

    about: a line on the data and the models.  target: the path of the .onnx, from the script's
    folder.  fits: a device by name, or None.
    """

    about: str
    target: str
    fits: str | None = None
    gpu: int = -1
    seed: int = 0


def script_text(facts: Facts, teacher: Chosen, student: Chosen, settings: Settings) -> str:
    """The script."""
    names = sorted({chosen.family for chosen in (teacher, student) if chosen.family})
    families = f"from deelish.networks import {', '.join(names)}\n" if names else ""
    fits = "" if facts.fits is None else f", fits={quoted(facts.fits)}"
    return TEXT.format(
        about=facts.about,
        name=NAME,
        families=families,
        gpu=facts.gpu,
        seed=facts.seed,
        teacher=teacher.code,
        probe=PROBE if teacher.probed else "",
        student=student.code,
        augment=AUGMENT,
        workout=BY_FEATURES if teacher.probed else BY_LOGITS,
        batch_size=settings.batch_size,
        views=settings.views,
        epochs=settings.epochs,
        lr=settings.lr,
        fits=fits,
        target=quoted(facts.target),
    )
