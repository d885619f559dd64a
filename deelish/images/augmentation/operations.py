"""The pixel operations of augmentations: Pillow's own, with values that depend on no size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deelish.images.pixels import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

# Published sizes in pixels (a blur, TrivialAugment's shift) are of images of this side.
PUBLISHED_SIDE = 224
# ImageNet's mean colour (.485, .456, .406), in pixels.
MEAN_COLOUR = (124, 116, 104)
BLACK = (0, 0, 0)


class Operation(NamedTuple):
    """An operation by name, and its values; lengths are fractions of the side."""

    name: str
    values: tuple[float, ...] = ()


def perform(operations: Sequence[Operation], pixels: Pixels) -> Pixels:
    """Pixels uint8 (size, size, 3) after the operations, in their order. Do not write to them."""
    if not operations:
        return pixels
    from PIL import Image

    image = Image.fromarray(pixels)
    for name, values in operations:
        image = OPERATIONS[name](image, *values)
    return np.asarray(image)


def _mirror(image: PillowImage) -> PillowImage:
    from PIL import Image

    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _flip(image: PillowImage) -> PillowImage:
    from PIL import Image

    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def _affine(image: PillowImage, *inverse: float) -> PillowImage:
    from PIL import Image

    nearest = Image.Resampling.NEAREST
    return image.transform(image.size, Image.Transform.AFFINE, inverse, nearest, fillcolor=BLACK)


def _shear_x(image: PillowImage, slope: float) -> PillowImage:
    """From the top left corner; the angle's tangent is the slope."""
    return _affine(image, 1, slope, 0, 0, 1, 0)


def _shear_y(image: PillowImage, slope: float) -> PillowImage:
    return _affine(image, 1, 0, 0, slope, 1, 0)


def _translate_x(image: PillowImage, fraction: float) -> PillowImage:
    return _affine(image, 1, 0, -_whole(fraction * image.width), 0, 1, 0)


def _translate_y(image: PillowImage, fraction: float) -> PillowImage:
    return _affine(image, 1, 0, 0, 0, 1, -_whole(fraction * image.height))


def _whole(pixels: float) -> int:
    # Truncated, as torchvision does; 16 must not become 15 because 1/7 is no binary fraction.
    return int(round(pixels, 6))


def _rotate(image: PillowImage, degrees: float) -> PillowImage:
    from PIL import Image

    return image.rotate(degrees, Image.Resampling.NEAREST, fillcolor=BLACK)


def _enhanced(name: str) -> Callable[[PillowImage, float], PillowImage]:
    """An enhancer of Pillow; the factor 1 changes nothing."""

    def enhance(image: PillowImage, factor: float) -> PillowImage:
        from PIL import ImageEnhance

        enhanced: PillowImage = getattr(ImageEnhance, name)(image).enhance(factor)
        return enhanced

    return enhance


def _hue(image: PillowImage, turn: float) -> PillowImage:
    """The hue, turned by this part of the colour circle, -0.5 to 0.5, in steps of 1/255."""
    from PIL import Image

    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(each + int(turn * 255)) % 256 for each in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _grey(image: PillowImage) -> PillowImage:
    return image.convert("L").convert("RGB")


def _blur(image: PillowImage, sigma: float) -> PillowImage:
    """Gaussian, with its sigma in pixels of an image of PUBLISHED_SIDE."""
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(sigma * image.width / PUBLISHED_SIDE))


def _posterize(image: PillowImage, bits: float) -> PillowImage:
    from PIL import ImageOps

    return ImageOps.posterize(image, round(bits))


def _solarize(image: PillowImage, threshold: float) -> PillowImage:
    from PIL import ImageOps

    # Pillow's hint says int; it compares each of 0 to 255 with the threshold.
    return ImageOps.solarize(image, threshold)  # type: ignore[arg-type]


def _autocontrast(image: PillowImage) -> PillowImage:
    from PIL import ImageOps

    return ImageOps.autocontrast(image)


def _equalize(image: PillowImage) -> PillowImage:
    from PIL import ImageOps

    return ImageOps.equalize(image)


def _erase(image: PillowImage, *box: float) -> PillowImage:
    """Left, top, right and bottom as fractions; the box gets ImageNet's mean colour."""
    left, top, right, bottom = (round(edge * image.width) for edge in box)
    image = image.copy()
    image.paste(MEAN_COLOUR, (left, top, right, bottom))
    return image


OPERATIONS: dict[str, Callable[..., PillowImage]] = {
    "mirror": _mirror,
    "flip": _flip,
    "identity": lambda image: image,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
    "rotate": _rotate,
    "brightness": _enhanced("Brightness"),
    "contrast": _enhanced("Contrast"),
    "saturation": _enhanced("Color"),
    "sharpness": _enhanced("Sharpness"),
    "hue": _hue,
    "grey": _grey,
    "blur": _blur,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "erase": _erase,
}
