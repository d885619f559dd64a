"""Every published model that deelish has a network for, by name, and a table of them."""

from __future__ import annotations

from deelish.networks.alexnet import AlexNet, ReferenceCaffeNet
from deelish.networks.faces import AgeNet, EmotionNet, GenderNet
from deelish.networks.family import Card
from deelish.networks.googlenet import GoogLeNet
from deelish.networks.nin import NetworkInNetwork
from deelish.networks.nin_cifar10 import NetworkInNetworkCIFAR10
from deelish.networks.places import Places205GoogLeNet
from deelish.networks.resnet import ResNet50, ResNet101, ResNet152
from deelish.networks.squeezenet import VERSIONS
from deelish.networks.vgg import VGG16, VGGS
from deelish.plan import summary

CARDS: dict[str, Card] = {
    card.name: card
    for card in (
        GoogLeNet.weights,
        AlexNet.weights,
        ReferenceCaffeNet.weights,
        VGG16.weights,
        VGGS.weights,
        ResNet50.weights,
        ResNet101.weights,
        ResNet152.weights,
        *VERSIONS.values(),
        NetworkInNetwork.weights,
        NetworkInNetworkCIFAR10.weights,
        AgeNet.weights,
        GenderNet.weights,
        EmotionNet.weights,
        Places205GoogLeNet.weights,
    )
}


def models_table() -> str:
    """The published models, two lines each: what a network costs, and where its weights are.

    Multiply-adds are millions, for one image. Of two accuracies the first is that of the best
    answer, the second that of the best five. No engine is needed.
    """
    titles = ("name", "class", "parameters", "M multiply-adds", "accuracy as published")
    rows = [titles, *map(_row, CARDS.values())]
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
