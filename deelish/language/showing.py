"""The verbs of the prompt: images in, labels, numbers, layers and plots out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from deelish.common.arguments import checked_call
from deelish.comparison.confusion import Confusion
from deelish.comparison.worst import Worst
from deelish.errors import DataError
from deelish.images import figures
from deelish.images.in_memory import ImagesLike
from deelish.language.network import Network
from deelish.language.session import current_session
from deelish.network.explanation import ExplanationTensor
from deelish.network.inputs import ImageTensor
from deelish.network.outputs import FeatureTensor, LogitsTensor, OutputTensor
from deelish.network.tensors import Tensor
from deelish.training.history import History
from deelish.training.rate_search import RateSearch

# Of a layer's maps, so many images are shown; of the worst images so many in a row.
MOST_ROWS, IN_A_ROW = 4, 4


class _LastNetwork:
    """The network last trained; before any training, the one last used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(current_session().network, name)

    def __dir__(self) -> list[str]:
        return dir(Network)

    # Python looks for it at the class alone.
    def __getitem__(self, layer: str) -> object:
        return current_session().network[layer]

    def __repr__(self) -> str:
        return repr(current_session().network)


# An editor and the prompt complete it as a network.
CNN = cast(Network, _LastNetwork())


@checked_call()
def Input(source: ImagesLike) -> ImageTensor:
    """Make an image, or a list of images, the current tensor: a path, a PIL image, a NumPy array.

    Arrays are (height, width, 3) in RGB, or (height, width) for grey.

    >>> x = Input("cat.jpg")
    >>> x
    ImageTensor, shape (1, 3, 16, 16)
    >>> net.classify(x).shape
    (1, 2)
    """
    session = current_session()
    session.current = images = session.image_tensor(source)
    return images


@checked_call()
def Show(
    x: Tensor | History | Mapping[str, History] | RateSearch | Worst | Confusion | None = None,
    *others: Tensor,
    save: str | Path | None = None,
    captions: Sequence[str] | None = None,
) -> None:
    """Show a tensor, or plot a history (or several by name): in a window, or as a PNG file.

    ``Show(x, y)`` puts images above what a network makes of them. ``Show(net.feature(x,
    layer="conv1"))`` shows the first eight maps of a layer, a row for each of four images.
    ``Show(teacher.explain(x), student.explain(x))`` shows where both look.
    ``Show(comparison.worst(6))`` shows where teacher and student differ, and
    ``Show(comparison.confusion())`` which classes the student takes for which. ``Show(history)``
    and ``Show(FindRate(workout))`` are plots.

    Args:
        x: the first eight images of a tensor become a picture.
        others: further images, a row each.
        save: the PNG file.
        captions: a text for each image; a line break begins another line.

    Raises:
        DataError: something else, rows of unequal numbers of images, or not one caption for each
            image of the first row.
        FileError: a file that cannot be written.

    >>> Show(Input("cat.jpg"), save="shown.png")
    written: shown.png
    """
    if save is not None and not isinstance(save, str | Path):
        raise DataError(f"Show(save={save!r}): give the path of a .png")
    if isinstance(x, Mapping) and not (x and all(isinstance(h, History) for h in x.values())):
        raise DataError("Show: a dict is of histories by name; give what BatchTrain() returned")
    if captions is not None and isinstance(x, History | Mapping):
        raise DataError("Show(captions=...): a history is no image; leave captions= out")
    if others and isinstance(x, History | Mapping):
        raise DataError("Show(history, ...): give several histories as a dict, by name")
    if isinstance(x, History):
        figures.plot({"": x}, save)
    elif isinstance(x, Mapping):
        figures.plot({f"{name}, ": history for name, history in x.items()}, save)
    elif isinstance(x, Worst):
        _show_worst(x, others, save, captions)
    elif isinstance(x, Confusion | RateSearch):
        if others or captions is not None:
            given = "comparison.confusion()" if isinstance(x, Confusion) else "FindRate(workout)"
            raise DataError(f"Show({given}): give nothing beside it but save=")
        x.show(save)
    else:
        _show_tensors(current_session().tensor(x), others, save, captions)


def _show_worst(x: Worst, others: Sequence[Any], save: str | Path | None, captions: Any) -> None:
    if others or captions is not None:
        raise DataError("Show(comparison.worst()): has captions of its own; give nothing beside it")
    columns = min(len(x), IN_A_ROW)
    missing = -len(x) % columns
    white = np.full((missing, *x.images.shape[1:]), 255, np.float32)
    images = np.concatenate([x.images, white])
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    figures.show_images(rows, save, x.captions)


