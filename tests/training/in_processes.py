"""Trainings that the test of many processes runs: in this process, and in each of a group.

Run as a script: `in_processes.py FOLDER RESULT`, with the environment of torchrun.
"""

import json
import os
import signal
import sys
import weakref
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from helpers import small
from hinted import FACTS, convolutional, known, weights

from deelish import BatchTrain, Deel, InputBatch, Layer, Network, Plan, Show
from deelish.distillation.array_losses import ARRAY_LOSSES
from deelish.distillation.hints import HINTS
from deelish.distillation.losses import LOSSES
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.engines.torch import group as torch_group
from deelish.errors import FileError
from deelish.language.session import current_session
from deelish.network import model
from deelish.storage.folder import cache_folder

SGD = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}
PLAIN = {"crop": 1, "mirror": False}
# Compared apart from the rest of a row: these depend on a clock.
CLOCKED = ("images_per_second", "seconds", "waited")


def with_head():
    """Two linear classifiers on one hidden layer; the second is auxiliary."""
    rows = [
        Layer("hidden", "InnerProduct", num_output=16),
        Layer("score", "InnerProduct", bottom="hidden", num_output=4),
        Layer("extra", "InnerProduct", bottom="hidden", num_output=4),
        Layer("prob", "Softmax", bottom="score"),
    ]
    plan = Plan(rows, {"data": (1, 1, 8, 8)}, logits="score", auxiliary={"extra": 0.3})
    return Network(plan, **FACTS)


def learned_from_labels(epochs):
    """A student that learns the labels of the session's images; how many each batch had."""
    student, seen = small(), []

    def workout(x, t):
        seen.append(len(x))
        student.classify(x)
        return student.backprop(t)

    history = BatchTrain(workout, epochs=epochs, **SGD)
    return {"history": history, "weights": weights(student), "seen": seen}


def on_labels(folder):
    """Batches of 7, 7, 7 and 1 to train on, of 7 and 1 to validate with."""
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=7, **PLAIN)
    return learned_from_labels(3)


def with_a_teacher_cache(folder):
    """A teacher whose logits of two views are cached; the auxiliary classifier is not trained."""
    InputBatch(folder / "train.txt", batch_size=7, views=2)
    teacher, student = known(small("Teacher")), with_head()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    history = BatchTrain(workout, epochs=3, **SGD)
    return {"history": history, "weights": weights(student)}


def with_augmentation(folder):
    """Mixtures of augmented views, whose logits are cached."""
    recipe = ["random_resized_crop", "rand_augment"]
    InputBatch(folder / "train.txt", batch_size=7, views=2, augment=recipe, mix="mixup")
    teacher, student = known(small("Teacher")), small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    history = BatchTrain(workout, epochs=3, **SGD)
    return {"history": history, "weights": weights(student)}


def with_hints_and_a_peer(folder):
    """Two students teach each other; one learns from an inner layer of a teacher, too."""
    InputBatch(folder / "train.txt", batch_size=7, **PLAIN)
    teacher = known(convolutional("Teacher", 6))
    first, second = convolutional("First", 3), small("Second")

    def workout(x, t):
        logits = first.classify(x), second.classify(x)
        second.backprop(t, distill=logits[0])
        hint = {"student": "conv2", "teacher": "conv2", "weight": 1}
        taught = teacher.batch_feature(x)
        first.backprop(t, distill=taught, hint=hint)
        first.classify(x)
        return first.backprop(t, distill=logits[1])

    history = BatchTrain(workout, epochs=2, **SGD)
    return {"history": history, "weights": {**weights(first), **weights(second)}}


def with_features(folder):
    """A teacher's features, standardised over the images of all processes, cached and fresh."""
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=7, views=1, **PLAIN)
    teacher, student = known(convolutional("Teacher", 6)), convolutional("Student", 3)
    seen = {}

    def workout(x, t):
        student.classify(x)
        student.backprop(distill=teacher.feature(x, layer="conv1"), layer="conv1", loss="mse")
        student.classify(x)
        outcome = student.backprop(distill=teacher.feature(x))
        memory = current_session().trainer.memory
        (estimate,) = [v for n, v in memory._statistics.items() if n.endswith("conv2")]
        seen["features"] = [*estimate.mean.tolist(), *estimate.deviation.tolist()]
        return outcome

    history = BatchTrain(workout, epochs=3, **SGD)
    for row in history:
        assert row["accuracy"] >= 0
    return {"history": history, "weights": weights(student), "statistics": seen["features"]}


def with_dropout(folder):
    """Dropout and a BatchNorm, which each process draws and computes from its own part."""
    InputBatch(folder / "train.txt", batch_size=7)
    student = convolutional("Chance", 3, dropout=0.5, normal=True)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    history = BatchTrain(workout, epochs=2)
    return {"history": history, "weights": weights(student)}


def start_elsewhere(student):
    """Give the student other weights and buffers in every process but the first."""
    rank = student.engine.group.rank
    with torch.no_grad():
        for tensor in student.module.state_dict().values():
            tensor.add_(0.3 * rank)


