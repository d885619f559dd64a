"""A link of the user's as the Chainer engine trains it: named blobs, seeded dropout, one output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from deelish.engines.chainer.device import drawing_from
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.recording import is_array, recorded, recording
from deelish.engines.inference import Part, logits_of
from deelish.engines.learning import LOGITS
from deelish.engines.trainable import Trainable
from deelish.errors import TrainingError

chainer = import_chainer()

_NORMS = (chainer.links.BatchNormalization, chainer.links.DecorrelatedBatchNormalization)


class AdoptedChain(chainer.Chain):  # type: ignore[misc, name-defined]
    """Runs a link of the user's as a network of rows is run.

    Args:
        title: what errors call it.
        link: the user's own; it is trained itself, and no copy of it. It is `module`.
        generator: the engine's, from which the seed of dropout is drawn.
        output: which part of its output the logits are, where it makes several.
    """

    def __init__(self, title: str, link: Any, generator: Any, output: Part = None) -> None:
        super().__init__()
        self.title, self.generator, self.output = title, generator, output
        own = link.name
        with self.init_scope():
            self.module = link
        # To be a part of this chain gave it another name.
        link.name = own

    def forward(self, inputs: Any, names: Iterable[str] = (LOGITS,)) -> Any:
        """Logits (n, classes) of one variable, or {name: variable} for inputs and links by name."""
        alone = not isinstance(inputs, Mapping)
        values = chainer.as_variable(inputs if alone else next(iter(inputs.values())))
        layers = [name for name in names if name != LOGITS]
        with (
            recording(self.title, self.module, layers) as outputs,
            self._drawing(),
            self._norms(len(values)),
        ):
            made = self.module(values)
        logits = chainer.as_variable(logits_of(self.title, made, is_array, self.output))
        if alone:
            return logits
        found = {name: recorded(self.title, name, outputs) for name in layers}
        return {
            **{name: chainer.as_variable(value) for name, value in found.items()},
            LOGITS: logits,
        }

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """In training, draw from a seed of the engine's; the global generators stay as they are."""
        if not chainer.config.train:
            yield
            return
        with drawing_from(self.device, int(self.generator.integers(0, 2**32))):
            yield

    def _norms(self, count: int) -> AbstractContextManager[Any]:
        """BatchNormalization of one image has no statistics: it takes its running ones."""
        return _RunningStatistics() if chainer.config.train and count == 1 else nullcontext()

    def trainable(self) -> list[Trainable]:
        """Its trainable parameters, each with 1 and what its weight decay is multiplied by.

        As in timm, biases and the scales of normalisation, which have one axis, have none. The
        layer of a parameter is the link that holds it; one of the link itself has its own name.

        Raises:
            TrainingError: there is none.
        """
        found = [
            Trainable(_layer_of(path), value, 1.0, float(value.ndim > 1))
            for path, value in self.module.namedparams()
            if value.requires_grad
        ]
        if not found:
            raise TrainingError(
                f"{self.title}: has no parameter with requires_grad, so that nothing would be"
                " trained; give a chain with links that learn"
            )
        return found


def _layer_of(path: str) -> str:
    """The link of a parameter by its path: "/block/0/conv/W" is in "block.0.conv"."""
    *links, own = path.strip("/").split("/")
    return ".".join(links) or own


class _RunningStatistics(chainer.LinkHook):  # type: ignore[misc, name-defined]
    """Within a `with` block normalisations run as in inference, and all else as in training."""

    name = "deelish running statistics"

    def forward_preprocess(self, args: Any) -> None:
        if isinstance(args.link, _NORMS):
            chainer.config.train = False

    def forward_postprocess(self, args: Any) -> None:
        if isinstance(args.link, _NORMS):
            chainer.config.train = True
