"""Which classes a network takes for which: counts of true and predicted classes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deelish.common.html import BAR, LEFT, LINE, RIGHT, quietly, table
from deelish.comparison.rows import Names, name_of
from deelish.comparison.table import Row
from deelish.images import figures

# A matrix of more classes is hard to read; its most frequent confusions are listed.
MOST_CLASSES, MOST_PAIRS = 20, 12
# Names are cut to so many characters above a column of the text.
WIDTH = 12
# The deepest shade of a cell, so that its number can be read.
SHADE = 0.7


class Confusion:
    """The confusion matrix of a network on the test images.

    Attributes:
        names: the classes that occur, as labels or as predictions, in their order.
        counts: int (n, n): images of the true class (row) that got a predicted class (column).
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        known = {row[f"{kind}_label"]: row[kind] for row in rows for kind in ("true", "predicted")}
        index = {label: number for number, label in enumerate(sorted(known))}
        self.names: list[str] = [known[label] for label in sorted(known)]
        self.counts: NDArray[np.int64] = np.zeros((len(index), len(index)), np.int64)
        for row in rows:
            place = index[row["true_label"]], index[row["predicted_label"]]
            self.counts[place] = row["images"]

    @property
    def pairs(self) -> list[tuple[str, str, int, int]]:
        """(true class, predicted class, images, images of the true class), most images first."""
        wrong = self.counts * (1 - np.eye(len(self.counts), dtype=np.int64))
        order = np.argsort(-wrong, axis=None, kind="stable")
        found = [divmod(int(place), len(wrong)) for place in order]
        totals, names = self.counts.sum(1).tolist(), self.names
        return [
            (names[true], names[predicted], int(wrong[true, predicted]), totals[true])
            for true, predicted in found
            if wrong[true, predicted]
        ]

    def show(self, save: str | Path | None = None) -> None:
        """Show it in a window, or write it as PNG where there is no screen."""
        figures.show_matrix(self.counts, self.names, ("true class", "predicted class"), save)

    def __repr__(self) -> str:
        if len(self.names) > MOST_CLASSES:
            return "\n".join(self._lines()) or "no class is taken for another"
        width = max(len(name[:WIDTH]) for name in self.names)
        head = " " * width + "".join(f"  {name[:WIDTH]:>{width}}" for name in self.names)
        rows = (
            f"{name[:WIDTH]:<{width}}" + "".join(f"  {count:>{width}}" for count in counts)
            for name, counts in zip(self.names, self.counts.tolist(), strict=True)
        )
        return "\n".join((f"{head}  (predicted; a row for each true class)", *rows))

    def _lines(self) -> list[str]:
        return [
            f"{true} was taken for {predicted}: {images:,} of {total:,}"
            for true, predicted, images, total in self.pairs[:MOST_PAIRS]
        ]

    @quietly
    def _repr_html_(self) -> str:
        """The matrix with shaded cells, or its most frequent confusions, for a notebook."""
        return self.html()

    def html(self) -> str:
        """The same for a page."""
        if len(self.names) > MOST_CLASSES:
            rows = [
                (f"{true} was taken for {predicted}", f"{images:,} of {total:,}")
                for true, predicted, images, total in self.pairs[:MOST_PAIRS]
            ]
            return table(("the most frequent confusions", "images"), rows)
        head = "".join(f'<th scope="col" style="{RIGHT}">{escape(n)}</th>' for n in self.names)
        lines = "".join(map(self._html_row, range(len(self.names))))
        caption = "a row for each true class, a column for each predicted one"
        return (
            f'<table style="border-collapse: collapse"><caption>{caption}</caption>'
            f"<thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table>"
        )

    def _html_row(self, true: int) -> str:
        counts = self.counts[true]
        total = max(int(counts.sum()), 1)
        cells = "".join(
            f'<td style="{RIGHT}; border: 1px solid {LINE}; background:'
            f' rgba({_rgb(BAR)}, {SHADE * count / total:.2f})">{count}</td>'
            for count in counts.tolist()
        )
        return f'<tr><th scope="row" style="{LEFT}">{escape(self.names[true])}</th>{cells}</tr>'


def _rgb(colour: str) -> str:
    """``#4878a8`` -> ``72, 120, 168``."""
    return ", ".join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))


def confusion_rows(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], names: Names
) -> list[Row]:
    """The pairs of true and predicted class that occur, with the number of images of each."""
    pairs, counts = np.unique(np.stack([labels, predicted], 1), axis=0, return_counts=True)
    return [
        {
            "true": name_of(true, names),
            "predicted": name_of(made, names),
            "true_label": true,
            "predicted_label": made,
            "images": count,
        }
        for (true, made), count in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]
