"""What deelish prints and shows: lines, the progress bar, pictures and plots."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np

from deelish.common.processes import leads


def say(line: str) -> None:
    """Print a line, above the progress bar if there is one; of several processes the first does."""
    if not leads():
        return
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)
    else:
        print(line)


def amount(value: int) -> str:
    """Bytes in the largest unit of 1000 that leaves one or more."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value} bytes"


class _AboveBar:
    """A stdout whose lines go above the bar, each when it is whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = ""

    def write(self, text: str) -> int:
        from tqdm import tqdm

        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            tqdm.write(line, file=self._stream)
        return len(text)

    def finish(self) -> None:
        """Hand on a last line that had no end."""
        self._stream.write(self._line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Bar:
    """A progress bar over images: loss, accuracy, images a second, time left."""

    def __init__(self, title: str, images: int) -> None:
        from tqdm.auto import tqdm

        # Without a terminal a bar is noise in a log; a notebook has none, yet shows one.
        hidden = None if "ipykernel" not in sys.modules else False
        if not leads():
            hidden = True
        self._bar = tqdm(total=images, desc=title, unit="img", leave=False, disable=hidden)
        self._out = contextlib.ExitStack()
        if not self._bar.disable:
            above = _AboveBar(sys.stdout)
            self._out.callback(above.finish)
            self._out.enter_context(contextlib.redirect_stdout(above))

    def step(
        self,
        images: int,
        loss: float,
        accuracy: float,
        agreement: float | None,
        waited: float | None = None,
    ) -> None:
        """Move on by one batch; `waited` is the share of time that went by without one."""
        shown = {"loss": f"{loss:.3f}", "accuracy": f"{accuracy:.0%}"}
        if agreement is not None:
            shown["agreement"] = f"{agreement:.0%}"
        if waited is not None:
            shown["waited"] = f"{waited:.0%}"
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(images)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.close()
        self._bar.close()


@contextlib.contextmanager
def _figure(save: str | Path | None, name: str, **options: Any) -> Iterator[Any]:
    """Axes to draw on; afterwards shown in a window, or written as PNG where there is no screen.

    Of several processes, the first shows or writes them.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(**options)
    try:
        yield axes
        figure.tight_layout()
        if not leads():
            return
        if save is None and plt.get_backend().lower() != "agg":
            plt.show(block=False)
            return
        path = Path(save or name)
        figure.savefig(path, dpi=120)
        say(f"written: {path}")
    finally:
        if save is not None or not leads() or plt.get_backend().lower() == "agg":
            plt.close(figure)


def show_images(images: np.ndarray, save: str | Path | None = None) -> None:
    """Show the first eight of images (n, 3, side, side), RGB, 0 to 255."""
    shown = images[:8]
    size = {"figsize": (2.4 * len(shown), 2.6), "squeeze": False}
    with _figure(save, "images.png", ncols=len(shown), **size) as axes:
        for place, image in zip(axes[0], shown, strict=True):
            place.imshow(image.transpose(1, 2, 0).astype(np.uint8))
            place.axis("off")


def plot(curves: Mapping[str, Sequence[Mapping[str, Any]]], save: str | Path | None = None) -> None:
    """Plot loss and accuracy over the epochs of one or more histories, by name."""
    with _figure(save, "history.png", ncols=2, figsize=(10, 4)) as axes:
        for place, key in zip(axes, ("loss", "accuracy"), strict=True):
            for name, rows in curves.items():
                _curve(place, name, rows, key)
            place.set_xlabel("epoch")
            place.xaxis.get_major_locator().set_params(integer=True)
            place.set_ylabel(key)
            place.legend()


def _curve(axes: Any, name: str, rows: Sequence[Mapping[str, Any]], key: str) -> None:
    for prefix, style in (("", "--"), ("val_", "-")):
        points = [(row["epoch"], row[prefix + key]) for row in rows if prefix + key in row]
        if points:
            part = "validation" if prefix else "training"
            colour = axes.lines[-1].get_color() if prefix and axes.lines else None
            axes.plot(*zip(*points, strict=True), style, label=f"{name}{part}", color=colour)
