"""A linear probe: classes for embeddings by logistic regression, its strength chosen held out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deelish.common.processes import ALONE
from deelish.distillation.standardisation import Standardisation
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.sample import Sample
from deelish.images.views.view import CENTRE
from deelish.network.inputs import ImageTensor
from deelish.network.learner import Learner
from deelish.network.outputs import FeatureTensor

# From strong to weak: where several do equally well, the strongest is taken.
STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4, 3e-5, 1e-5)
HELD_OUT = 10


@dataclass(frozen=True)
class FittedProbe:
    """A linear classifier on embeddings as they are, and how it was chosen.

    weight: float32 (classes, channels).  bias: float32 (classes,).  strength: of the L2 penalty.
    accuracy: on the part that was held out when the strength was chosen, of so many images.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float
    accuracy: float
    held_out: int


def embeddings(
    student: Learner, samples: Sequence[Sample], batch_size: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What goes into a student's last layer, (n, channels), and the labels, in the list's order.

    It sees the centre views in evaluation mode, and its numbers are exact.
    """
    options = ReadOptions(mirror=False, views=CENTRE)
    loader = Loader(samples, batch_size=batch_size, seed=0, read_options=options)
    loader.renderings = {student.preprocessing.rendering(None)}
    layer, found, labels = student.embedding_blob, [], []
    with closing(loader.batches(0, training=False)) as batches:
        for batch in batches:
            images = ImageTensor(batch, student.engine)
            content = student.feature_of(images, layer, reduced=False)
            features = FeatureTensor(content, student.engine, student, images, layer)
            found.append(student.engine.numpy(features.pooled))
            labels += [sample.label for sample in batch.samples]
    return np.concatenate(found), np.array(labels, np.int64)


def fit_probe(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int
) -> FittedProbe:
    """The probe of embeddings (n, channels) with labels (n,).

    A tenth, drawn by the seed, is held out while the strength is chosen. Then all are fitted. The
    standardisation of the embeddings is folded into weight and bias.
    """
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(features))
    held, rest = np.split(order, [max(1, len(order) // HELD_OUT)])
    accuracies = []
    for weight, bias in _folded(features[rest], labels[rest], classes, STRENGTHS):
        predicted = (features[held] @ weight.T + bias).argmax(1)
        accuracies.append(float((predicted == labels[held]).mean()))
    best = int(np.argmax(accuracies))
    *_, (weight, bias) = _folded(features, labels, classes, STRENGTHS[: best + 1])
    return FittedProbe(weight, bias, STRENGTHS[best], accuracies[best], len(held))


def _folded(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    strengths: Sequence[float],
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """For each strength weight and bias of the embeddings as they are, fitted standardised."""
    from deelish.engines.torch.logistic import regressions

    statistics = Standardisation(features.shape[1])
    statistics.add(features, ALONE)
    made = []
    for weight, bias in regressions(statistics(features), labels, classes, strengths):
        plain = weight / statistics.deviation
        shifted = bias - plain @ statistics.mean
        made.append((plain.astype(np.float32), shifted.astype(np.float32)))
    return made
