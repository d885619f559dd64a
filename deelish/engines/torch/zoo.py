"""Models of timm and torchvision by name: "timm/mobilenetv4_conv_small", "torchvision/resnet18"."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from deelish.common.suggestions import nearest
from deelish.errors import MissingPackageError, PlanError, TrainingError, first_line

CURE = 'run `pip install "deelish[models]"`'


@dataclass(frozen=True)
class ModelName:
    """How a model is made: all that makes it again, but its weights.

    Attributes:
        library: "timm" or "torchvision".
        name: its name there.
        classes: how many outputs it has; None for those that it is published with.
        arguments: the others of the library's own function that makes it.
        version: of the library that made it.
    """

    library: str
    name: str
    classes: int | None = None
    arguments: Mapping[str, Any] | None = None
    version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives the same back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelName:
        """What `to_dict` wrote.

        Raises:
            TypeError, KeyError: it is something else.
        """
        made = cls(**values)
        if made.library not in _LIBRARIES:
            raise KeyError(made.library)
        return made

    @property
    def full_name(self) -> str:
        """The name as scripts write it."""
        return f"{self.library}/{self.name}"


@dataclass(frozen=True)
class MadeModel:
    """A model made by name: the module, how it was made, and torchvision's preset of its pixels."""

    module: nn.Module
    name: ModelName
    preset: Any = None


def parsed(text: str) -> tuple[str, str] | None:
    """("timm", "resnet18") of "timm/resnet18"; None for what names no library, such as a path."""
    library, _, name = text.partition("/")
    return (library, name) if library in _LIBRARIES and name else None


def libraries() -> list[str]:
    """The libraries whose models are made by name."""
    return list(_LIBRARIES)


def made(how: ModelName, *, pretrained: bool | str, size: int | None) -> MadeModel:
    """A model by name. Its initial weights follow from PyTorch's global seed.

    Args:
        how: its library, name, number of classes and further arguments.
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
    library = _LIBRARIES[how.library]
    library.check(package, how)
    how = replace(how, version=str(package.__version__))
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


def _package(how: ModelName) -> Any:
    try:
        return importlib.import_module(how.library)
    except ImportError as error:
        raise MissingPackageError(
            f"{how.full_name}: the package {how.library} cannot be imported"
            f" ({first_line(error)}); {CURE}"
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
    name = f"{how.name.partition('.')[0]}.{pretrained}" if isinstance(pretrained, str) else how.name
    arguments = dict(how.arguments or {})
    if how.classes is not None:
        arguments["num_classes"] = how.classes
    module = _called(how, pretrained, timm.create_model, name, bool(pretrained), arguments)
    return MadeModel(module, how)


def _of_torchvision(torchvision: Any, how: ModelName, pretrained: bool | str) -> MadeModel:
    models = torchvision.models
    published = models.get_model_weights(how.name)
    if isinstance(pretrained, str) and pretrained not in published.__members__:
        raise PlanError(
            f"{how.full_name}: has no weights {pretrained!r};"
            f" {nearest(pretrained, published.__members__)}"
        )
    entry = published[pretrained] if isinstance(pretrained, str) else _default(published)
    arguments = dict(how.arguments or {})
    if how.name in _SLOW_START:
        arguments.setdefault("init_weights", not pretrained)
    if not pretrained and how.classes is not None:
        arguments["num_classes"] = how.classes
    weights = entry if pretrained else None

    def make(name: str, _: bool, **rest: Any) -> Any:
        return models.get_model(name, weights=weights, **rest)

    module = _called(how, pretrained, make, how.name, bool(pretrained), arguments)
    return MadeModel(module, how, None if entry is None else entry.transforms())


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
