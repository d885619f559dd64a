"""The history of a training: one row an epoch, as dicts that print as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deelish.common.html import details, picture, quietly, table
from deelish.images.figures import curves_png

Row = dict[str, Any]
# How wide the curves are in a notebook, in pixels.
CURVES = 720

# Heading, key, format. A column is shown where the first row has its key.
COLUMNS = (
    ("epoch", "epoch", "{:d}"),
    ("loss", "loss", "{:.4f}"),
    ("accuracy", "accuracy", "{:.1%}"),
    ("agreement", "agreement", "{:.1%}"),
    ("val loss", "val_loss", "{:.4f}"),
    ("val accuracy", "val_accuracy", "{:.1%}"),
    ("val agreement", "val_agreement", "{:.1%}"),
    ("images/s", "images_per_second", "{:.0f}"),
    ("sequences/s", "sequences_per_second", "{:.0f}"),
    ("tokens/s", "tokens_per_second", "{:.0f}"),
)


class History(list[Row]):
    """Rows of a training, one an epoch: loss, accuracy, agreement with the teacher, speed.

    Keys: epoch, loss, accuracy, val_loss, val_accuracy, images_per_second, seconds, waited, lr;
    where a teacher taught, agreement and val_agreement too; where the images have no labels, no
    accuracy; of sequences sequences_per_second, or tokens_per_second, in place of images. The
    training values are means over the epoch's batches, each measured before its update. `waited` is
    the fraction of the training time (0 to 1) in which the network waited for images.
    """

    def heading(self) -> str:
        """The first line of the table."""
        return "  ".join(name for name, _, _ in _columns(self[0]))

    def line(self, row: Row) -> str:
        """One line of the table."""
        columns = _columns(self[0])
        return "  ".join(form.format(row[key]).rjust(len(name)) for name, key, form in columns)

    def table(self) -> str:
        """All rows as a table."""
        return "\n".join([self.heading(), *map(self.line, self)]) if self else "no whole epoch"

    @quietly
    def _repr_html_(self) -> str:
        """The curves, and the table of all epochs, for a notebook."""
        if not self:
            return ""
        names = [name for name, _, _ in _columns(self[0])]
        rows = ([form.format(row[key]) for _, key, form in _columns(self[0])] for row in self)
        curves = picture(curves_png({"": self}), repr(self), CURVES)
        return curves + details(f"{len(self)} epochs", table(names, rows))

    def __repr__(self) -> str:
        last = f", the last with {_summary(self[-1])}" if self else ""
        return f"History of {len(self)} epochs{last}; table() shows them all"


def _columns(row: Row) -> list[tuple[str, str, str]]:
    return [column for column in COLUMNS if column[1] in row]


def _summary(row: Row) -> str:
    return ", ".join(f"{name} {form.format(row[key])}" for name, key, form in _columns(row)[1:-1])


@dataclass
class Averages:
    """Means over the images of an epoch; `waited` is the fraction of its time spent waiting."""

    images: int = 0
    loss: float = 0.0
    accuracy: float = 0.0
    judged: int = 0
    agreement: float = 0.0
    taught: int = 0
    waited: float = 0.0

    def add(
        self, images: int, loss: float, accuracy: float | None, agreement: float | None
    ) -> None:
        """Add one batch."""
        self.images += images
        self.loss += images * loss
        if accuracy is not None:
            self.judged += images
            self.accuracy += images * accuracy
        if agreement is not None:
            self.taught += images
            self.agreement += images * agreement

    def row(self, prefix: str = "") -> Row:
        """The means, their keys with a prefix."""
        means = {"loss": self.loss / self.images}
        if self.judged:
            means["accuracy"] = self.accuracy / self.judged
        if self.taught:
            means["agreement"] = self.agreement / self.taught
        return {prefix + key: value for key, value in means.items()}
