"""The plots of the page, as PNG in a data URI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deelish.common.html import data_uri
from deelish.comparison.table import Row
from deelish.images.figures import PLOT_SIZE, new_figure, png_of


def accuracy_by(rows: Mapping[str, Row], key: str, title: str, factor: float) -> str:
    """Accuracy with its interval against a cost, a point for each network that has both.

    The cost is the row's `key` times `factor`, on a logarithmic scale.
    """
    figure, axes = _axes()
    for name, row in rows.items():
        if row["accuracy"] is None or not row[key]:
            continue
        x, y = row[key] * factor, row["accuracy"]
        reach = [[y - row["accuracy_low"]], [row["accuracy_high"] - y]]
        axes.errorbar([x], [y], yerr=reach, fmt="o", capsize=3, label=name)
    axes.set_xscale("log")
    axes.set_xlabel(title)
    axes.set_ylabel("accuracy, interval of 95 %")
    _legend(axes)
    return _png(figure)


def reliability_diagram(rows: Mapping[str, Row]) -> str:
    """Accuracy against confidence by bins; a calibrated network is on the diagonal.

    Guo et al. 2017, figure 1.
    """
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for name, row in rows.items():
        bins = [each for each in row["reliability"] or () if each["images"]]
        if bins:
            points = [(each["confidence"], each["accuracy"]) for each in bins]
            axes.plot(*zip(*points, strict=True), "o-", markersize=4, label=name)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.set_aspect("equal")
    _legend(axes)
    return _png(figure)


def _axes() -> tuple[Any, Any]:
    figure = new_figure(PLOT_SIZE)
    return figure, figure.subplots()


def _legend(axes: Any) -> None:
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")


def _png(figure: Any) -> str:
    return data_uri(png_of(figure), "png")
