"""The table of `deelish models`: every published model, what it costs and where its file is."""

from __future__ import annotations

from deelish.networks.family import Card
from deelish.networks.register import CARDS
from deelish.plan import summary


def models_table() -> str:
    """The published models by name, two lines each: what one costs, and where its weights are.

    Multiply-adds are millions, for one image. Of two accuracies the first is top-1, the second
    top-5. No engine is needed.
    """
    titles = ("name", "class", "parameters", "M multiply-adds", "accuracy as published")
    rows = [titles, *(_row(CARDS[name]) for name in sorted(CARDS))]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    sides = ("<", "<", ">", ">")
    lines = []
    for row in rows:
        cells = [f"{row[i]:{sides[i]}{widths[i]}}" for i in range(4)]
        lines.append("  ".join((*cells, row[4])))
        if row[0] in CARDS:
            card = CARDS[row[0]]
            lines.append(f"    {card.file}: {card.source}; licence: {card.licence}")
    return "\n".join(lines)


def _row(card: Card) -> tuple[str, ...]:
    plan = card.plan()
    millions = f"{summary.multiply_adds(plan) / 1e6:,.0f}"
    accuracy = card.accuracy or "none stated"
    return card.name, card.family, f"{summary.parameters(plan):,}", millions, accuracy
