"""The verb AddNoise: images for a network that learns to remove noise."""

from __future__ import annotations

from deelish.common.arguments import checked_call
from deelish.images.in_memory import ImagesLike
from deelish.language.session import current_session
from deelish.network.noisy import NoisyImages, checked_deviation
from deelish.network.tensors import Tensor


@checked_call()
def AddNoise(x: Tensor | ImagesLike, deviation: float = 0.5) -> NoisyImages:
    """The images with normal noise on their pixels, clipped to the pixels' range.

    In a workout ``net.forward(AddNoise(x))`` shows a network the noisy images, and
    ``net.backprop(x, loss="binary_cross_entropy")`` has it learn the clean ones. Each batch has
    noise of its own, which follows from the seed; all networks see the same.

    Args:
        x: images.
        deviation: the standard deviation, as a fraction of the range of pixels.

    Raises:
        DataError: `x` holds no images, or a deviation that is not above 0.

    >>> AddNoise(Input("cat.jpg"), 0.1)
    NoisyImages, shape (1, 3, 16, 16)
    """
    session = current_session()
    images, trainer = session.images("AddNoise", x), session.trainer
    part = 0 if trainer is None else 1 if trainer.training else 2
    seed = session.seed_for(5, session.counts.updates, part, session.engine.group.rank)
    return NoisyImages(images, checked_deviation(deviation), seed)
