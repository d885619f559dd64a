"""The scale at which a JPEG is decoded. It depends on the image's size and the resize alone.

A resize is given by the number of pixels that it makes of the shorter side, or more; None is for
the whole image.
"""

from __future__ import annotations

# 1 is the whole image; a decoder gives a half, a quarter and an eighth of it in less time.
SCALES = (8, 4, 2, 1)
# A reduced image has at least so many times the side of the resize, which then blurs as it should.
MIN_RATIO = 2

# The scale of a JPEG; None for an image of another format, which is decoded whole.
Scale = int | None
ALL_SCALES: tuple[Scale, ...] = (None, *SCALES)


def scale_for(width: int, height: int, resize_size: int | None) -> int:
    """The scale for an image whose shorter side is resized to resize_size: 8, 4, 2 or 1."""
    if resize_size is None:
        return 1
    side = min(width, height)
    needed = MIN_RATIO * resize_size
    return next(scale for scale in SCALES if scale == 1 or -(-side // scale) >= needed)


def is_right_scale(width: int, height: int, scale: Scale, resize_size: int | None) -> bool:
    """Whether an image that was decoded at `scale` to width x height has the scale for a resize."""
    if scale is None:
        return True
    if resize_size is None:
        return scale == 1
    # Decoders round a side up, and rounding up twice gives what rounding up once does. So the
    # reduced image shows whether the whole one would be reduced further.
    further = scale_for(width, height, resize_size)
    large = scale == 1 or min(width, height) >= MIN_RATIO * resize_size
    return large and (further == 1 or scale == SCALES[0])
