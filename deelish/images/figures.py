"""Pictures and plots: in a window, or as a PNG file where there is no screen."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.printing import say
from deelish.common.processes import is_rank_zero
from deelish.errors import FileError, first_line
from deelish.storage.atomic import write_file


@contextlib.contextmanager
def _figure(save: str | Path | None, name: str, **options: Any) -> Iterator[Any]:
    """Axes to draw on; afterwards shown in a window, or written as PNG where there is no screen.

    In a process group, only rank 0 shows or writes them.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(**options)
    try:
        yield axes
        figure.tight_layout()
        if not is_rank_zero():
            return
        if save is None and plt.get_backend().lower() != "agg":
            plt.show(block=False)
            return
        path, content = Path(save or name), io.BytesIO()
        try:
            # The file extension chooses the format, as matplotlib has it.
            figure.savefig(content, dpi=120, format=path.suffix[1:] or "png")
        except ValueError as error:
            raise FileError(
                f"{path}: cannot be written ({first_line(error)}); give the path of a .png"
            ) from None
        write_file(path, content.getvalue())
        say(f"written: {path}")
    finally:
        if save is not None or not is_rank_zero() or plt.get_backend().lower() == "agg":
            plt.close(figure)


# How many images a picture shows.
MOST_IMAGES = 8
# In inches: the curves of a training, and one plot.
CURVES_SIZE, PLOT_SIZE = (10, 4), (5.2, 3.6)
# The numbers of a larger matrix are left out.
MOST_NUMBERED = 30


def show_images(
    rows: Sequence[np.ndarray],
    save: str | Path | None = None,
    captions: Sequence[str] = (),
) -> None:
    """Show the first images of each row (n, 3, h, w), RGB, 0 to 255, captions above."""
    shown = [row[:MOST_IMAGES] for row in rows]
    columns = len(shown[0])
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    # Captions are above the images of the first row, or of all.
    lines *= len(rows) if len(captions) > columns else 1
    size = {"figsize": (2.4 * columns, 2.6 * len(rows) + 0.3 * lines), "squeeze": False}
    with _figure(save, "images.png", nrows=len(rows), ncols=columns, **size) as axes:
        for line, row in zip(axes, shown, strict=True):
            for panel, image in zip(line, row, strict=True):
                panel.imshow(image.transpose(1, 2, 0).astype(np.uint8))
                panel.axis("off")
        for panel, caption in zip(axes.flat, captions, strict=False):
            panel.set_title(caption)


def plot(curves: Mapping[str, Sequence[Mapping[str, Any]]], save: str | Path | None = None) -> None:
    """Plot loss and accuracy over the epochs of one or more histories, by name."""
    with _figure(save, "history.png", ncols=2, figsize=CURVES_SIZE) as axes:
        _draw_curves(axes, curves)


def show_matrix(
    counts: np.ndarray,
    names: Sequence[str],
    axes: tuple[str, str],
    save: str | Path | None = None,
) -> None:
    """Show counts (n, n) as shades of each row's sum; `axes` says what rows and columns are."""
    side = 2.5 + 0.4 * len(names)
    with _figure(save, "confusion.png", figsize=(side, side)) as panel:
        shades = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        panel.imshow(shades, cmap="Blues", vmin=0, vmax=1)
        panel.set_ylabel(axes[0])
        panel.set_xlabel(axes[1])
        places = range(len(names))
        panel.set_xticks(places, names, rotation=90)
        panel.set_yticks(places, names)
        if len(names) > MOST_NUMBERED:
            return
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shades[row, column] > 0.5 else "black"
            text = str(counts[row, column])
            panel.text(column, row, text, ha="center", va="center", color=colour)


def new_figure(size: tuple[float, float]) -> Any:
    """A figure that no window shows, of this size in inches."""
    # Not pyplot: it would change the user's own figures and need a screen.
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def png_of(figure: Any) -> bytes:
    """The bytes of a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()


def curves_png(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """The same plot as the bytes of a PNG file, for which no window is needed."""
    figure = new_figure(CURVES_SIZE)
    _draw_curves(figure.subplots(ncols=2), curves)
    return png_of(figure)


def rates_png(rates: Sequence[float], losses: Sequence[float], best: float | None) -> bytes:
    """Losses over learning rates on a logarithmic scale, with the best one marked: PNG."""
    figure = new_figure(PLOT_SIZE)
    _draw_rates(figure.subplots(), rates, losses, best)
    return png_of(figure)


def plot_rates(
    rates: Sequence[float],
    losses: Sequence[float],
    best: float | None,
    save: str | Path | None = None,
) -> None:
    """Plot losses over learning rates on a logarithmic scale, with the best one marked."""
    with _figure(save, "rates.png", figsize=PLOT_SIZE) as axes:
        _draw_rates(axes, rates, losses, best)


def _draw_rates(
    axes: Any, rates: Sequence[float], losses: Sequence[float], best: float | None
) -> None:
    axes.plot(rates, losses)
    if best is not None:
        axes.axvline(best, linestyle="--", color="grey", label=f"{best:.2g}")
        axes.legend()
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss, smoothed")


def _draw_curves(axes: Any, curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for panel, key in zip(axes, ("loss", "accuracy"), strict=True):
        for name, rows in curves.items():
            _curve(panel, name, rows, key)
        panel.set_xlabel("epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.set_ylabel(key)
        if panel.lines:
            panel.legend()


def _curve(axes: Any, name: str, rows: Sequence[Mapping[str, Any]], key: str) -> None:
    for prefix, style in (("", "--"), ("val_", "-")):
        points = [(row["epoch"], row[prefix + key]) for row in rows if prefix + key in row]
        if points:
            part = "validation" if prefix else "training"
            colour = axes.lines[-1].get_color() if prefix and axes.lines else None
            axes.plot(*zip(*points, strict=True), style, label=f"{name}{part}", color=colour)
