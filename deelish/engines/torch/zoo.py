"""Makes models of other libraries by name, such as "timm/mobilenetv4_conv_small"."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from deelish.engines.model_names import ModelName
from deelish.engines.torch.drawing import drawing_from
from deelish.engines.torch.libraries.library import Library, MadeModel
from deelish.engines.torch.libraries.of_efficientnet import EFFICIENTNET
from deelish.engines.torch.libraries.of_timm import TIMM
from deelish.engines.torch.libraries.of_torchvision import TORCHVISION
from deelish.errors import MissingPackageError, PlanError, first_line

# By the first part of a name: model_names.LIBRARIES.
_LIBRARIES = {"timm": TIMM, "torchvision": TORCHVISION, "efficientnet": EFFICIENTNET}
# Arguments of timm and torchvision that load weights.
_LOADING = {"pretrained", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "weights"}


def made(
    how: ModelName, *, pretrained: bool | str = False, size: int | None = None, seed: int = 0
) -> MadeModel:
    """A model by name. PyTorch's global generators stay as they are.

    Args:
        how: its library, name, number of classes and further arguments.
        seed: its initial weights follow from it.
        pretrained: whether the library loads its published weights; the name of these where it has
            several.
        size: the side of the images that it must take; None for that of the library. Some models
            need to be made for another size, with `img_size`.

    Raises:
        MissingPackageError: the library is not installed.
        PlanError: no such model, or it does not take these arguments or this size.
        TrainingError: its published weights cannot be loaded.
    """
    library = _LIBRARIES[how.library]
    package = _package(library, how)
    library.check(package, how)
    _check_arguments(how)
    how = replace(how, version=str(package.__version__))
    with drawing_from(seed):
        return _of_size(package, how, pretrained, size)


def _of_size(package: Any, how: ModelName, pretrained: bool | str, size: int | None) -> MadeModel:
    library = _LIBRARIES[how.library]
    model = library.make(package, how, pretrained)
    if size is None or _takes(model.module, size):
        return model
    sized = replace(how, arguments={**(how.arguments or {}), "img_size": size})
    try:
        model = library.make(package, sized, pretrained)
    except PlanError:
        model = MadeModel(model.module, how)
    if not _takes(model.module, size):
        raise PlanError(
            f"{how.full_name}: takes no images of {size} x {size} pixels; give another size=, or"
            " leave it out"
        )
    return model


def _check_arguments(how: ModelName) -> None:
    """Refuse those that load weights, which a stranger's file of a student could name."""
    for name in _LOADING & (how.arguments or {}).keys():
        raise PlanError(
            f"{how.full_name}: arguments= has {name!r}; give pretrained= for published weights,"
            " and for a file of your own the module itself"
        )


def _package(library: Library, how: ModelName) -> Any:
    try:
        return importlib.import_module(library.package)
    except ImportError as error:
        raise MissingPackageError(
            f"{how.full_name}: the package {library.package} cannot be imported"
            f" ({first_line(error)}); {library.cure}"
        ) from None


def _takes(module: nn.Module, size: int) -> bool:
    """Whether it runs on images of this size; its weights and statistics stay as they are."""
    first = next((value for value in module.parameters() if value.dim() == 4), None)
    channels = 3 if first is None or first.shape[1] != 1 else 1
    before = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(torch.zeros(2, channels, size, size))
    except Exception:
        return False
    finally:
        module.train(before)
    return True
