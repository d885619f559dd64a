"""timm's own train.py with --kd-model-name, on the CPU, with the options that make it fastest.

train.py makes its networks, loader, losses and optimiser from its command line. Where it would
begin its first epoch it is held; each round then is one call of its own train_one_epoch.
"""

import importlib.util
import sys
from pathlib import Path
from unittest import mock

import timm.task.distillation
from speed.work import Absent, Epoch

from student_sides.photographs import CLASSES, folders_of
from student_sides.recipe import LR, TEACHER, TEMPERATURE

# The views and losses of the other sides: no colour jitter, no label smoothing, the interpolation
# that the student was published with.
OPTIONS = ("--color-jitter", "0", "--smoothing", "0", "--train-interpolation", "")
OPTIONS += ("--device", "cpu", "--channels-last", "--val-split", "")
OPTIONS += ("--opt", "adamw", "--opt-kwargs", "fused=True", "--lr", str(LR))
OPTIONS += ("--kd-model-name", TEACHER, "--kd-temperature", str(TEMPERATURE))
BFLOAT16 = ("--amp", "--amp-dtype", "bfloat16")


class Held(Exception):
    """train.py begins its first epoch, with these arguments of train_one_epoch."""

    def __init__(self, *args, **kwargs):
        super().__init__()
        self.arguments, self.keywords = args, kwargs


class Train(Epoch):
    """An epoch of distillation from logits and labels."""

    def __init__(self, setting, student, precision, workers, checkout):
        super().__init__(setting)
        self.type = precision
        program = program_of(checkout)
        self.train_one_epoch = program.train_one_epoch
        options = [str(folders_of(setting)), "--model", student, "--num-classes", str(CLASSES)]
        options += ["--batch-size", str(setting.batch), "--workers", str(workers), *OPTIONS]
        options += ["--output", str(setting.folder / "train.py")]
        options += BFLOAT16 if precision == "bfloat16" else ()
        (_, self.model, self.loader, *self.rest), self.keywords = held(program, options)
        self.epochs = 0

    def step(self):
        self.train_one_epoch(self.epochs, self.model, self.loader, *self.rest, **self.keywords)
        self.epochs += 1
        return len(self.loader) * self.setting.batch


def program_of(checkout):
    """The train.py of a checkout as a module; it imports the timm that is installed."""
    if checkout is None:
        raise Absent("no checkout of pytorch-image-models was named; --timm names one")
    spec = importlib.util.spec_from_file_location("train", Path(checkout) / "train.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def held(program, options):
    """The arguments that train.py gives its first epoch, and the keywords."""

    def hold(*args, **kwargs):
        raise Held(*args, **kwargs)

    create_model = timm.task.distillation.create_model

    def without_download(**options):
        return create_model(**{**options, "pretrained": False})

    with (
        mock.patch.object(sys, "argv", ["train.py", *options]),
        mock.patch.object(program, "train_one_epoch", hold),
        mock.patch.object(timm.task.distillation, "create_model", without_download),
    ):
        try:
            program.main()
        except Held as found:
            return found.arguments, found.keywords
    raise RuntimeError("train.py ended before its first epoch")
