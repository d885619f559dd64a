"""Deel's commands: they act on the current session and its current tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deelish.common import figures
from deelish.errors import DataError, TrainingError
from deelish.images.dataset import Choices, ImageSets
from deelish.images.stills import Stills
from deelish.language.session import current_session
from deelish.network.tensors import ImageTensor, ScoreTensor, Tensor
from deelish.training.history import History
from deelish.training.loop import Checkout, Loop, Workout
from deelish.training.run import Optimization
from deelish.training.schedules import schedule_of

if TYPE_CHECKING:
    from deelish.images.stills import Source

# The usual rate of each optimiser; those not named here take 0.0003, at which deep plain networks
# such as NIN and GoogLeNet learn from nothing.
RATES = {"sgd": 0.01, "adagrad": 0.01}
RATE = 0.0003


class _LastNetwork:
    """The network last trained; before any training, the one last used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(current_session().network, name)

    def __repr__(self) -> str:
        return repr(current_session().network)


CNN = _LastNetwork()


def Input(source: Source) -> ImageTensor:
    """Make an image, or a list of images, the current tensor: a path, a PIL image, a NumPy array.

    Arrays are (height, width, 3) in RGB, or (height, width) for grey.
    """
    tensor = ImageTensor(Stills.of(source))
    tensor.use()
    return tensor


def InputBatch(
    train: str | Path,
    val: str | Path | None = None,
    *,
    batch_size: int = 32,
    crop: float | None = None,
    mirror: bool = True,
    root: str | Path | None = None,
    on_bad_image: str = "raise",
    views: int | str | None = None,
    mix: str | None = None,
    top: int | None = None,
    keep: str | None = None,
) -> ImageSets:
    """Name the images to train on and to validate with, and check both.

    Args:
        train, val: a list with ``path label`` a line, a folder of class folders, or tar shards in
            WebDataset's layout, ``data.tar`` or ``data-{000..999}.tar``. Paths of a list are looked
            for in `root` if it is given, then beside the list, then in the working folder.
        batch_size: images a batch.
        crop: share of an image's side that a view shows, up to 1 for the whole image; left out,
            each network's own: 224 of 256, 227 of 256, and 7/8 for other sizes. What learns from
            such views answers on them ever after, from its file too.
        mirror: whether training views may be mirrored; digits and text want False.
        on_bad_image: "raise" stops at an image that cannot be read, "skip" leaves it out.
        views: left out, every epoch draws fresh views. K: every image has K views, which depend
            on its file alone and come back every K epochs, so that a teacher's answers to them can
            be kept for every run and student. "centre": the middle, never mirrored.
        mix: "mixup" or "cutmix" mixes every training image with another one of the list, in a
            ratio drawn evenly from 0 to 1, alike for teacher and student; twice as many images are
            decoded. With `views` the mixtures come back too. Validation is not mixed.
        top: how many of the highest logits of an answer are kept; left out, all.
        keep: "memory" or "disk" keeps the decoded images, so that the second epoch decodes nothing
            and shows the same to the bit. A pixel takes three bytes, in at most half of the memory
            that is free, or of the disk, where later runs find them; what goes beyond is decoded in
            every epoch. An image that changes during a run is seen as it was; on disk, the next run
            sees the change.

    Raises:
        DataError: missing files, labels that are no number or outside the networks' classes, an
            empty list, one image in both sets, or a choice that does not exist.
    """
    session = current_session()
    choices = Choices(batch_size, crop, mirror, on_bad_image, views, mix, top, keep)
    session.sets = ImageSets(session, train, val, root, choices)
    return session.sets


def BatchTrain(
    workout: Workout,
    checkout: Checkout | None = None,
    epochs: int = 10,
    *,
    optimizer: str = "adam",
    rate: float | None = None,
    schedule: str | Callable[[float], float] = "cosine",
    schedule_options: Mapping[str, Any] | None = None,
    warmup: float = 0.05,
    **options: Any,
) -> History:
    """Train: `workout(x, t)` for every batch of images x with labels t, `checkout()` every epoch.

    After each epoch the same workout runs over the validation images, and nothing is updated.
    Ctrl-C ends the training after the update in hand.

    Args:
        epochs: how often every training image is seen.
        optimizer: one of the engine's own, by name: "sgd", "adam", "adamw", "rmsprop", ...
        rate: the highest rate of the schedule; left out, 0.01 for "sgd", 0.0003 for "adam".
        schedule: "constant", "linear", "cosine", "step", "exponential", or a function from the
            share of the training that is over (0 to 1) to a factor; `schedule_options` are its own.
        warmup: share of the training over which the rate rises.
        **options: the optimiser's own: momentum=0.9, weight_decay=5e-4, ...

    Returns:
        One row an epoch: loss, accuracy, agreement with the teacher, the same of validation, speed.
    """
    for name, value in (("workout", workout), ("checkout", checkout)):
        if not callable(value) and (name, value) != ("checkout", None):
            raise TrainingError(f"BatchTrain({name}={value!r}): give a function")
    if not isinstance(epochs, int) or epochs < 1:
        raise TrainingError(f"BatchTrain(epochs={epochs!r}): give a whole number above 0")
    rate = RATES.get(optimizer.lower(), RATE) if rate is None else rate
    if not isinstance(rate, int | float) or not rate > 0:
        raise TrainingError(f"BatchTrain(rate={rate!r}): give a number above 0")
    factors = schedule_of(schedule, schedule_options or {}, warmup)
    how = Optimization(optimizer, rate, factors, options)
    return Loop(current_session(), workout, checkout, how).train(epochs)


def Show(
    x: Tensor | History | Mapping[str, History] | None = None, save: str | Path | None = None
) -> None:
    """Show a tensor, or plot a history (or several by name): in a window, or as a PNG file."""
    if isinstance(x, History):
        figures.plot({"": x}, save)
    elif isinstance(x, Mapping):
        figures.plot({f"{name}, ": history for name, history in x.items()}, save)
    else:
        tensor = current_session().tensor(x)
        if isinstance(tensor, ImageTensor):
            figures.show_images(tensor.value, save)
        else:
            tensor.show()


def GetLabels(x: Tensor | None = None, top: int = 5) -> Any:
    """The most probable labels of an answer, each with its probability.

    Returns:
        [(label, probability)] for one image; for several, a list of such lists.
    """
    answers = _answer(x, "GetLabels").top(top)
    return answers[0] if len(answers) == 1 else answers


def ShowLabels(x: Tensor | None = None) -> None:
    """Print the five most probable labels of an answer: ``#1 | tabby cat | 61.2%``."""
    _answer(x, "ShowLabels").show()


def Output(x: Tensor | None = None) -> np.ndarray:
    """The numbers of a tensor, as a NumPy array."""
    return current_session().tensor(x).value


def ShowLayers() -> None:
    """Print the layers of the network last trained or used, with the shapes that they make."""
    current_session().network.ShowLayers()


def layerDim(layer: str) -> tuple[int, ...]:
    """The shape that a layer of the network last trained or used makes for one image: (c, h, w)."""
    return current_session().network.layerDim(layer)


def _answer(x: Tensor | None, command: str) -> ScoreTensor:
    tensor = current_session().tensor(x)
    if not isinstance(tensor, ScoreTensor):
        raise DataError(
            f"{command}: {tensor!r} holds no scores of classes; call CNN.classify() first"
        )
    return tensor
