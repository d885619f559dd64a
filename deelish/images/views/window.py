"""The pixels of a view: the image resized by a network's rule, and the window cut from it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.images.decoding.decode import MAX_PIXELS
from deelish.images.decoding.decoded_image import DecodedImage, LazyImage
from deelish.images.pixels import Pixels, packed
from deelish.images.views.view import View
from deelish.plan.rendering import Rendering

# Where a part of a resized image ends, in pixels from the left and from the top.
Part = tuple[int, int]


class ViewedImage:
    """One image in one view, for several renderings: it is resized once for all that can share."""

    def __init__(self, image: LazyImage, view: View) -> None:
        self._image, self._view = image, view
        self._resized: dict[object, Pixels] = {}

    def window(self, rendering: Rendering) -> Pixels:
        """uint8 (size, size, 3 or 4); do not write to it."""
        image = self._image.at(self._view.decoding_size(rendering)).pixels
        if self._view.box is not None:
            return mirrored(boxed(image, self._view.box, rendering), self._view)
        height, width = image.shape[:2]
        corner = self._view.corner(rendering, *resized_sides(width, height, rendering))
        part = None if self._view.padding else _needed(corner, rendering)
        if (rendering.resizing, part) not in self._resized:
            self._resized[rendering.resizing, part] = resized(image, rendering, part)
        return cut(self._resized[rendering.resizing, part], self._view, rendering, corner)


def _needed(corner: tuple[int, int], rendering: Rendering) -> Part | None:
    """How far to the right and down a window reaches; None where the whole image is resized.

    An image that keeps its aspect is larger than the window along one side: a fifth of the resize
    is saved. Caffe's way resizes the whole, whose pixels files and caches know.
    """
    left, top = corner
    whole = rendering.crop_mode == "squash"
    return None if whole else (left + rendering.size, top + rendering.size)


def resized_sides(width: int, height: int, rendering: Rendering) -> tuple[int, int]:
    """Width and height that an image of such sides is resized to.

    Raises DataError where one side is so much longer that the result would be too large.
    """
    sides = rendering.resized_sides(width, height)
    if sides[0] * sides[1] > MAX_PIXELS:
        raise DataError(
            f"the image of {width} x {height} pixels would be resized to {sides[0]} x {sides[1]},"
            f" more than {MAX_PIXELS // 10**6} million; leave it out"
        )
    return sides


def resized(image: Pixels, rendering: Rendering, part: Part | None = None) -> Pixels:
    """An image uint8 (h, w, 3 or 4), resized by the rule of the rendering, or a part of it.

    Along the rows and then along the columns, as Pillow up to 12.  On photographs 4 values in 1000
    differ from Pillow's, by 1 of 255 and seldom by 2.  (Pillow 13 takes the columns first of some
    images, most of them tall.  Up to a quarter of their values then differ by 1, and with "bicubic"
    single ones, which overshoot, by up to 20.)  An image of that size is returned as it is.  A part
    has the pixels of the whole as far as it goes, but for rounding.
    Raises DataError where one side is so much longer that the result would be too large.
    """
    height, width = image.shape[:2]
    return _resize(image, resized_sides(width, height, rendering), rendering, part)


def cut(image: Pixels, view: View, rendering: Rendering, corner: tuple[int, int]) -> Pixels:
    """The view of a resized image (h, w, 3 or 4): (size, size, 3 or 4), its memory if it can be.

    corner: left and top of the window.
    """
    size, (left, top) = rendering.size, corner
    window = image[max(top, 0) : top + size, max(left, 0) : left + size]
    if window.shape[:2] != (size, size):
        if view.padding:
            window = _reflected(image, left, top, size)
        else:
            window = _filled(window, max(-left, 0), max(-top, 0), rendering)
    return mirrored(window, view)


def boxed(image: Pixels, box: tuple[float, ...], rendering: Rendering) -> Pixels:
    """A box, in fractions of the image (h, w, 3 or 4), stretched to (size, size, 3 or 4).

    The box is rounded to whole pixels and cut before the resize, as in torchvision's `resized_crop`
    and timm: what is beyond it has no part in the result.
    """
    height, width = image.shape[:2]
    left, right = _whole(box[0], box[2], width)
    top, bottom = _whole(box[1], box[3], height)
    return _resize(image[top:bottom, left:right], (rendering.size, rendering.size), rendering)


def mirrored(window: Pixels, view: View) -> Pixels:
    """The window, turned left to right where the view is mirrored."""
    return window[:, ::-1] if view.mirror else window


def render(image: Pixels, view: View, rendering: Rendering) -> Pixels:
    """The view of an image (h, w, 3 or 4), whole or as decoded for the rendering: (size, size, 3).

    Do not write to it.
    """
    decoded = DecodedImage(image, None)
    return packed(ViewedImage(LazyImage(lambda _: decoded), view).window(rendering))


def _resize(
    image: Pixels, sides: tuple[int, int], rendering: Rendering, part: Part | None = None
) -> Pixels:
    if image.shape[:2] == sides[::-1]:
        return image
    # Not above: it imports torch.
    from deelish.engines.torch.resizing import resize

    return resize(image, sides, rendering.interpolation, rendering.antialias, part)


def _whole(first: float, last: float, side: int) -> tuple[int, int]:
    """Two fractions of a side as whole pixels, one pixel apart or more."""
    start = min(round(first * side), side - 1)
    return start, max(round(last * side), start + 1)


def _reflected(image: Pixels, left: int, top: int, size: int) -> Pixels:
    """A window that shows more than the image: the rest is the image, reflected at its edge."""
    height, width = image.shape[:2]
    rows, columns = _there_and_back(top, size, height), _there_and_back(left, size, width)
    return image.take(rows, 0).take(columns, 1)


@lru_cache(maxsize=1024)
def _there_and_back(start: int, size: int, side: int) -> NDArray[np.intp]:
    """The places of a window along a side, reflected as `numpy.pad` does: -1 is 1."""
    last = max(side - 1, 1)
    places = np.arange(start, start + size) % (2 * last)
    return np.minimum(last - abs(places - last), side - 1)


def _filled(window: Pixels, left: int, top: int, rendering: Rendering) -> Pixels:
    """A window that shows more than the image: the rest has the colour of the rendering."""
    whole = np.empty((rendering.size, rendering.size, 3), np.uint8)
    whole[:] = rendering.fill
    height, width = window.shape[:2]
    whole[top : top + height, left : left + width] = window[..., :3]
    return whole