def _show_tensors(
    tensor: Tensor, others: Sequence[Any], save: str | Path | None, captions: Any
) -> None:
    rows = [_images_in(each) for each in (tensor, *others)]
    if captions is not None and rows[0] is None:
        raise DataError(f"Show(captions=...): {tensor!r} is no image; leave captions= out")
    if rows[0] is not None:
        shown = _checked_rows(rows, others)
        figures.show_images(shown, save, _checked_captions(captions, len(shown[0])))
    elif isinstance(tensor, FeatureTensor) and tensor.maps is not None and not others:
        maps = tensor.maps[:MOST_ROWS]
        figures.show_images([np.repeat(each[:, np.newaxis], 3, 1) for each in maps], save)
    elif others:
        raise DataError(f"Show: {tensor!r} is no image; give images, and what is made of them")
    elif save is not None:
        raise DataError(f"Show(save=...): {tensor!r} is printed, no plot; leave save= out")
    else:
        tensor.show()


def _images_in(tensor: Any) -> np.ndarray | None:
    """The images (n, 3, h, w) of a tensor, 0 to 255; None where it holds none."""
    if isinstance(tensor, ImageTensor):
        return tensor.value
    return tensor.images if isinstance(tensor, OutputTensor | ExplanationTensor) else None


def _checked_rows(rows: Sequence[np.ndarray | None], others: Sequence[Any]) -> list[np.ndarray]:
    """The rows of a picture, each of as many images as the first."""
    found: list[np.ndarray] = []
    for row, given in zip(rows, (None, *others), strict=True):
        if row is None:
            raise DataError(
                f"Show: {given!r} is no image; give images, or what a network makes of them"
                " (a file is named with save=)"
            )
        if found and len(row) != len(found[0]):
            raise DataError(
                f"Show: there are {len(found[0])} images in one row and {len(row)} in another; give"
                " as many in each"
            )
        found.append(row)
    return found


def _checked_captions(captions: Any, images: int) -> Sequence[str]:
    if captions is None:
        return ()
    given = list(captions) if isinstance(captions, list | tuple) else []
    if len(given) != images or not all(isinstance(text, str) for text in given):
        raise DataError(f"Show(captions=...): give a list of one text for each of {images} images")
    return given


@checked_call()
def GetLabels(x: Tensor | None = None, top: int = 5) -> Any:
    """The most probable labels of an image, each with its probability.

    Returns:
        [(label, probability)] for one image; for several, a list of such lists.

    >>> logits = net.classify("cat.jpg")
    >>> GetLabels(logits, top=1)
    [('cat', 0.9...)]
    """
    predictions = _logits(x, "GetLabels").top(top)
    return predictions[0] if len(predictions) == 1 else predictions


@checked_call()
def ShowLabels(x: Tensor | None = None) -> None:
    """Print the five most probable labels of an image: ``#1 | tabby cat | 61.2%``.

    >>> logits = net.classify("cat.jpg")
    >>> ShowLabels()
    #1 | cat | 9...%
    #2 | dog | ...%
    """
    _logits(x, "ShowLabels").show()


@checked_call()
def Output(x: Tensor | None = None) -> np.ndarray:
    """The numbers of a tensor, as a NumPy array.

    >>> logits = net.classify("cat.jpg")
    >>> Output().shape
    (1, 2)
    """
    return current_session().tensor(x).value


@checked_call()
def ShowLayers() -> None:
    """Print the layers of the network last trained or used, with the shapes that they make.

    >>> logits = net.classify("cat.jpg")
    >>> ShowLayers()
    layer  type          makes        parameters  multiply-adds
    conv1  Convolution   4 x 16 x 16         112         27,648
    relu1  ReLU          4 x 16 x 16
    pool   Pooling       4 x 1 x 1
    score  InnerProduct  2                    10              8
    total                                    122         27,656
    """
    current_session().network.ShowLayers()


@checked_call()
def layerDim(layer: str) -> tuple[int, ...]:
    """The shape that a layer of the network last trained or used makes for one image: (c, h, w).

    >>> logits = net.classify("cat.jpg")
    >>> layerDim("conv1")
    (4, 16, 16)
    """
    return current_session().network.layerDim(layer)


def _logits(x: Tensor | None, command: str) -> LogitsTensor:
    tensor = current_session().tensor(x)
    if not isinstance(tensor, LogitsTensor):
        raise DataError(f"{command}: {tensor!r} holds no logits; call CNN.classify() first")
    return tensor
