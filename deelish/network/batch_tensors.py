"""The tensors x and t of a batch, which workout is given."""

from __future__ import annotations

from deelish.engines import Engine
from deelish.images.batch import ImageBatch
from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.sequence_tensor import SequenceTensor
from deelish.network.tensors import LabelTensor
from deelish.network.viewing import Viewing
from deelish.sequences.batch import SequenceBatch

AnyBatch = ImageBatch | SequenceBatch


def tensors_of(
    batch: AnyBatch, engine: Engine, viewing: Viewing, classes: int
) -> tuple[InputTensor, LabelTensor]:
    """What networks read of a batch, and its targets.

    Args:
        batch: the batch.
        engine: the engine of the tensors.
        viewing: how images are shown.
        classes: how many classes the probabilities of mixed images have.
    """
    if isinstance(batch, SequenceBatch):
        targets = LabelTensor(batch.labels, engine, batch.samples)
        return SequenceTensor(batch, engine, targets, viewing), targets
    probabilities = batch.label_probabilities(classes)
    labels = LabelTensor(batch.labels, engine, batch.samples, probabilities=probabilities)
    return ImageTensor(batch, engine, labels, viewing), labels
