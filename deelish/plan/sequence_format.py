"""How sequences become a network's input: numbers, words or characters, and the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deelish.common.checks import is_count
from deelish.common.suggestions import nearest
from deelish.errors import DataError

NUMBERS, WORDS, CHARACTERS = "numbers", "words", "characters"
TOKENS = (NUMBERS, WORDS, CHARACTERS)
# The inputs of a network that reads sequences, as Caffe's recurrent networks name them.
DATA, CONT = "data", "cont"
# The token with which a text begins and ends where the next token is learnt; lines hold none.
BREAK = "\n"
# A token of this name in a vocabulary stands for all that are not in it.
UNKNOWN = "<unk>"

LARGEST = float(np.finfo(np.float32).max)

# One sequence: float32 (time, fields), or ids int64 (time,).
Steps = NDArray[Any]


class NextTokens(NamedTuple):
    """The targets of sequences, in the order of the steps that are no padding.

    ids: int64 (tokens,).  columns: int64 (tokens,), the index of the sequence that each is of.
    steps: int64 (tokens,), which step of it, from 0.
    """

    ids: NDArray[np.int64]
    columns: NDArray[np.int64]
    steps: NDArray[np.int64]


class Padded(NamedTuple):
    """Sequences as a network's input, time first; the shorter ones are padded in front.

    data: float32 (time, n, fields), or ids (time, n).
    cont: float32 (time, n): 0 in the padding and at the first step of a sequence, 1 at the others.
    real: bool (time, n): whether it is no padding.
    """

    data: NDArray[np.float32]
    cont: NDArray[np.float32]
    real: NDArray[np.bool_]


@dataclass(frozen=True)
class SequenceFormat:
    """What a network makes of a sequence.

    Attributes:
        tokens: what a step is: "numbers", a word of "words", or one of "characters".
        fields: how many numbers a step has; 1 for tokens.
        vocabulary: the tokens; each one's index is its id. Empty for numbers.
        next_token: whether the network gives the next token at each step. Then its input begins
            with a line break, and the target of the last step is one.
        max_length: the most steps of a sequence; None where there is no bound.

    Raises:
        DataError: a value that cannot be.
    """

    tokens: str = NUMBERS
    fields: int = 1
    vocabulary: tuple[str, ...] = ()
    next_token: bool = False
    max_length: int | None = None

    def __post_init__(self) -> None:
        if self.tokens not in TOKENS:
            raise DataError(
                f"tokens={self.tokens!r}: it is {NUMBERS!r}, {WORDS!r} or {CHARACTERS!r}"
            )
        if not is_count(self.fields):
            raise DataError(f"sequences: fields is {self.fields!r}; give a whole number above 0")
        if self.max_length is not None and not is_count(self.max_length):
            raise DataError(
                f"max_length={self.max_length!r}: give the most steps of a sequence, a whole number"
                " above 0"
            )
        self._check_vocabulary()

    def _check_vocabulary(self) -> None:
        seen: dict[str, int] = {}
        for number, token in enumerate(self.vocabulary, 1):
            if not isinstance(token, str) or not token:
                raise DataError(f"vocabulary: entry {number} is {token!r}; give a text for each")
            if seen.setdefault(token, number) != number:
                raise DataError(
                    f"vocabulary: entry {number}, {token!r}, is also entry {seen[token]}; give each"
                    " token once"
                )
        if self.is_text and not self.vocabulary:
            raise DataError("vocabulary: it is empty; give the tokens, or leave it out")
        if self.next_token and BREAK not in seen:
            raise DataError(
                "vocabulary: it lacks the line break, with which texts begin and end where the next"
                " token is learnt; give ['\\n', ...], or in a file an empty first line"
            )

    @property
    def is_text(self) -> bool:
        """Whether a step is a token, and no numbers."""
        return self.tokens != NUMBERS

    @property
    def noun(self) -> str:
        """What a network predicts for: each sequence, or each token."""
        return "tokens" if self.next_token else "sequences"

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """The inputs of a plan that reads such sequences, for one step of one."""
        return {DATA: (1, 1) if self.is_text else (1, 1, self.fields), CONT: (1, 1)}

    def __hash__(self) -> int:
        # Batches look up steps by their format, whose vocabulary may be long.
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.tokens, self.fields, self.vocabulary, self.next_token, self.max_length))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.vocabulary)}

    # One sequence

    def steps(self, texts: Sequence[str]) -> Steps:
        """The steps of one sequence, from the texts of its fields.

        Raises:
            DataError: an empty sequence, one that is too long, a token that is not in the
                vocabulary, what is no number, or another number of fields; it says no place.
        """
        if len(texts) != self.fields:
            raise DataError(f"there are {len(texts)} fields where {self.fields} are needed")
        made = self._tokens(texts[0]) if self.is_text else _numbers(texts)
        return self.checked(made)

    def checked(self, steps: Steps) -> Steps:
        """The steps, if there are some and not too many."""
        if not len(steps):
            raise DataError("the sequence is empty; give it one step or more")
        if self.max_length is not None and len(steps) > self.max_length:
            raise DataError(
                f"the sequence has {len(steps)} steps, and max_length= allows {self.max_length};"
                " cut it, or raise max_length="
            )
        return steps

    def _tokens(self, text: str) -> Steps:
        known, found = self._ids, []
        for token in tokens_of(text, self.tokens):
            index = known.get(token, known.get(UNKNOWN))
            if index is None:
                words = [word for word in known if word.isprintable()]
                near = f" ({nearest(token, words)})" if self.tokens == WORDS and words else ""
                raise DataError(
                    f"the token {token!r} is not in the vocabulary of {len(known)}{near}; give a"
                    f" vocabulary= that has it, or has {UNKNOWN!r} for all others"
                )
            found.append(index)
        return np.array(found, np.int64)

    def text(self, steps: Steps) -> str:
        """The text of some steps."""
        between = " " if self.tokens == WORDS else ""
        return between.join(self.vocabulary[step] for step in steps)

    # Several of them

    def padded(self, sequences: Sequence[Steps]) -> Padded:
        """The network's input for some sequences."""
        if self.next_token:
            sequences = [np.concatenate([self._break, steps]) for steps in sequences]
        data, real = _padded(sequences)
        follows = np.zeros_like(real)
        follows[1:] = real[:-1]
        return Padded(data.astype(np.float32), (real & follows).astype(np.float32), real)

    def next_tokens(self, sequences: Sequence[Steps]) -> NextTokens:
        """The next token at each step that is no padding."""
        data, real = _padded([np.concatenate([steps, self._break]) for steps in sequences])
        times, columns = np.nonzero(real)
        return NextTokens(data[real], columns, times - real.argmax(0)[columns])

    def targets_of(self, length: int) -> int:
        """How many targets a sequence of so many steps has: one, or each step and one more."""
        return length + 1 if self.next_token else 1

    @property
    def _break(self) -> Steps:
        return np.array([self._ids[BREAK]], np.int64)

    # Files

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "vocabulary": list(self.vocabulary)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SequenceFormat:
        """The format that `to_dict` gave, checked again."""
        known = {field.name: values[field.name] for field in fields(cls)}
        return cls(**{**known, "vocabulary": tuple(known["vocabulary"])})


