"""What a network does to images: how they become a square, channel order, mean and scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deelish.common.checks import is_number
from deelish.errors import DataError
from deelish.plan.rendering import CROP_MODES, INTERPOLATIONS, WITHOUT_ANTIALIAS, Rendering

CHANNELS = {"BGR": 3, "RGB": 3, "L": 1}
# Pillow's own integers for ITU-R 601 luma, in 1/65536.
LUMA = (19595, 38470, 7471)
# The field `crop` under the name that files have had since the first version.
STORED = {"crop": "share"}
# A standard deviation of pixels up to 255 is above the one, that of pixels up to 1 between the two.
LARGEST_SCALE = 10
UNIT_DEVIATIONS = (0.15, 0.6)
# The fields that files have only where they differ from Caffe's way.
WAY = ("crop_mode", "interpolation", "antialias")
NUMBERS = ("mean", "scale")
# timm's largest crop fraction is 1.15: such a view shows a border around the image.
MOST = 2


@dataclass(frozen=True)
class Preprocessing:
    """From RGB pixels to a network's input: value = (pixel - mean) * scale.

    size: side of the input in pixels.  order: "BGR" (Caffe), "RGB" or "L" (grey).
    mean: one number, or one per channel in the order, as a tuple.  scale: a number, or a tuple of
    one per channel.  crop: the crop fraction, the part of the resized image's side that a view
    shows, above 0 and up to 2 (timm's `crop_pct`); above 1 it shows a border too.
    crop_mode: "squash", "center" or "border", see `Rendering`.  interpolation: "bilinear",
    "bicubic", "nearest", "box", "hamming" or "lanczos".  antialias: whether the resize averages
    over all pixels that it merges, as Pillow always does.  The defaults are Caffe's way.
    Raises DataError when a value cannot be used.
    """

    size: int
    order: str = "BGR"
    mean: tuple[float, ...] = (0.0,)
    scale: float | tuple[float, ...] = 1.0
    crop: float = 224 / 256
    crop_mode: str = "squash"
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 1:
            raise DataError(f"preprocessing: size is {self.size!r}; give whole pixels, 1 or more")
        if not isinstance(self.order, str) or self.order not in CHANNELS:
            raise DataError(f"preprocessing: order is {self.order!r}; give 'BGR', 'RGB' or 'L'")
        if not isinstance(self.mean, tuple) or not all(map(is_number, self.mean)):
            raise DataError(f"preprocessing: mean is {self.mean!r}; give a tuple of numbers")
        if not all(is_number(scale) and scale != 0 for scale in self._scales):
            raise DataError(
                f"preprocessing: scale is {self.scale!r}; give a number other than 0, such as"
                " 1/255, or a tuple of one per channel"
            )
        for name, values in (("mean", self.mean), ("scale", self._scales)):
            self._check_count(name, len(values))
        if not (is_number(self.crop) and 0 < self.crop <= MOST):
            raise DataError(
                f"preprocessing: crop is {self.crop!r}; give a number above 0 and up to {MOST}"
            )
        self._check_way()

    def _check_way(self) -> None:
        for name, value, known in (
            ("crop_mode", self.crop_mode, CROP_MODES),
            ("interpolation", self.interpolation, INTERPOLATIONS),
        ):
            if value not in known:
                *first, last = map(repr, known)
                raise DataError(
                    f"preprocessing: {name} is {value!r}; give {', '.join(first)} or {last}"
                )
        if not isinstance(self.antialias, bool):
            raise DataError(f"preprocessing: antialias is {self.antialias!r}; give True or False")
        if not self.antialias and self.interpolation not in WITHOUT_ANTIALIAS:
            raise DataError(
                f"preprocessing: interpolation {self.interpolation!r} exists with antialias=True"
                " alone; leave antialias out, or give 'bilinear' or 'bicubic'"
            )

    def _check_count(self, name: str, count: int) -> None:
        if count not in (1, self.channels):
            wanted = f"1 or {self.channels}" if self.channels > 1 else "1"
            raise DataError(
                f"preprocessing: {name} has {count} numbers; give {wanted} for order {self.order!r}"
            )

    @property
    def channels(self) -> int:
        """3, or 1 for grey."""
        return CHANNELS[self.order]

    def resize_size(self, crop: float | None = None) -> int:
        """What sides are resized to, in pixels: 256 for 224 at 0.875.

        A crop fraction given here replaces the network's own, as that of `InputBatch` does.
        """
        return max(1, round(self.size / (self.crop if crop is None else crop)))

    def rendering(self, crop: float | None = None) -> Rendering:
        """How an image becomes the pixels; crop: in place of the network's own crop fraction.

        A border has the mean of the pixels, which becomes 0 (timm's `fill`).
        """
        way = (self.crop_mode, self.interpolation, self.antialias)
        fill = self._mean_pixel if self.crop_mode == "border" else (0, 0, 0)
        return Rendering(self.size, self.resize_size(crop), *way, fill)

    @property
    def _mean_pixel(self) -> tuple[int, int, int]:
        """The mean as RGB from 0 to 255."""
        means = [min(255, max(0, round(mean))) for mean, _ in self.by_channel]
        red, green, blue = (means if self.order == "RGB" else means[::-1]) * (3 // self.channels)
        return red, green, blue

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB pixels (n, size, size, 3) of 0 to 255 -> input (n, channels, size, size).

        The result is C-contiguous.  Raises DataError for another shape or type.
        """
        self.check(pixels)
        values = np.empty((len(pixels), self.channels, self.size, self.size), np.float32)
        mean = np.asarray(self.mean, np.float32).reshape(-1, 1, 1)
        np.subtract(_planes(pixels, self.order), mean, out=values)
        if self.scale != 1:
            # What overflows is found by a training, which names the images.
            with np.errstate(over="ignore"):
                values *= np.asarray(self.scale, np.float32).reshape(-1, 1, 1)
        return values

    def images_of(self, values: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The inverse of `apply`: (n, channels, h, w) -> RGB images (n, 3, h, w), 0 to 255.

        None for another number of channels.
        """
        if values.shape[1] != self.channels:
            return None
        scale = np.asarray(self.scale, np.float32).reshape(-1, 1, 1)
        pixels = values / scale + np.asarray(self.mean, np.float32).reshape(-1, 1, 1)
        pixels = pixels.clip(0, 255)[:, :: -1 if self.order == "BGR" else 1]
        return np.repeat(pixels, 3, 1) if self.channels == 1 else pixels

    def image_shape(self, output: Sequence[int]) -> tuple[int, ...] | None:
        """(c, h, w) of an output (n, c, h, w) that is an image in its channels; None for others.

        Maps of features have other channels, and logits no sides.
        """
        if len(output) != 4 or output[1] != self.channels or output[2] * output[3] == 1:
            return None
        return tuple(output[1:])

    def check(self, pixels: NDArray[np.uint8]) -> None:
        """Raises DataError for pixels that are not uint8 (n, size, size, 3)."""
        wanted = (self.size, self.size, 3)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted:
            raise DataError(
                f"preprocessing: pixels are {pixels.dtype} {pixels.shape};"
                f" give uint8 (n, {self.size}, {self.size}, 3)"
            )

    @property
    def by_channel(self) -> list[tuple[float, float]]:
        """Mean and scale of each channel, in the order."""
        many = self.channels
        means, scales = (v * many if len(v) == 1 else v for v in (self.mean, self._scales))
        return list(zip(means, scales, strict=True))

    @property
    def scale_text(self) -> str:
        """The scale for people: 0.0039, or one number per channel."""
        return ", ".join(f"{scale:g}" for scale in self._scales)

    @property
    def way_text(self) -> str:
        """How an image becomes a square, for people: "center, bicubic"."""
        unfiltered = "" if self.antialias else ", not antialiased"
        return f"{self.crop_mode}, {self.interpolation}{unfiltered}"

    @property
    def _scales(self) -> tuple[float, ...]:
        return self.scale if isinstance(self.scale, tuple) else (self.scale,)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; from_dict gives the same Preprocessing back."""
        values = {
            STORED.get(field.name, field.name): value
            for field, value in zip(fields(self), asdict(self).values(), strict=True)
            if field.name not in WAY or value != field.default
        }
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The Preprocessing that to_dict wrote; raises DataError when it is not one."""
        names = {STORED.get(field.name, field.name): field.name for field in fields(cls)}
        if not set(names) - set(WAY) <= set(values) <= set(names) or not isinstance(
            values["mean"], list | tuple
        ):
            raise DataError(
                f"preprocessing: got {dict(values)!r}; give size, order, a list mean, scale and"
                " share, as to_dict writes them"
            )
        mean, scale = tuple(values["mean"]), values["scale"]
        scale = tuple(scale) if isinstance(scale, list) else scale
        known = {**values, "mean": mean, "scale": scale}
        return cls(**{names[name]: value for name, value in known.items()})


def _planes(pixels: NDArray[np.uint8], order: str) -> NDArray[np.uint8]:
    """(n, h, w, 3) RGB -> (n, c, h, w) in the order, without a copy except for grey."""
    if order == "L":
        grey = (pixels.astype(np.uint32) @ np.array(LUMA, np.uint32) + 0x8000) >> 16
        return grey.astype(np.uint8)[:, np.newaxis]
    channels: NDArray[np.uint8] = pixels[..., ::-1] if order == "BGR" else pixels
    return channels.transpose(0, 3, 1, 2)


def given_pixels(who: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a user gave: a mean as a tuple, a scale as a float or a tuple.

    Raises:
        DataError: a mean or a scale that is no number and no list of numbers.
    """
    return {
        key: _number(who, key, value) if key in NUMBERS else value for key, value in given.items()
    }


def _number(who: str, key: str, value: Any) -> Any:
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError("float() takes them for numbers, or for lists of digits")
        if key == "scale" and isinstance(value, int | float):
            return float(value)
        return tuple(map(float, [value] if isinstance(value, int | float) else value))
    except (TypeError, ValueError):
        raise DataError(f"{who}: {key}={value!r}; give a number, or one per channel") from None


def check_range(who: str, mean: Any, scale: Any) -> None:
    """Refuse what papers give for pixels from 0 to 1, or divide by; its size shows it.

    Args:
        who: whose pixels they are, in words.
        mean: as a script gives it: a number, several, or anything else, which is passed over.
        scale: likewise.

    Raises:
        DataError: a mean below 1, or a standard deviation in place of a scale.
    """
    # For pixels up to 255 such a mean would be black.
    if any(0 < abs(value) < 1 for value in _numbers(mean)):
        raise DataError(
            f"{who}: mean is {mean}, which is that of pixels from 0 to 1; deelish's"
            " go to 255: give mean=255 * mean and scale=1 / (255 * std) of each channel"
        )
    values, (low, high) = _numbers(scale), UNIT_DEVIATIONS
    if any(abs(value) > LARGEST_SCALE for value in values):
        of, cure = "up to 255", "1 / std"
    elif len(values) > 1 and all(low <= value <= high for value in values):
        of, cure = "from 0 to 1", "1 / (255 * std)"
    else:
        return
    raise DataError(
        f"{who}: scale is {scale}, which is a standard deviation of pixels {of}; pixels are"
        f" multiplied by scale, so give scale={cure} of each channel"
    )


def _numbers(given: Any) -> list[float]:
    values = list(given) if isinstance(given, tuple | list) else [given]
    return values if all(map(is_number, values)) else []
