"""Makes models of timm and torchvision by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from deelish.common.extras import MODELS
from deelish.common.suggestions import nearest
from deelish.engines.model_names import ModelName
from deelish.engines.torch.drawing import drawing_from
from deelish.errors import MissingPackageError, PlanError, TrainingError, first_line

# Arguments of timm and torchvision that load weights.
_LOADING = {"pretrained", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "weights"}


@dataclass(frozen=True)
class MadeModel:
    """A model made by name.

    Attributes:
        module: the module.
        name: how it was made.
        preset: torchvision's, of its pixels.
        labels: the names of its classes, where its published weights carry them.
    """

    module: nn.Module
    name: ModelName
    preset: Any = None
    labels: list[str] | None = None


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
    package = _package(how)
    _LIBRARIES[how.library].check(package, how)
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


def _package(how: ModelName) -> Any:
    try:
        return importlib.import_module(how.library)
    except ImportError as error:
        raise MissingPackageError(
            f"{how.full_name}: the package {how.library} cannot be imported"
            f" ({first_line(error)}); {MODELS}"
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


def _of_timm(timm: Any, how: ModelName, pretrained: bool | str) -> MadeModel:
    if isinstance(pretrained, str):
        how = replace(how, name=f"{how.name.partition('.')[0]}.{pretrained}")
    _check_tag(timm, how)
    arguments = dict(how.arguments or {})
    if how.classes is not None:
        arguments["num_classes"] = how.classes
    module = _called(how, pretrained, timm.create_model, how.name, bool(pretrained), arguments)
    return MadeModel(module, how)


def _check_tag(timm: Any, how: ModelName) -> None:
    name, _, tag = how.name.partition(".")
    known = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if tag and tag not in known:
        raise PlanError(f"timm/{name}: has no weights {tag!r}; {nearest(tag, known)}")


def _of_torchvision(torchvision: Any, how: ModelName, pretrained: bool | str) -> MadeModel:
    models = torchvision.models
    published = models.get_model_weights(how.name)
    if isinstance(pretrained, str) and pretrained not in published.__members__:
        raise PlanError(
            f"{how.full_name}: has no weights {pretrained!r};"
            f" {nearest(pretrained, published.__members__)}"
        )
    entry: Any = published[pretrained] if isinstance(pretrained, str) else _default(published)
    arguments = dict(how.arguments or {})
    if how.name in _SLOW_START:
        arguments.setdefault("init_weights", not pretrained)
    if not pretrained and how.classes is not None:
        arguments["num_classes"] = how.classes
    weights = entry if pretrained else None

    def make(name: str, _: bool, **rest: Any) -> Any:
        return models.get_model(name, weights=weights, **rest)

    module = _called(how, pretrained, make, how.name, bool(pretrained), arguments)
    preset = None if entry is None else entry.transforms()
    if not pretrained:
        return MadeModel(module, how, preset)
    set_by_weights = {key: getattr(module, key) for key in _SET_BY_WEIGHTS if hasattr(module, key)}
    how = replace(how, arguments={**set_by_weights, **(how.arguments or {})})
    return MadeModel(module, how, preset, list(entry.meta["categories"]))


# Arguments that torchvision changes where it loads weights, and keeps under the same names.
_SET_BY_WEIGHTS = ("image_size", "transform_input", "aux_logits")


# Their own initial weights take a minute to draw, which loaded weights replace.
_SLOW_START = ("googlenet", "inception_v3")


def _default(published: Any) -> Any:
    return getattr(published, "DEFAULT", None)


def _called(
    how: ModelName,
    pretrained: bool | str,
    make: Callable[..., Any],
    name: str,
    loads: bool,
    arguments: Mapping[str, Any],
) -> nn.Module:
    """The library's function, its errors in one sentence."""
    try:
        module: nn.Module = make(name, loads, **arguments)
    except (TypeError, KeyError, ValueError, AssertionError, AttributeError) as error:
        given = ", ".join(arguments) or "no arguments"
        raise PlanError(
            f"{how.full_name}: {how.library} does not make it with {given} ({first_line(error)});"
            " correct arguments="
        ) from None
    except Exception as error:
        if not pretrained:
            raise PlanError(
                f"{how.full_name}: {how.library} cannot make it ({first_line(error)}); give the"
                " module itself"
            ) from None
        raise TrainingError(
            f"{how.full_name}: its published weights cannot be loaded ({first_line(error)}); look"
            " at the network, or give pretrained=False"
        ) from None
    return module


def _check_timm(timm: Any, how: ModelName) -> None:
    if not timm.is_model(how.name):
        _refuse(how, timm.list_models())


def _check_torchvision(torchvision: Any, how: ModelName) -> None:
    known = torchvision.models.list_models(module=torchvision.models)
    if how.name not in known:
        _refuse(how, known)


def _refuse(how: ModelName, known: list[str]) -> None:
    raise PlanError(
        f"{how.full_name}: {how.library} has no model of this name; {nearest(how.name, known)}"
    )


@dataclass(frozen=True)
class _Library:
    check: Callable[[Any, ModelName], None]
    make: Callable[[Any, ModelName, bool | str], MadeModel]


_LIBRARIES = {
    "timm": _Library(_check_timm, _of_timm),
    "torchvision": _Library(_check_torchvision, _of_torchvision),
}
