"""Sequences on an engine: each network gets them in its own format, padded in front."""

from __future__ import annotations

from html import escape
from typing import Any, Protocol, TypeAlias

import numpy as np

from deelish.common.checks import is_number
from deelish.common.html import preformatted, quietly
from deelish.common.printing import say
from deelish.engines import Engine
from deelish.errors import DataError
from deelish.images.figures import MOST_IMAGES
from deelish.network.inputs import InputTensor, ReadingNetwork
from deelish.network.tensors import LabelTensor
from deelish.network.viewing import Viewing
from deelish.plan.sequence_format import CONT, DATA, Padded, SequenceFormat, Steps

SequenceLike: TypeAlias = "str | np.ndarray"


class Sequences(Protocol):
    """Sequences that can be had in any format: a batch of a dataset, or those of the prompt."""

    form: SequenceFormat
    size: int

    def steps(self, form: SequenceFormat) -> list[Steps]:
        """The steps of each sequence in the format of a network."""

    def __len__(self) -> int:
        """How many sequences."""


class SequenceTensor(InputTensor):
    """Sequences that each network reads in its own format."""

    def __init__(
        self,
        sequences: Sequences,
        engine: Engine,
        labels: LabelTensor | None = None,
        viewing: Viewing | None = None,
    ) -> None:
        super().__init__(engine, labels, viewing)
        self.sequences = sequences
        self._padded: dict[SequenceFormat, Padded] = {}

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def noun(self) -> str:  # type: ignore[override]
        """What a row of logits is of."""
        return "step" if self.sequences.form.next_token else "sequence"

    @property
    def rows(self) -> int:
        """How many targets: one for each sequence, or for each token."""
        return self.sequences.size

    def padded(self, form: SequenceFormat) -> Padded:
        """The sequences in the format of a network."""
        if form not in self._padded:
            self._padded[form] = form.padded(self.sequences.steps(form))
        return self._padded[form]

    def inputs_of(self, network: ReadingNetwork) -> dict[str, Any]:
        """data (time, n) or (time, n, fields), and cont (time, n), as the engine's tensors.

        Raises:
            DataError: the network reads images, or sequences of another format.
        """
        made = self.padded(_format_of(network, self))
        engine = network.engine
        return {DATA: engine.array(made.data), CONT: engine.array(made.cont)}

    def rows_of(self, scores: Any, network: ReadingNetwork) -> Any:
        """(n, classes); where it gives the next token, (tokens, classes) of each step."""
        if _format_of(network, self).next_token:
            return self.features_of(scores, network)
        return super().rows_of(scores, network)

    def features_of(self, content: Any, network: ReadingNetwork) -> Any:
        """What a layer made: (n, ...); of each step (tokens, ...), without the padding."""
        real = self.padded(_format_of(network, self)).real
        shape = tuple(content.shape)
        if len(shape) < 3 or shape[:2] != real.shape:
            return content
        flat = content.reshape((real.size, *shape[2:]))
        return network.engine.take(flat, np.flatnonzero(real))

    @property
    def value(self) -> np.ndarray:
        """The steps, padded in front: (time, n) or (time, n, fields), in the list's format."""
        return self.padded(self.sequences.form).data

    def show(self) -> None:
        """Print the sequences."""
        form = self.sequences.form
        for steps in self.sequences.steps(form):
            say(form.text(steps) if form.is_text else str(steps))

    @quietly
    def _repr_html_(self) -> str:
        """The first sequences, for a notebook."""
        form = self.sequences.form
        shown = self.sequences.steps(form)[:MOST_IMAGES]
        lines = (form.text(steps) if form.is_text else str(steps) for steps in shown)
        left = len(self) - len(shown)
        more = f"<div>and {left} more</div>" if left else ""
        return f"<div>{escape(repr(self))}</div>{''.join(map(preformatted, lines))}{more}"


class GivenSequences:
    """Sequences that a script gives directly, in the format of one network.

    Raises:
        DataError: there is none, or one that is no text, or no array (time, fields).
    """

    def __init__(self, given: Any, form: SequenceFormat, name: str) -> None:
        self.form = form
        given = list(given) if _are_many(given) else [given]
        if not given:
            raise DataError(f"{name}: an empty list; give at least one sequence")
        self._steps = [self._one(each, name) for each in given]
        self.size = sum(form.targets_of(len(steps)) for steps in self._steps)

    def _one(self, given: Any, name: str) -> Steps:
        form = self.form
        try:
            if form.is_text and isinstance(given, str):
                return form.steps([given])
            if not form.is_text and not isinstance(given, str):
                return form.checked(_array(given, form.fields))
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        needed = "a text" if form.is_text else f"an array (time, {form.fields})"
        raise DataError(
            f"{name}: reads sequences of {form.tokens}, and got {type(given).__name__}; give"
            f" {needed}, or a list of such"
        )

    def steps(self, form: SequenceFormat) -> list[Steps]:
        """The steps of each sequence.

        Raises:
            DataError: another format than that of the network that they were given to.
        """
        if form != self.form:
            raise DataError(
                "these sequences are in the format of another network; give them to this one"
            )
        return self._steps

    def __len__(self) -> int:
        return len(self._steps)


def _are_many(given: Any) -> bool:
    """Whether it is several sequences; a list of numbers is one."""
    if isinstance(given, np.ndarray):
        return given.ndim == 3
    return isinstance(given, list | tuple) and not (given and all(map(is_number, given)))


def _array(given: Any, fields: int) -> Steps:
    try:
        values = np.asarray(given, np.float32)
    except (TypeError, ValueError):
        raise DataError(
            f"a {type(given).__name__} holds no numbers; give an array (time, {fields})"
        ) from None
    if values.ndim == 1 and fields == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2 or values.shape[1] != fields:
        raise DataError(f"a sequence is {values.shape}; give (time, {fields}), a row a step")
    if not np.isfinite(values).all():
        raise DataError("a sequence holds NaN or infinity; give finite numbers")
    return values


def _format_of(network: ReadingNetwork, tensor: SequenceTensor) -> SequenceFormat:
    """The format of a network, if it may read these sequences."""
    form, own = network.sequences, tensor.sequences.form
    if form is None:
        raise DataError(
            f"{network.name}: reads images, and these are sequences; make it with"
            " sequences=data.sequences, where data is what InputBatch returns"
        )
    # Where each token has its logits, words and characters are not as many.
    same = form.tokens == own.tokens if own.next_token else form.is_text == own.is_text
    if not same or form.next_token != own.next_token:
        raise DataError(
            f"{network.name}: reads {_described(form)}, and these are {_described(own)}; make it"
            " with sequences=data.sequences, where data is what InputBatch returns"
        )
    return form


def _described(form: SequenceFormat) -> str:
    targets = " with the next one at each step" if form.next_token else ""
    return f"sequences of {form.tokens}{targets}"
