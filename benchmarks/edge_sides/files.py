"""Writes all files of one network: `files.py FOLDER NAME SOURCE TEACHER`, in a process of its own.

FOLDER gets the files, what the network answers to by deelish, and NAME.json, which says what there
is and why the rest is not. SOURCE is a class of deelish.networks, a model by name, or a file.
"""

import contextlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

IMAGES, CALIBRATION, BATCH, SIDE = 3, 8, 2, 256
INT8 = ".int8.onnx"
EXTENSIONS = (".caffemodel", ".npz", ".safetensors", ".onnx", INT8)
# What a network of rows alone is written as.
ROWS_ALONE = (".caffemodel", ".npz")


def write_photographs(folder):
    """A list of generated images of detail of every size, with labels."""
    from reading_images import photograph

    lines = []
    for number in range(CALIBRATION):
        photograph(SIDE, SIDE, number).save(folder / f"{number}.png")
        lines.append(f"{number}.png {number}\n")
    (folder / "images.txt").write_text("".join(lines))
    return folder / "images.txt"


def opened(source, weights):
    """A network, whose weights are published ones, those of a file, or initial."""
    from deelish import Student, networks
    from deelish.cli.models import learner_of

    if Path(source).is_file():
        return learner_of(source)
    if "/" in source:
        return Student(source, labels=1000)
    return getattr(networks, source)(modelpath=weights)


def train(network, images, teacher):
    """A few updates: of a student by its teacher, of others so that normalisations know a mean."""
    from deelish import BatchTrain, InputBatch, networks

    taught = None
    if teacher is not None:
        taught = networks.GoogLeNet(modelpath=teacher or None)
        # Its initial weights are taken for trained ones.
        taught.untrained.clear()

    def workout(x, t):
        logits = None if taught is None else taught.batch_feature(x)
        network.classify(x)
        return network.backprop(t, **({} if taught is None else {"distill": logits}))

    InputBatch(str(images), batch_size=BATCH, views="centre", keep="memory")
    BatchTrain(workout, epochs=1, lr=1e-6, schedule="constant")


def write(folder, name, source, weights, teacher):
    """The files, and what NAME.json says."""
    from deelish import Deel

    Deel()
    images = write_photographs(folder)
    network = opened(source, weights)
    kind = "weights of a file" if Path(source).is_file() or weights else "initial weights"
    if kind == "initial weights":
        train(network, images, teacher)
        kind += "" if teacher is None else f", {CALIBRATION // BATCH} updates"
    files, absent = {}, {}
    for extension in EXTENSIONS:
        path = folder / f"{name}{extension}"
        if reason := why_not(network, extension, source):
            absent[extension] = reason
        else:
            write_one(network, path, images)
            files[extension] = str(path)
    shape = write_inputs(folder, name, network)
    return {
        "parameters": network.parameters,
        "multiply_adds": network.multiply_adds,
        "weights": kind,
        "size": shape[-1],
        "files": files,
        "absent": absent,
    }


def why_not(network, extension, source):
    """Why a network has no such file; empty where it has."""
    from deelish import Network

    if extension in ROWS_ALONE and not isinstance(network, Network):
        return f"a module of PyTorch has no {extension}"
    if extension == ".npz" and Path(source).is_file():
        return "an .npz holds no layers, which a class has to"
    needed = ("onnx", "onnxruntime", "onnxscript") if extension.endswith(".onnx") else ()
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    return f"there is no package {missing[0]}" if missing else ""


def write_one(network, path, images):
    """One file of a network."""
    if path.suffix != ".onnx":
        network.save(path)
    elif path.name.endswith(INT8):
        network.export(path, int8=str(images))
    else:
        network.export(path)


def write_inputs(folder, name, network):
    """The images as pixels and as the network's input, and its logits for them; the input's shape.

    The pixels have the network's size, so that nothing is resized.
    """
    from reading_images import photograph
    from ways import fixed

    rule = network.preprocessing
    sides = (rule.size, rule.size)
    pixels = np.stack([np.asarray(photograph(*sides, seed)) for seed in range(100, 100 + IMAGES)])
    np.save(folder / f"{name}.pixels.npy", pixels)
    values = rule.apply(pixels)
    np.save(folder / f"{name}.values.npy", values)
    logits = network.engine.numpy(network.exact_logits(fixed(pixels, network.engine)))
    np.save(folder / f"{name}.logits.npy", logits)
    return values.shape


def main():
    folder, name, source, weights, teacher = sys.argv[1:]
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    with contextlib.redirect_stdout(sys.stderr):
        found = write(
            Path(folder), name, source, weights or None, None if teacher == "-" else teacher
        )
    Path(folder, f"{name}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
