"""The preprocessing of another library's model: given, of a preset, of the model, or default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypedDict

from deelish.common.printing import say
from deelish.engines.inference import InferenceModel
from deelish.errors import DataError
from deelish.network.model import PLAIN
from deelish.plan.preprocessing import Preprocessing

# These two have defaults.
NUMBERS = ("mean", "scale")
# What a model may fix, and the argument that sets it.
_ARGUMENTS = {"size": "size", "channels": "order"}
PRESET = ("mean", "std", "crop_size")


class PixelOptions(TypedDict, total=False):
    """The arguments of `Teacher` about pixels: the fields of `Preprocessing`."""

    size: int | None
    order: str
    mean: float | Sequence[float]
    scale: float | Sequence[float]
    crop: float


def preprocessing_of(
    model: InferenceModel, source: object, preset: object, given: PixelOptions
) -> Preprocessing:
    """The preprocessing of a model of another library.

    Arguments override a preset, and a preset overrides what the model carries. A mean or a scale
    that none of them gives defaults to pixels from -1 to 1, and a line reports it.

    Args:
        source: the model that the user gave; a module of timm has `pretrained_cfg`.
        preset: a `Preprocessing`, torchvision's ``weights.transforms()``, or None.

    Raises:
        DataError: no size is known, or a value cannot be used.
    """
    found = {**_of_config(source), **model.pixels, **_of_preset(model.name, preset)}
    found |= {
        key: _number(model.name, key, value) if key in NUMBERS else value
        for key, value in given.items()
        if value is not None
    }
    if "size" not in found:
        raise DataError(
            f"Teacher {model.name}: the {model.kind} does not give the size of its images; pass"
            " size=224, or preprocessing=weights.transforms()"
        )
    _check_range(model.name, found.get("mean", ()))
    default = [name for name in NUMBERS if name not in found]
    made = Preprocessing(**{**PLAIN, **found})
    _check_fixed(model, made)
    if default:
        mean = ", ".join(f"{number:g}" for number in made.mean)
        say(
            f"{model.name}: takes {made.order} pixels minus {mean}, times {made.scale_text}, as"
            f" {' and '.join(default)} {'were' if len(default) > 1 else 'was'} not given; pass"
            " those that it was trained with"
        )
    return made


def _of_config(source: object) -> dict[str, Any]:
    """From timm's `pretrained_cfg` or `default_cfg`: input_size (c, h, w), mean, std, crop_pct."""
    for name in ("pretrained_cfg", "default_cfg"):
        config = getattr(source, name, None)
        if isinstance(config, Mapping) and {"input_size", "mean", "std"} <= set(config):
            channels, *sides = config["input_size"]
            found = {"size": _side(sides), "order": "L" if channels == 1 else "RGB"}
            found["crop"] = config.get("crop_pct") or 1.0
            return found | _of_unit_pixels(config["mean"], config["std"])
    return {}


def _of_preset(name: str, preset: object) -> dict[str, Any]:
    if preset is None:
        return {}
    if isinstance(preset, Preprocessing):
        return {field.name: getattr(preset, field.name) for field in fields(preset)}
    if not all(hasattr(preset, field) for field in PRESET):
        raise DataError(
            f"Teacher {name}: preprocessing={type(preset).__name__} lacks the mean, std and"
            " crop_size of a preset of torchvision; give weights.transforms(), or size=, mean= and"
            " scale="
        )
    values: Any = preset
    size, whole = _side(values.crop_size), _side(getattr(values, "resize_size", None))
    found: dict[str, Any] = {"size": size, "order": "RGB"}
    found["crop"] = min(1.0, size / whole) if size and whole else 1.0
    return found | _of_unit_pixels(values.mean, values.std)


def _of_unit_pixels(mean: Sequence[float], std: Sequence[float]) -> dict[str, Any]:
    """Mean and standard deviation of pixels from 0 to 1 -> mean and scale of those up to 255."""
    if not all(value > 0 for value in std):
        raise DataError(f"Teacher: std is {tuple(std)}; give numbers above 0")
    means = tuple(255.0 * float(value) for value in mean)
    return {"mean": means, "scale": tuple(1 / (255.0 * float(value)) for value in std)}


def _side(size: Any) -> Any:
    """The side of a square, given as a number or as a list of one or two."""
    sides = list(size) if isinstance(size, Sequence) else [size]
    if len(set(sides)) != 1:
        raise DataError(f"Teacher: its images are {sides}; a view is square, give size=")
    return sides[0]


def _number(name: str, key: str, value: Any) -> Any:
    """mean as a tuple, scale as a number or a tuple, whichever was given."""
    try:
        if key == "scale" and isinstance(value, int | float):
            return float(value)
        return tuple(map(float, [value] if isinstance(value, int | float) else value))
    except (TypeError, ValueError):
        raise DataError(
            f"Teacher {name}: {key}={value!r}; give a number, or one per channel"
        ) from None


def _check_range(name: str, mean: Sequence[float]) -> None:
    # Papers give such a mean for pixels from 0 to 1; for pixels up to 255 it would be black.
    if any(0 < abs(value) < 1 for value in mean):
        raise DataError(
            f"Teacher {name}: mean is {tuple(mean)}, which is that of pixels from 0 to 1; deelish's"
            " go to 255: give mean=255 * mean and scale=1 / (255 * std) of each channel"
        )


def _check_fixed(model: InferenceModel, made: Preprocessing) -> None:
    for name, value in model.fixed.items():
        if getattr(made, name) != value:
            raise DataError(
                f"Teacher {model.name}: its {name} would be {getattr(made, name)}, but the"
                f" {model.kind} takes {value} alone; leave {_ARGUMENTS[name]}= out"
            )