def tokens_of(text: str, tokens: str) -> list[str]:
    """The tokens of a text: its characters, or its words between spaces."""
    return list(text) if tokens == CHARACTERS else text.split()


def vocabulary_of(texts: Iterable[str], tokens: str) -> tuple[str, ...]:
    """The line break, and each token of the texts in the order of their code points."""
    found = {token for text in texts for token in tokens_of(text, tokens)}
    return (BREAK, *sorted(found - {BREAK}))


def _numbers(texts: Sequence[str]) -> Steps:
    columns = [[_number(text) for text in field.split()] for field in texts]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        counts = " and ".join(str(len(column)) for column in columns)
        raise DataError(f"its fields have {counts} numbers; give each field one for each step")
    return np.array(columns, np.float32).T.reshape(-1, len(columns))


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DataError(
            f"{text[:40]!r} is no number; give numbers, or pass tokens={WORDS!r} or"
            f" tokens={CHARACTERS!r}"
        ) from None
    if not abs(value) <= LARGEST:
        raise DataError(f"{text[:40]!r} is no finite number of 32 bits; correct it")
    return value


def _padded(sequences: Sequence[Steps]) -> tuple[Steps, NDArray[np.bool_]]:
    """Sequences side by side, time first, with zeros in front of the shorter ones; what is real."""
    longest, count = max(map(len, sequences)), len(sequences)
    data = np.zeros((longest, count, *sequences[0].shape[1:]), sequences[0].dtype)
    real = np.zeros((longest, count), np.bool_)
    for column, steps in enumerate(sequences):
        first = longest - len(steps)
        data[first:, column] = steps
        real[first:, column] = True
    return data, real
