"""What a user gives as augment=, read into a recipe."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from deelish.common.suggestions import nearest
from deelish.errors import DataError
from deelish.images.augmentation.kinds import CROP, KINDS
from deelish.images.augmentation.options import checked
from deelish.images.augmentation.recipe import Augmentation, NamedItem
from deelish.images.augmentation.user_function import UserFunction
from deelish.images.views.mixing import CUTMIX, MIXUP

_FORMS = "a name, dict(name=..., its options), or dict(function=f, key='v1')"

# Other libraries' names, where the nearest of ours would be another one.
_NAMES = {
    **dict.fromkeys(("hflip", "HorizontalFlip", "mirror", "fliplr"), "horizontal_flip"),
    **dict.fromkeys(("vflip", "VerticalFlip", "flipud"), "vertical_flip"),
    **dict.fromkeys(("rrc", "inception_crop", "RandomSizedCrop", "crop"), CROP),
    **dict.fromkeys(("grayscale", "RandomGrayscale", "ToGray"), "grey"),
    **dict.fromkeys(("GaussianBlur", "gaussian_blur"), "blur"),
    **dict.fromkeys(("cutout", "erasing", "reprob"), "random_erasing"),
    **dict.fromkeys(("RandAugment", "randaug", "rand"), "rand_augment"),
    **dict.fromkeys(("ta_wide", "TrivialAugmentWide"), "trivial_augment"),
    "jitter": "color_jitter",
}
_OPTIONS = {
    **dict.fromkeys(("prob", "probability"), "p"),
    **dict.fromkeys(("num_ops", "n", "ops"), "operations"),
    **dict.fromkeys(("m", "level"), "magnitude"),
    "num_magnitude_bins": "bins",
    "area": "scale",
    "radius": "sigma",
    "color": "saturation",
}


# What a user may give.
Item: TypeAlias = str | Mapping[str, Any]
Augment: TypeAlias = Item | Sequence[Item] | None


def augmentation_of(given: Augment) -> Augmentation | None:
    """The recipe that a user gives: one item, or a list of items in a row.

    An item is a name, dict(name=..., options) or dict(function=f, key="v1"). None, and an empty
    list, is no augmentation.

    Raises:
        DataError: an unknown name or option, a value that an option may not be, a function without
            a key, or two crops.
    """
    if given is None:
        return None
    items = tuple(map(_item, given if isinstance(given, list | tuple) else [given]))
    crops = [item for item in items if isinstance(item, NamedItem) and item.name == CROP]
    if len(crops) > 1:
        raise DataError(
            f"InputBatch(augment=...): {CROP} is given {len(crops)} times; a view is one box of its"
            " image, so leave all but one out"
        )
    return Augmentation(items) if items else None


def _item(given: Any) -> NamedItem | UserFunction:
    if isinstance(given, str):
        return _named(given, {})
    if isinstance(given, Mapping):
        options = dict(given)
        if "function" in options:
            return _function(options)
        if "name" in options:
            return _named(options.pop("name"), options)
        raise _refusal(f"{reprlib.repr(options)} has no name; give {_FORMS}")
    if callable(given):
        return _function({"function": given})
    raise _refusal(f"{reprlib.repr(given)} is no augmentation; give {_FORMS}")


def _named(name: Any, given: dict[str, Any]) -> NamedItem:
    if not isinstance(name, str):
        raise _refusal(f"name= is {reprlib.repr(name)}; give one of {', '.join(KINDS)}")
    if name in (MIXUP, CUTMIX):
        raise _refusal(f"{name!r} mixes two images; give mix={name!r} instead")
    if name not in KINDS:
        raise _refusal(f"there is no {name!r}; {nearest(name, KINDS, _NAMES)}")
    defaults = KINDS[name].options
    for option in given:
        if option not in defaults:
            ours = nearest(str(option), defaults, _OPTIONS, lambda each: f"{each}=")
            raise _refusal(f"{name} has no option {option!r}; {ours}")
    values = {**defaults, **given}
    options = {option: checked(name, option, value) for option, value in values.items()}
    if options.get("magnitude", 0) >= options.get("bins", 1):
        raise _refusal(
            f"magnitude= of {name} is {options['magnitude']}; with bins={options['bins']} give a"
            f" whole number from 0 to {options['bins'] - 1}"
        )
    return NamedItem(name, options)


def _function(given: dict[str, Any]) -> UserFunction:
    function, key = given.pop("function"), given.pop("key", None)
    if given:
        raise _refusal(
            f"a function has no option {next(iter(given))!r}; give dict(function=f, key='v1'), and"
            " put its options into the function"
        )
    if not callable(function):
        raise _refusal(
            f"function= is {reprlib.repr(function)}; give a function of (uint8 (h, w, 3), numpy"
            " Generator)"
        )
    if not isinstance(key, str) or not key:
        name = getattr(function, "__name__", type(function).__name__)
        what = "has no key" if key is None else f"has the key {reprlib.repr(key)}"
        raise _refusal(
            f"the function {name} {what}; give dict(function=f, key='v1'), a text by which the"
            " teacher cache knows it, and another one whenever you change the function"
        )
    return UserFunction(function, key)


def _refusal(fault: str) -> DataError:
    return DataError(f"InputBatch(augment=...): {fault}")
