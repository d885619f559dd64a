"""The scale at which a JPEG is decoded: by the image's size and by what it is made, and no more."""

from __future__ import annotations

# 1 is the whole image; a decoder gives a half, a quarter and an eighth of it in less time.
SCALES = (8, 4, 2, 1)
# A reduced image is left so many times the base, so that the resize still blurs as it should.
LEAST = 2

# That of a JPEG; None of an image of another format, which is decoded as it is.
Scale = int | None
ALL: tuple[Scale, ...] = (None, *SCALES)


def scale_for(width: int, height: int, base: int) -> int:
    """The scale for an image of this size that is to be base x base pixels: 8, 4, 2 or 1."""
    side = min(width, height)
    return next(scale for scale in SCALES if scale == 1 or -(-side // scale) >= LEAST * base)


def serves(width: int, height: int, scale: Scale, base: int) -> bool:
    """Whether an image of this size, decoded at the scale, is the one for base x base pixels."""
    if scale is None:
        return True
    # Decoders round a side up, and what is rounded up twice is as if rounded up once: whether the
    # whole image would be reduced further can be told from the reduced one.
    further = scale_for(width, height, base)
    large = scale == 1 or min(width, height) >= LEAST * base
    return large and (further == 1 or scale == SCALES[0])
