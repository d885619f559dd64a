"""The verb Bench: how fast and how large networks are in the runtimes of small devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deelish.common.arguments import checked_call
from deelish.common.printing import say
from deelish.comparison.bench.bench import ALL, bench, check_threads, chosen_runtimes
from deelish.comparison.bench.measuring import BenchFile, unmade_row
from deelish.comparison.bench.result import Benchmark
from deelish.comparison.devices import device_of
from deelish.engines.runtimes.table import RUNTIMES, Runtime, runtime_of
from deelish.errors import DataError, DeelishError
from deelish.language.learning import Learning
from deelish.network.pretrained import find_model

Source = str | Path | Learning
# What follows the name of a network, and the options of its export.
Kind = tuple[str, dict[str, Any]]


@checked_call()
def Bench(
    *models: Source,
    runtimes: str | Sequence[str] = ALL,
    int8: bool | str | Path = False,
    float16: bool = False,
    threads: int = 1,
    fits: str | None = None,
) -> Benchmark:
    """Measure networks in the runtimes of small devices: milliseconds, memory, size of the file.

    ``Bench(student, "other.tflite", int8="data/train.txt", fits="raspberry-pi-3")``

    A network is written for each runtime, to a temporary folder. Each file then is measured by
    itself, one image at a time, in a process that imports NumPy and the runtime, and only loads
    and answers. A note warns where the machine was busy meanwhile.

    Args:
        models: networks and students, and files of runtimes: .onnx, .xml, .tflite, .pte, .param.
        runtimes: which: "all" that are installed, or "onnxruntime", "openvino", "litert",
            "executorch", "ncnn", several as a list or with commas between.
        int8: whether networks are measured in int8 too: True for a calibration on the training
            images of `InputBatch`, or where such images are.
        float16: whether networks are measured with weights in float16 too.
        threads: how many threads answer.
        fits: a device by name, such as "raspberry-pi-3": whether each file fits it, by the memory
            that was measured.

    Raises:
        DataError: there is no model, no such runtime or device, or no images to calibrate on.
        FileError: a file that is not there, or nothing could be measured.
        MissingPackageError: a runtime that is named is not installed.

    >>> benchmark = Bench(net, runtimes="onnxruntime")
    Net: is written as .onnx
    >>> benchmark.rows[0]["ms"] > 0
    True
    """
    check_threads(threads)
    device = None if fits is None else device_of(fits)
    chosen, absent = chosen_runtimes(runtimes)
    if not models:
        raise DataError("Bench: there is no model; give a network, or files of runtimes")
    given = [_checked(model, [*chosen, *absent]) for model in models]
    kinds = _kinds(given, int8, float16)
    with TemporaryDirectory(prefix="deelish-") as folder:
        files, reasons = _files(given, chosen, Path(folder), kinds)
        unmade = [unmade_row(file, threads, reason) for file, reason in reasons]
        return bench(files, threads, device, unmade=unmade, absent=absent)


def _kinds(
    given: Sequence[BenchFile | Learning], int8: bool | str | Path, float16: bool
) -> list[Kind]:
    """How each network is written.

    Raises:
        DataError: there are no networks to be written in another way.
    """
    kinds: list[Kind] = [("", {})]
    kinds += [("float16", {"precision": "float16"})] if float16 else []
    kinds += [("int8", {"int8": int8})] if int8 is not False else []
    if kinds[1:] and all(isinstance(each, BenchFile) for each in given):
        raise DataError(
            f"Bench({kinds[1][0]}=...): is about networks, and these are files; leave it out"
        )
    return kinds


def _files(
    given: Sequence[BenchFile | Learning],
    runtimes: Sequence[Runtime],
    folder: Path,
    kinds: Sequence[Kind],
) -> tuple[list[BenchFile], list[tuple[BenchFile, str]]]:
    """The files to measure, those of networks written now; and why others could not be."""
    files: list[BenchFile] = []
    unmade: list[tuple[BenchFile, str]] = []
    for number, model in enumerate(given):
        if isinstance(model, BenchFile):
            files.append(model)
            continue
        for file, options in _wanted(model, runtimes, folder / str(number), kinds):
            reason = _written(model, file, options)
            if reason is None:
                files.append(file)
            else:
                unmade.append((file, reason))
    return files, unmade


def _checked(model: object, runtimes: Sequence[Runtime]) -> BenchFile | Learning:
    """A network, or the file that a path names.

    Raises:
        DataError: it is neither, or of a runtime that is not asked for.
        FileError: it is not there.
    """
    if isinstance(model, Learning):
        return model
    if not isinstance(model, str | Path):
        cure = "give them one by one, Bench(*models)" if isinstance(model, list) else "give these"
        raise DataError(
            f"Bench({type(model).__name__}): takes networks, students and files of runtimes; {cure}"
        )
    path = find_model(model)
    runtime = runtime_of(path)
    if runtime is None:
        known = ", ".join(each.extension for each in RUNTIMES.values())
        raise DataError(
            f"Bench({str(model)!r}): is no file of a runtime ({known}); give Network.load(...) or"
            " Student.load(...) of it"
        )
    if runtime not in runtimes:
        raise DataError(
            f"Bench({str(model)!r}): is a file of {runtime.name}, which runtimes= leaves out; add"
            " it there"
        )
    runtime.check_files(path)
    return BenchFile(path.name, path, runtime)


def _wanted(
    model: Learning, runtimes: Sequence[Runtime], folder: Path, kinds: Sequence[Kind]
) -> Iterator[tuple[BenchFile, dict[str, Any]]]:
    """The files of a network, and the options with which they are written."""
    for runtime in runtimes:
        for word, options in kinds:
            # The files of two runtimes may have one name.
            place = folder / runtime.name / (word or "float32")
            place.mkdir(parents=True)
            path = place / f"model{runtime.extension}"
            yield BenchFile(f"{model.name} {word}".rstrip(), path, runtime), options


def _written(model: Learning, file: BenchFile, options: dict[str, Any]) -> str | None:
    """Write a file; returns the reason why it cannot be written.

    Raises:
        DataError: there are no images to calibrate on.
    """
    say(f"{file.model}: is written as {file.path.suffix}")
    try:
        model.export(file.path, **options)
    except DataError:
        raise
    except DeelishError as error:
        return str(error).removeprefix(f"{file.path}: ")
    return None
