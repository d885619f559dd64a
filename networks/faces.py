"""Age, gender and emotion of a face, by Levi and Hassner.

"Age and gender classification using convolutional neural networks", AMFG at CVPR 2015; "Emotion
recognition in the wild via convolutional neural networks and mapped binary patterns", ICMI 2015.
Rows, names and initial weights of age and gender are those of the authors' Caffe nets. They look at
a square cut around one face, which deelish does not look for.
"""

from __future__ import annotations

from functools import partial

from deelish.networks.family import Card, Family
from deelish.networks.parts import connected, conv, gaussian, max_pool, reduced
from deelish.networks.register import network
from deelish.networks.vgg import cnn_s
from deelish.plan import Layer

MEAN = (78.4263377603, 87.7689143744, 114.895847746)
AGES = ("(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)")
EMOTIONS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def rows(outputs: int, size: int) -> list[Layer]:
    """Three convolutions and three fully connected layers, small against overfitting (figure 2)."""
    narrow, wide = gaussian(0.005), gaussian(0.01)
    return [
        *conv("conv1", 96, 7, stride=4, weight_filler=wide),
        *reduced(1, pool_first=True),
        *conv("conv2", 256, 5, pad=2, weight_filler=wide, bias_filler=1.0),
        *reduced(2, pool_first=True),
        *conv("conv3", 384, 3, pad=1, weight_filler=wide),
        max_pool("pool5", 3, 2),
        *connected(6, 512, weight_filler=narrow, bias_filler=1.0),
        *connected(7, 512, weight_filler=narrow, bias_filler=1.0),
        Layer("fc8", "InnerProduct", num_output=outputs, weight_filler=wide),
        Layer("prob", "Softmax"),
    ]


def _card(name: str, accuracy: str, labels: tuple[str, ...]) -> Card:
    return Card(
        name=name,
        family=f"{name.capitalize()}Net",
        rows=rows,
        paper="Levi and Hassner, AMFG at CVPR 2015",
        accuracy=f"{accuracy} of Adience",
        outputs=len(labels),
        size=227,
        mean=MEAN,
        crop=227 / 256,
        labels=labels,
        file=f"{name}_net.caffemodel",
        project="talhassner.github.io/home/publication/2015_CVPR",
        licence="as is; see the authors' page",
        note="for one face, cut out; trained with a mean image, of which the channels' means"
        " are used here",
    )


@network("age")
class AgeNet(Family):
    """The age of a face, in eight ranges of years; in_size from 35 up."""

    weights = _card("age", "49.5 %", AGES)


@network("gender")
class GenderNet(Family):
    """The gender of a face: Male or Female; in_size from 35 up."""

    weights = _card("gender", "85.9 %", ("Male", "Female"))


@network("emotion")
class EmotionNet(Family):
    """The emotion of a face, one of seven: CNN-S, in the authors' variant; in_size from 7 up."""

    weights = Card(
        name="emotion",
        family="EmotionNet",
        # What the authors changed in CNN-S, also that 4096 became 4048.
        rows=partial(cnn_s, k=1.0, pad=2, width=4048, last="fc8_cat"),
        paper="Levi and Hassner, ICMI 2015",
        outputs=len(EMOTIONS),
        mean=MEAN,
        labels=EMOTIONS,
        file="EmotiW_VGG_S.caffemodel",
        project="gist.github.com/GilLevi/54aee1b8b0397721aa4b",
        licence="see the authors' page",
        note="for one face, cut out; trained with a mean image of its own, for which the mean of"
        " the same authors' age net is used here",
    )
