"""The commands on network files: convert, show, classify."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from deelish.cli.parser import Parser, add_command
from deelish.errors import DataError, FileError

if TYPE_CHECKING:
    from deelish.language.edge_files import FileChoices
    from deelish.language.network import Network
    from deelish.language.predicting import Predicting
    from deelish.language.student import Student
    from deelish.language.teachers import Teacher
    from deelish.network.opening import OpenOptions


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add them to the command line; each sets `act`, which runs it and gives the exit code."""
    opening = opening_options()
    _add_convert(commands, opening)

    show = add_command(
        commands, "show", "show the layers of a model", "show student.safetensors", [opening]
    )
    show.add_argument("model", metavar="MODEL")
    show.set_defaults(act=_show)

    classify = add_command(
        commands,
        "classify",
        "predict the labels of images",
        "classify bvlc_googlenet.caffemodel cat.jpg --labels labels.txt",
        [opening],
    )
    classify.add_argument("model", metavar="MODEL")
    classify.add_argument("images", metavar="IMAGE", nargs="+")
    classify.add_argument("--top", metavar="N", type=int, default=5, help="labels an image (5)")
    classify.set_defaults(act=_classify)


def _add_convert(commands: argparse._SubParsersAction[Parser], opening: Parser) -> None:
    convert = add_command(
        commands,
        "convert",
        "write a model in another format",
        "convert bvlc_googlenet.caffemodel googlenet.onnx --verify",
        [opening],
    )
    add = convert.add_argument
    add("model", metavar="SOURCE", help=".caffemodel, .hdf5, .safetensors")
    target = ".onnx, .tflite, .pte, .xml, .param, or one of the formats of SOURCE"
    add("target", metavar="TARGET", help=target)
    add("--int8", metavar="LIST", help="write int8, calibrated on 128 images of this list")
    precisions = "float32, or float16 for files of half the size"
    add("--precision", metavar="TYPE", default="float32", help=precisions)
    scales = "of int8: a scale for each channel, or tensor for one a layer, as microcontrollers do"
    add("--weights", metavar="SCALES", default="channel", help=scales)
    verify = (
        "run both on the same inputs, or on 100 images of a list; write nothing if outputs differ"
    )
    add("--verify", metavar="LIST", nargs="?", const=True, default=False, help=verify)
    convert.set_defaults(act=_convert)


def opening_options() -> Parser:
    """The options with which a model is opened."""
    opening = Parser(add_help=False)
    add = opening.add_argument
    add("--prototxt", metavar="FILE", help="the .prototxt for weights of Caffe")
    add("--labels", metavar="FILE", help="names of the classes, one a line")
    add("--in-size", metavar="N", type=int, help="side of the images in pixels")
    add("--mean", metavar="A,B,C", help="mean of each channel, or a .binaryproto")
    add("--allow-missing", action="store_true", help="run layers whose weights the file lacks")
    add("--allow-nonfinite", action="store_true", help="accept weights that are NaN or infinite")
    return opening


def _options(options: argparse.Namespace) -> OpenOptions:
    return {
        "in_size": options.in_size,
        "mean": _mean(options.mean),
        "allow_missing": options.allow_missing,
        "allow_nonfinite": options.allow_nonfinite,
    }


def _mean(text: str | None) -> tuple[float, ...] | Path | None:
    if text is None:
        return None
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        if Path(text).suffix == ".binaryproto":
            return Path(text)
        raise DataError(
            f"--mean {text}: give one number a channel, such as 104,117,123, or a .binaryproto"
        ) from None


def opened(options: argparse.Namespace) -> Network | Student:
    """What the command line names, with its options."""
    return learner_of(options.model, options.prototxt, options.labels, **_options(options))


def learner_of(
    model: str,
    prototxt: str | None = None,
    labels: str | None = None,
    **options: Unpack[OpenOptions],
) -> Network | Student:
    """The network of a file, or the student that was made from a module."""
    from deelish.formats.native.module_file import holds_module
    from deelish.language.network import Network
    from deelish.language.student import Student
    from deelish.network.opening import open_parts
    from deelish.network.pretrained import find_model

    if not holds_module(find_model(model)):
        return Network.of(open_parts(model, prototxt, labels, **options))
    _refuse_options(
        f"{model}: is the file of a student, with its layers and pixels inside", prototxt, options
    )
    student = Student.load(model)
    if labels is not None:
        student.name_classes(labels)
    return student


def predictor_of(path: Path, labels: str | None = None) -> Predicting:
    """What predicts by a file: a network, a student, or the teacher that a runtime's file is."""
    from deelish.engines.runtimes.table import runtime_of
    from deelish.language.teachers import Teacher

    if runtime_of(path) is not None:
        return Teacher(str(path), labels=labels)
    return learner_of(str(path), labels=labels)


def teacher_of(options: argparse.Namespace) -> Network | Student | Teacher:
    """What the command line names, with its options: a network, a student, or any Teacher."""
    from deelish.engines.model_names import ModelName
    from deelish.engines.runtimes.table import runtime_of
    from deelish.language.teachers import Teacher

    if runtime_of(Path(options.model)) is None and ModelName.parsed(options.model) is None:
        return opened(options)
    _refuse_options(
        f"{options.model}: comes with its layers and pixels", options.prototxt, _options(options)
    )
    return Teacher(options.model, labels=options.labels)


def _refuse_options(why: str, prototxt: str | None, options: OpenOptions) -> None:
    for name, value in {"prototxt": prototxt, **options}.items():
        if value:
            raise FileError(f"{why}; leave --{name.replace('_', '-')} out")


def _convert(options: argparse.Namespace) -> int:
    from deelish.formats.edge.converters import CONVERTERS
    from deelish.formats.native.module_file import holds_module
    from deelish.language.edge_files import FileChoices
    from deelish.network.convert import convert
    from deelish.network.pretrained import find_model

    int8 = False if options.int8 is None else options.int8
    choices = FileChoices(int8, options.precision, options.weights)
    extension = Path(options.target).suffix.lower()
    is_list = not isinstance(options.verify, bool)
    asks = choices != FileChoices() or is_list
    is_onnx = extension == ".onnx"
    if extension in CONVERTERS or asks or (is_onnx and holds_module(find_model(options.model))):
        return _convert_for_runtime(options, choices)
    given = (options.prototxt, options.labels, options.verify)
    convert(options.model, options.target, *given, **_options(options))
    return 0


def _convert_for_runtime(options: argparse.Namespace, choices: FileChoices) -> int:
    from deelish.language.converting import convert_for_runtime

    choices.check("convert", Path(options.target))
    learner = opened(options)
    convert_for_runtime(learner, options.model, options.target, choices, options.verify)
    return 0


def _show(options: argparse.Namespace) -> int:
    network = opened(options)
    pixels = network.preprocessing
    mean = ", ".join(f"{number:g}" for number in pixels.mean)
    print(network)
    print(network.summary())
    print(f"pixels: {pixels.rendering()}, {pixels.order}, minus {mean}, times {pixels.scale_text}")
    print(f"labels: {len(network.labels) if network.labels else 'none'}")
    return 0


def _classify(options: argparse.Namespace) -> int:
    if options.top < 1:
        raise DataError(f"--top {options.top}: give a whole number above 0")
    network = teacher_of(options)
    for path in options.images:
        logits = network.classify(path)
        if len(options.images) > 1:
            print(path)
        for rank, (name, probability) in enumerate(logits.top(options.top)[0], start=1):
            print(f"#{rank} | {name} | {probability:.1%}")
    return 0
