"""A plan as a chainer.Chain: one child link a layer that has weights, under the layer's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers import OPS
from deelish.engines.chainer.names import NAMES
from deelish.engines.custom import custom
from deelish.engines.runner import Runner
from deelish.engines.trainable import Trainable, trainable_arrays
from deelish.plan.kind import Blob, Blobs
from deelish.plan.plan import Plan

chainer = import_chainer()


class LayerLink(chainer.Link):  # type: ignore[misc, name-defined]
    """The weights of one layer: parameters where they are trainable, else persistent arrays.

    They have Chainer's names, W and b. Layers read them by Caffe's names, shared ones from their
    owner.
    """

    def __init__(self) -> None:
        super().__init__()
        self._arrays: dict[str, tuple[Any, str, Any]] = {"bias": (None, "", None)}

    def hold(self, name: str, blob: Blob, values: np.ndarray) -> None:
        """Hold a copy of an array."""
        held, own = np.array(values, np.float32), NAMES.get(name, name)
        if blob.trainable:
            with self.init_scope():
                setattr(self, own, chainer.Parameter(held))
        else:
            self.add_persistent(own, held)
        self._arrays[name] = (self, own, None)

    def share(self, name: str, blob: Blob, owner: LayerLink, owned: str) -> None:
        """Use another layer's array, in a shape of its own."""
        # Not registered here: Chainer would update it once for each link that holds it.
        self._arrays[name] = (owner, owned, blob.shape)

    def __getattr__(self, name: str) -> Any:
        arrays = self.__dict__.get("_arrays", {})
        if name not in arrays:
            raise AttributeError(name)
        owner, held, shape = arrays[name]
        if owner is None:
            return None
        value = getattr(owner, held)
        return value if shape is None or value.shape == shape else value.reshape(shape)


class PlanChain(chainer.Chain):  # type: ignore[misc, name-defined]
    """Runs a plan. ``chain(x)`` gives the logits; ``chain(inputs, wanted)`` any blobs.

    Where Chainer's configuration says train, the layers of phase TRAIN run and dropout is drawn
    from `generator`.
    """

    def __init__(
        self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]], generator: Any
    ) -> None:
        super().__init__()
        self.plan = plan
        self.generator = generator
        # Whether codes are drawn outside of training too, as for the loss in validation.
        self.sampled = False
        self._links: dict[str, LayerLink] = {}
        for layer, blobs in plan.weights.items():
            link = self._link(layer, blobs, values.get(layer, {}))
            self._links[layer] = link
            self.add_link(self._free_name(layer), link)
        self._runner = Runner(plan, _op_of, self._links.get)

    def _link(self, layer: str, blobs: Blobs, values: Mapping[str, np.ndarray]) -> LayerLink:
        link = LayerLink()
        for name, blob in blobs.items():
            owner, owned = self.plan.owners.get((layer, name), (layer, name))
            if owner == layer:
                link.hold(name, blob, values[name])
            else:
                link.share(name, blob, self._links[owner], owned)
        return link

    def _free_name(self, layer: str) -> str:
        """The layer's name, where the chain has no attribute of that name."""
        name = layer
        while hasattr(self, name):
            name += "_"
        return name

    def weights_of(self, layer: str) -> Any:
        """The link that holds a layer's weights, or None."""
        return self._links.get(layer)

    def trainable(self) -> list[Trainable]:
        """The trainable parameters with Caffe's multipliers of learning rate and decay.

        Raises:
            TrainingError: every lr_mult is 0.
        """
        return [
            Trainable(layer, getattr(self.weights_of(layer), blob), lr_mult, decay_mult)
            for layer, blob, lr_mult, decay_mult in trainable_arrays(self.plan)
        ]

    def forward(self, inputs: Any, wanted: Iterable[str] | None = None) -> Any:
        """Logits (n, classes) of one variable, or {blob: variable} for inputs and blobs by name."""
        if not isinstance(inputs, Mapping):
            inputs = {self.plan.data: inputs}
        names = [self.plan.logits] if wanted is None else wanted
        blobs = {name: chainer.as_variable(values) for name, values in inputs.items()}
        generator = self.generator if chainer.config.train else None
        sampler = self.generator if chainer.config.train or self.sampled else None
        outputs = self._runner.run(blobs, names, generator, self.device, sampler)
        if wanted is not None:
            return outputs
        logits = outputs[self.plan.logits]
        return logits.reshape((logits.shape[0], -1))


def _op_of(type: str) -> Any:
    return OPS.get(type) or custom("chainer", type)
