"""Rendering: how an image of any size becomes the square of pixels that a network sees."""

from __future__ import annotations

from dataclasses import dataclass

CROP_MODES = ("squash", "center", "border")
# Those of Pillow, under its names.
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
# Those that exist without antialiasing.
WITHOUT_ANTIALIAS = ("nearest", "bilinear", "bicubic")


@dataclass(frozen=True)
class Rendering:
    """The image is resized by the crop mode, then a window of size x size pixels is cut from it.

    size: side of the window.  resize_size: what the crop mode resizes sides to.
    crop_mode: as timm names them. "squash" resizes both sides, whatever the aspect; "center" the
    shorter side and "border" the longer one, and both keep the aspect.
    interpolation, antialias: of the resize.  fill: RGB of what the window shows beyond the image.

    The geometry is that of the evaluation transforms of timm (`transforms_imagenet_eval`) and
    torchvision (`Resize`, `CenterCrop`).  Caffe's way, which the defaults are, rounds the offset
    of the window as Caffe does.
    """

    size: int
    resize_size: int
    crop_mode: str = "squash"
    interpolation: str = "bilinear"
    antialias: bool = True
    fill: tuple[int, int, int] = (0, 0, 0)

    @property
    def resizing(self) -> tuple[int, str, str, bool]:
        """What the resized image depends on: equal for renderings that share it."""
        return self.resize_size, self.crop_mode, self.interpolation, self.antialias

    def resized_sides(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that an image of such sides is resized to."""
        side = self.resize_size
        if self.crop_mode == "squash":
            return side, side
        if self.crop_mode == "border":
            ratio = max(width / side, height / side)
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        longer = int(side * max(width, height) / min(width, height))
        return (side, longer) if width <= height else (longer, side)

    def offset(self, fraction: float, side: int) -> int:
        """Where a random window begins along a side of the resized image.

        fraction: evenly drawn from 0 to 1, so that each offset is as probable as the others, as in
        Caffe (`Rand(height - crop_size + 1)`) and torchvision (`RandomCrop`).  A window larger than
        the side begins before it, at a number below 0.
        """
        margin = side - self.size
        offset = min(int(fraction * (abs(margin) + 1)), abs(margin))
        return offset if margin >= 0 else -offset

    def padding(self, fraction: float) -> int:
        """So much of the window's side, in whole pixels."""
        return round(fraction * self.size)

    def centre(self, side: int) -> int:
        """Where the middle window begins along a side of the resized image; below 0 as above."""
        margin = side - self.size
        if margin < 0:
            # Both libraries pad an odd margin by one pixel less on the left.
            return -(-margin // 2)
        if self.resizing[1:] == ("squash", "bilinear", True):
            return margin // 2  # as Caffe
        return round(margin / 2)

    def __str__(self) -> str:
        """For people: "the middle 224 x 224 of 256 x 256"."""
        window, side = f"the middle {self.size} x {self.size} of", self.resize_size
        if self.crop_mode == "squash":
            image = f"{side} x {side}"
        else:
            image = f"the {'longer' if self.crop_mode == 'border' else 'shorter'} side at {side}"
        unfiltered = "" if self.antialias else " without antialiasing"
        how = f", {self.interpolation}{unfiltered}"
        return f"{window} {image}{'' if how == ', bilinear' else how}"


# Where no network sets the pixels.
DEFAULT_RENDERING = Rendering(224, 256)