def with_other_initial_weights(folder):
    """Two students; each process has initial weights of its own, and those of rank 0 are taken."""
    InputBatch(folder / "train.txt", batch_size=7, **PLAIN)
    first, second = small("First"), convolutional("Second", 3)
    start_elsewhere(first)
    start_elsewhere(second)

    def workout(x, t):
        second.classify(x)
        second.backprop(t)
        first.classify(x)
        return first.backprop(t)

    history = BatchTrain(workout, epochs=1, **SGD)
    return {"history": history, "weights": {**weights(first), **weights(second)}}


def with_statistics(folder):
    """A BatchNorm of the pixels themselves, in batches of 3 and one of 1."""
    InputBatch(folder / "train.txt", batch_size=3, **PLAIN)
    rows = [
        Layer("bn", "BatchNorm", moving_average_fraction=0.9),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    student, pixels = Network(rows, name="Statistics", **FACTS), []
    start_elsewhere(student)

    def workout(x, t):
        pixels.append(x.pixels(student.preprocessing)[..., 0].tolist())
        student.classify(x)
        return student.backprop(t)

    history = BatchTrain(workout, epochs=1, **SGD)
    return {"history": history, "weights": weights(student), "pixels": pixels}


def with_lookahead(folder):
    """Slow weights; each process has initial weights of its own, and one layer is frozen."""
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=7, **PLAIN)
    student = small()
    start_elsewhere(student)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    how = {"lookahead": 3, "lookahead_decay": lambda progress: progress / 2}
    history = BatchTrain(workout, epochs=2, lr_mult={"hidden": 0, "score": 2}, **how, **SGD)
    return {"history": history, "weights": weights(student)}


def with_slow_statistics(folder):
    """Running statistics, which each process has of its own part until they are averaged."""
    InputBatch(folder / "train.txt", batch_size=7, **PLAIN)
    student = convolutional("Slow", 3, normal=True)
    start_elsewhere(student)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    history = BatchTrain(workout, epochs=2, lookahead=3, **SGD)
    return {"history": history, "weights": weights(student)}


def with_shared_statistics(folder):
    """A BatchNorm of all images of a batch; of 3 one process has 2, of 1 the other has none."""
    InputBatch(folder / "train.txt", batch_size=3, **PLAIN)
    student, other = convolutional("Shared", 3, normal=True), vector_norm()

    def workout(x, t):
        logits = np.zeros((len(x), 4), np.float32)
        logits[[sample.line == 5 for sample in t.samples]] = np.nan
        student.classify(x)
        student.backprop(t)
        other.classify(x)
        return other.backprop(t, distill=logits)

    history = BatchTrain(workout, epochs=2, sync_batch_norm=True, on_nan="skip", **SGD)
    return {"history": history, "weights": {**weights(student), **weights(other)}}


def vector_norm():
    """A BatchNorm of vectors, of which one image has one value a channel."""
    rows = [
        Layer("hidden", "InnerProduct", num_output=6, bias_term=False),
        Layer("normal", "BatchNorm", moving_average_fraction=0.9),
        Layer("scale", "Scale", bias_term=True),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    return Network(rows, name="Vectors", **FACTS)


def in_int8(folder):
    """A student whose last epoch is in int8, with statistics of BatchNorm."""
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=16, **PLAIN)
    student = convolutional("rounded", 4, normal=True)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    history = BatchTrain(workout, epochs=3, int8=True, sync_batch_norm=True, **SGD)
    return {"history": history, "weights": weights(student)}


def with_relations(folder):
    """Losses that compare the images of a batch: each process needs those of the other."""
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=5, **PLAIN)
    teacher, student = known(convolutional("Teacher", 6)), convolutional("Related", 3)

    def workout(x, t):
        hint = {"student": "conv2", "teacher": "conv2", "kind": "relational"}
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x), loss="dist", hint=hint)

    history = BatchTrain(workout, epochs=2, **{**SGD, "lr": 0.002})
    return {"history": history, "weights": weights(student)}


def with_every_loss(folder):
    """Each loss and each kind of hint; of the last batch one process has no image."""
    InputBatch(folder / "train.txt", batch_size=7, **PLAIN)
    teacher, student = known(convolutional("Teacher", 6)), convolutional("Pupil", 6)

    def workout(x, t):
        taught = teacher.batch_feature(x)
        for loss in LOSSES:
            student.classify(x)
            student.backprop(t, distill=taught, loss=loss)
        student.classify(x)
        student.backprop(t, distill=taught, standardise=True)
        for kind in HINTS:
            student.classify(x)
            hint = {"student": "conv2", "teacher": "conv2", "kind": kind, "weight": 0.01}
            outcome = student.backprop(t, distill=taught, hint=hint)
        return outcome

    history = BatchTrain(workout, epochs=1, **{**SGD, "lr": 0.002})
    return {"history": history, "weights": weights(student)}


