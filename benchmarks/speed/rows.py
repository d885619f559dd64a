"""The rows of the table: which sides do the same work, and what that work is made of."""

from typing import NamedTuple

from speed.sides import Side

OURS, EXACT, HAND = "deelish", "deelish, float32", "by hand, deelish's modules"
COMPILED = "deelish, compiled"
OURS_OPENVINO = "deelish, teacher by OpenVINO"
TORCH, CHAINER = "PyTorch", "deelish on Chainer"
EXPERT, EXPERT_EXACT = "PyTorch, expert", "PyTorch, expert, float32"
EXPERT_COMPILED = "PyTorch, expert, compiled"
ONNX, OPENCV, PILLOW = "onnxruntime", "OpenCV", "Pillow"
OPENVINO, OPENVINO_EXACT = "OpenVINO", "OpenVINO, float32"
EXACTLY = {"precision": "float32"}
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
        Side(EXACT, f"ours:{job}", options | EXACTLY),
        Side(CHAINER, f"ours:{job}", {**options, "engine": "chainer"}),
    ]


def _by_torch(job, **options):
    """PyTorch as most write it, and as an expert does."""
    return [
        Side(TORCH, f"by_torch:{job}", options),
        Side(EXPERT, f"by_expert:{job}", options),
        Side(EXPERT_EXACT, f"by_expert:{job}", options | EXACTLY),
    ]


def _compiled(job, **options):
    """Those in which networks that only predict are compiled."""
    return [
        Side(COMPILED, f"ours:{job}", options | {"compile": True}),
        Side(EXPERT_COMPILED, f"by_expert:{job}", options | {"compiled": True}),
    ]


def _forward(title, network):
    options = {"network": network}
    runtimes = [
        Side(ONNX, "runtimes:OnnxRuntime", options),
        Side(OPENVINO, "runtimes:OpenVINO", options),
        Side(OPENVINO_EXACT, "runtimes:OpenVINO", options | EXACTLY),
        Side(OPENCV, "runtimes:OpenCV", options),
    ]
    torch = _by_torch("Forward", **options) + _compiled("Forward", **options)
    return Row(
        title, _by_language("Forward", **options) + torch + runtimes, (("forward", network),)
    )


def _train(title, network):
    options = {"network": network}
    sides = _by_language("Train", **options) + _by_torch("Train", **options)
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
        *_by_torch("Train", **options),
        *_compiled("Train", **options),
        Side(OURS_OPENVINO, "ours:Train", {**options, "runtime": "openvino"}),
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
