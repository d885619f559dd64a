"""The labels of class folders in the order of a network's own classes, found by name."""

from __future__ import annotations

import numpy as np

from deelish.common.printing import say
from deelish.distillation.memory import TeachingMemory
from deelish.images.class_folders import ClassFolders, NamedClasses
from deelish.network.predictor import Predictor


def label_order(network: Predictor, memory: TeachingMemory) -> np.ndarray | None:
    """The index of each label of the images among a network's classes; None where they are equal.

    Two networks of one training may order their classes otherwise, and one that is made after
    `InputBatch` otherwise than it numbered the folders. Labels of a list are each network's own.

    Raises:
        DataError: only some of the class folders have the name of one of its classes.
    """
    folders = memory.images.viewing.folders
    if folders is None or not network.labels:
        return None
    if network not in memory.label_orders:
        memory.label_orders[network] = _order(folders, network)
    return memory.label_orders[network]


def _order(folders: ClassFolders, network: Predictor) -> np.ndarray | None:
    order = folders.order_for(NamedClasses(network.name, network.labels or ()))
    if order is None:
        # At InputBatch it was printed for the networks that were there.
        if folders.by_name or folders.line is None:
            say(
                f"{network.name}: no {folders.noun} of {folders.source} is named as one of its"
                f" labels, so they are its classes by number: {folders.listed}"
            )
        return None
    same = (order == np.arange(len(order))) | (order == -1)
    return None if same.all() else order