def with_images_for_targets(folder):
    """A network that makes its images again, by each loss on arrays."""
    InputBatch(folder / "train.txt", batch_size=7, **PLAIN)
    rows = [
        Layer("code", "InnerProduct", num_output=8),
        Layer("image", "InnerProduct", num_output=64),
        Layer("shaped", "Reshape", shape=[0, 1, 8, 8]),
        Layer("pixels", "Sigmoid"),
    ]
    student = Network(rows, name="Images", **FACTS)

    def workout(x, t):
        for loss in ARRAY_LOSSES:
            student.forward(x)
            outcome = student.backprop(x, loss=loss)
        return outcome

    history = BatchTrain(workout, epochs=1, **{**SGD, "lr": 0.002})
    return {"history": history, "weights": weights(student)}


def in_bfloat16(folder):
    """Filters of 1 x 1, whose gradients have a layout of their own there."""
    with Deel(seed=3, precision="bfloat16"):
        InputBatch(folder / "train.txt", batch_size=8, **PLAIN)
        rows = [
            Layer("conv1", "Convolution", num_output=192, kernel_size=1),
            Layer("relu1", "ReLU"),
            Layer("conv2", "Convolution", num_output=10, kernel_size=1),
            Layer("mean", "Pooling", pool="AVE", global_pooling=True),
        ]
        student = Network(rows, name="Narrow", **FACTS)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t)

        history = BatchTrain(workout, epochs=1, **SGD)
        return {"history": history, "weights": weights(student)}


def with_a_bad_image(folder):
    """One image cannot be read, and two of a batch of its own cannot."""
    InputBatch(folder / "bad.txt", batch_size=2, on_bad_image="skip", keep="memory", **PLAIN)
    return learned_from_labels(2)


def with_bad_logits(folder):
    """The teacher's logits of the fifth image of each list are NaN, in one of the processes."""
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=7, **PLAIN)
    student = small()

    def workout(x, t):
        logits = np.zeros((len(x), 4), np.float32)
        logits[[sample.line == 5 for sample in t.samples]] = np.nan
        student.classify(x)
        return student.backprop(t, distill=logits)

    history = BatchTrain(workout, epochs=3, on_nan="skip", **SGD)
    return {"history": history, "weights": weights(student)}


def with_replaced_images(folder):
    """Two images are replaced by others; one is damaged, and used."""
    how = {"batch_size": 4, "on_bad_image": "replace", **PLAIN}
    InputBatch(folder / "replaced.txt", **how)
    return learned_from_labels(2)


def interrupted(folder):
    """Ctrl-C reaches the last process in the ninth batch; all stop after that batch."""
    InputBatch(folder / "train.txt", batch_size=7, **PLAIN)
    student, batches = small(), []

    def workout(x, t):
        batches.append(len(x))
        student.classify(x)
        outcome = student.backprop(t)
        group = student.engine.group
        if len(batches) == 9 and group.rank == group.world_size - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return outcome

    history = BatchTrain(workout, epochs=5, **SGD)
    return {"history": history, "weights": weights(student), "batches": len(batches)}


def saved(folder):
    """Every process saves and loads; which one wrote, and the error of an unwritable folder."""
    written, save = [], model.write_network
    model.write_network = lambda path, network: written.append(path.name) or save(path, network)
    student = small()
    path = student.save(folder / "student.hdf5")
    loaded = Network.load(path)
    try:
        student.save(folder / "nowhere" / "student.hdf5")
    except FileError as error:
        refused = str(error)
    finally:
        model.write_network = save
    return {"weights": weights(loaded), "written": written, "refused": refused}


CASES = (
    *(
        on_labels,
        with_a_teacher_cache,
        with_augmentation,
        with_hints_and_a_peer,
        with_features,
        with_dropout,
        with_bad_logits,
    ),
    *(with_other_initial_weights, with_statistics, with_a_bad_image, with_replaced_images),
    *(with_lookahead, with_slow_statistics, with_shared_statistics, with_relations),
    *(with_every_loss, with_images_for_targets, in_bfloat16, in_int8),
    *(interrupted, saved),
)


def run_all(folder):
    """The results of each case by its name; the weights as {"layer/array": array}."""
    results = {}
    for case in CASES:
        with Deel(seed=3):
            results[case.__name__] = case(folder)
    history = results["on_labels"]["history"]
    Show(history, save=folder / "history.png")
    for given in results.values():
        for row in given.get("history", ()):
            given.setdefault("clocked", []).append([row.pop(name) for name in CLOCKED])
    results["cached"] = [file.count for file in logits_files(cache_folder())]
    return results


def left():
    """Whether nothing holds the group once it is left; else its threads outlive Python's end."""
    group = weakref.ref(dist.group.WORLD)
    torch_group.leave_group()
    return group() is None


def main(folder, result):
    """Write the weights as RESULT.npz and the rest as RESULT.json."""
    results = run_all(Path(folder))
    arrays = {
        f"{case}:{name}": array
        for case, given in results.items()
        if case != "cached"
        for name, array in given.pop("weights").items()
    }
    np.savez(f"{result}.npz", **arrays)
    results["left"] = left()
    Path(f"{result}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
