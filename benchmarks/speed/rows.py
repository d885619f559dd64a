"""The rows of the table: which sides do the same work, and what that work is made of."""

from typing import NamedTuple

from speed.sides import Side

OURS, EXACT, HAND = "deelish", "deelish, float32", "by hand, deelish's modules"
TORCH, CHAINER = "PyTorch", "deelish on Chainer"
ONNX, OPENCV, PILLOW = "onnxruntime", "OpenCV", "Pillow"
CACHED, CACHED_TORCH, CACHED_CHAINER = (f"{name}, cached logits" for name in (OURS, TORCH, CHAINER))


class Row(NamedTuple):
    """Sides that are measured in turn; all are compared with the first.

    work: ("forward" or "step", network) of one image, for its fraction of the floor.
    files: whether it reads the JPEG files.
    """

    title: str
    sides: list[Side]
    work: tuple[tuple[str, str], ...] = ()
    files: bool = False


def _by_language(job, **options):
    """deelish by itself, in float32 and on Chainer."""
    return [
        Side(OURS, f"ours:{job}", options),
        Side(EXACT, f"ours:{job}", {**options, "precision": "float32"}),
        Side(CHAINER, f"ours:{job}", {**options, "engine": "chainer"}),
    ]


def _forward(title, network):
    options = {"network": network}
    others = [(TORCH, "by_torch:Forward"), (ONNX, "runtimes:OnnxRuntime")]
    others += [(OPENCV, "runtimes:OpenCV")]
    sides = [Side(name, job, options) for name, job in others]
    return Row(title, _by_language("Forward", **options) + sides, (("forward", network),))


def _train(title, network):
    options = {"network": network}
    sides = [*_by_language("Train", **options), Side(TORCH, "by_torch:Train", options)]
    return Row(title, sides, (("step", network),))


def _cached():
    options = {"network": "nin", "teacher": "googlenet", "cached": True}
    return [
        Side(CACHED, "ours:Train", options),
        Side(CACHED_TORCH, "by_torch:Train", options),
        Side(CACHED_CHAINER, "ours:Train", {**options, "engine": "chainer"}),
    ]


def _distill(title):
    options = {"network": "nin", "teacher": "googlenet"}
    sides = [
        *_by_language("Train", **options),
        Side(HAND, "by_hand:Train", options),
        Side(TORCH, "by_torch:Train", options),
    ]
    return Row(title, sides, (("forward", "googlenet"), ("step", "nin")))


def _nin_step(title):
    row = _train(title, "nin")
    return row._replace(sides=row.sides + _cached())


ROWS = {
    "googlenet-forward": _forward("GoogLeNet inference", "googlenet"),
    "nin-forward": _forward("NIN inference", "nin"),
    "googlenet-step": _train("GoogLeNet trained on labels", "googlenet"),
    "nin-step": _nin_step("NIN trained on labels, or on cached logits"),
    "distill": _distill("GoogLeNet teaches NIN"),
    "epoch": Row(
        "an epoch from files, NIN trained on labels",
        [Side(OURS, "epochs:Ours"), Side("torchvision's loader", "epochs:Torchvision")],
        (("step", "nin"),),
        files=True,
    ),
    "decode": Row(
        "JPEG files to 224 x 224 pixels, a core",
        [Side(OURS, "decode:Ours"), Side(PILLOW, "decode:Pillow")],
        files=True,
    ),
}
