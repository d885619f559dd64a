"""GoogLeNet for scenes: Zhou, Lapedriza, Xiao, Torralba and Oliva, "Learning deep features for
scene recognition using Places database", NIPS 2014."""

from __future__ import annotations

from dataclasses import replace

from deelish.networks.googlenet import GoogLeNet
from deelish.networks.register import network


@network("places205_googlenet")
class Places205GoogLeNet(GoogLeNet):
    """GoogLeNet on the 205 kinds of places of MIT's Places205; in_size from 32 up.

    Their names are in the project's categoryIndex_places205.csv: give it as `labels`.
    """

    weights = replace(
        GoogLeNet.weights,
        name="places205-googlenet",
        family="Places205GoogLeNet",
        paper="Zhou, Lapedriza, Xiao, Torralba and Oliva, NIPS 2014",
        accuracy="",
        outputs=205,
        file="googlelet_places205_train_iter_2400000.caffemodel",
        address="",
        checksum="",
        project="places.csail.mit.edu/downloadCNN.html",
        licence="Creative Commons; see the project's page",
        note="GoogLeNet on the 205 kinds of places of MIT's Places205",
    )
