"""How an experiment trains: batch size, epochs, views and learning rate, by stated rules."""

from __future__ import annotations

from dataclasses import dataclass

# A training shows so many views in all, as few images need many epochs, within these bounds.
VIEWS_SHOWN, EPOCHS = 15_000, (30, 300)
# The batches of a CPU and of a GPU; few images make them smaller, as an epoch has updates too.
BATCH = {False: 32, True: 128}
LEAST_BATCH, UPDATES = 8, 5
# The views of an image of which the teacher's logits are cached.
VIEWS = (2, 16)
# AdamW's learning rate of new weights, and of published ones, which are near to a good place.
FROM_SCRATCH, PRETRAINED = 1e-3, 3e-4


@dataclass(frozen=True)
class Settings:
    """The numbers of a training, under the names of InputBatch and BatchTrain."""

    batch_size: int
    epochs: int
    views: int
    lr: float

    def report(self) -> str:
        """The numbers in a line."""
        return (
            f"training: batches of {self.batch_size}, {self.epochs} epochs, {self.views} views of"
            f" an image, learning rate {self.lr:g} (AdamW, cosine)"
        )


def settings(
    images: int, *, pretrained: bool, gpu: bool = False, epochs: int | None = None
) -> Settings:
    """The settings for so many training images.

    Args:
        images: how many.
        pretrained: whether the student begins with published weights.
        gpu: whether it trains on a GPU.
        epochs: how many the user asked for, or None.
    """
    count = epochs or _within(round(VIEWS_SHOWN / images), *EPOCHS)
    batch = BATCH[gpu]
    while batch > LEAST_BATCH and batch * UPDATES > images:
        batch //= 2
    views = min(count, _within(VIEWS_SHOWN // images, *VIEWS))
    lr = PRETRAINED if pretrained else FROM_SCRATCH
    return Settings(batch, count, views, lr)


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(most, value))
