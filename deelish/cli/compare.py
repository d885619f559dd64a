"""The command `compare`: a teacher and its students, measured on a list of images."""

from __future__ import annotations

import argparse
from pathlib import Path

from deelish.cli.models import predictor_of
from deelish.cli.parser import Parser, add_command

KINDS = ".hdf5, .safetensors, .caffemodel; .onnx, .tflite, .pte, .xml, .param"


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add it to the command line; it sets `act`, which runs it and gives the exit code."""
    compare = add_command(
        commands,
        "compare",
        "compare students with their teacher: accuracy, size, speed",
        "compare teacher.hdf5 student.hdf5 --test data/test.txt --fits raspberry-pi-3",
    )
    add = compare.add_argument
    add("teacher", metavar="TEACHER", help=KINDS)
    add("students", metavar="STUDENT", nargs="+", help="one file of these kinds, or several")
    add("--test", metavar="LIST", required=True, help="a list, class folders or tars")
    add("--train", metavar="LIST", help="training images, for the students in int8")
    add("--fits", metavar="DEVICE", help="check whether they fit a device, such as raspberry-pi-3")
    add("--save", metavar="FILE", help="write the report as a page, .html")
    add("--labels", metavar="FILE", help="names of the classes, one a line")
    add("--root", metavar="FOLDER", help="the folder of the images of the lists")
    add("--crop", metavar="FRACTION", type=float, help="crop fraction of the views, up to 1")
    compare.set_defaults(act=_compare)


def _compare(options: argparse.Namespace) -> int:
    from deelish.language.comparing import Compare

    paths = (options.teacher, *options.students)
    teacher, *students = [predictor_of(Path(path), options.labels) for path in paths]
    made = Compare(
        teacher,
        students,
        options.test,
        train=options.train,
        fits=options.fits,
        save=options.save,
        root=options.root,
        crop=options.crop,
    )
    print(made)
    return 0
