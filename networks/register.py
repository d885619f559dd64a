"""The register of the families: what `@network` above a class puts into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from deelish.errors import PlanError
from deelish.language.network import Network
from deelish.networks.family import Card, Family

N = TypeVar("N", bound=type[Network])

# The classes by the module of Deel's scripts that has them: deel.network.googlenet.
FAMILIES: dict[str, type[Network]] = {}
# The published models by the name that `deelish fetch` takes.
CARDS: dict[str, Card] = {}


def network(name: str) -> Callable[[N], N]:
    """Register the class below, and the cards of its published models.

    Raises:
        PlanError: another class, or another card, has the name.
    """

    def register(family: N) -> N:
        cards = {card.name: card for card in family.cards()} if issubclass(family, Family) else {}
        taken = [name] if name in FAMILIES else [card for card in cards if card in CARDS]
        if taken:
            raise PlanError(f"a network {taken[0]!r} is registered already; choose another name")
        FAMILIES[name] = family
        CARDS.update(cards)
        return family

    return register
