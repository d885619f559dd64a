"""A dataset of sequences: what InputBatch found in .tsv files, for training and for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deelish.common.checks import is_count
from deelish.common.printing import say
from deelish.common.suggestions import nearest
from deelish.errors import DataError
from deelish.images.class_folders import ClassFolders, NamedClasses
from deelish.images.dataset import Dataset, check_counts
from deelish.images.lists import read_text
from deelish.plan.sequence_format import BREAK, NUMBERS, SequenceFormat, vocabulary_of
from deelish.sequences.lines import Line, SequenceSample, read_lines
from deelish.sequences.loader import SequenceLoader

Source = str | Path
Vocabulary = str | Path | Sequence[str]


@dataclass(frozen=True)
class SequenceChoices:
    """The choices of InputBatch for sequences, under its names."""

    batch_size: int = 32
    tokens: str = NUMBERS
    max_length: int | None = None
    views: int | str | None = None
    top: int | None = None

    @property
    def crop(self) -> None:
        """No crop fraction: that is of images."""
        return None


class SequenceDataset:
    """Training and validation sequences, checked, as loaders of batches.

    Attributes:
        choices: the choices of InputBatch.
        sequences: the format; a network that reads these sequences is made with it.
        classes: one more than the highest label; of next tokens the size of the vocabulary.
        folders: the names of the classes where the labels are names, else None.
        train, val: the loaders; val is None without validation sequences.
    """

    def __init__(
        self,
        train: Source,
        val: Source | None,
        choices: SequenceChoices,
        vocabulary: Vocabulary | None,
        seed: int,
    ) -> None:
        check_counts(choices.batch_size, choices.top)
        if choices.views is not None and not (is_count(choices.views) and choices.views == 1):
            raise DataError(
                f"InputBatch(views={choices.views!r}): a sequence has one view; give 1 to cache"
                " teachers' logits, or leave views= out"
            )
        lines = read_lines(train)
        val_lines = [] if val is None else read_lines(val)
        self.choices = choices
        self.sequences = _format(lines, choices, vocabulary)
        self.folders = _named_classes(lines)
        found = [_samples(part, lines[0], self.folders) for part in (lines, val_lines)]
        _report_shared(*found)
        labels = [sample.label for sample in found[0] if sample.label is not None]
        self.classes = max(labels, default=-1) + 1
        if self.sequences.next_token:
            self.classes = len(self.sequences.vocabulary)
        self.train = self._loader(found[0], seed)
        self.val = self._loader(found[1], seed) if found[1] else None

    def _loader(self, samples: Sequence[SequenceSample], seed: int) -> SequenceLoader:
        size = self.choices.batch_size
        recorded = self.choices.views is not None
        return SequenceLoader(
            samples, self.sequences, batch_size=size, seed=seed, recorded=recorded
        )

    @property
    def noun(self) -> str:
        """What is counted in a training: sequences, or where the next one is learnt tokens."""
        return self.sequences.noun

    @property
    def loaders(self) -> list[SequenceLoader]:
        """The loader of the training sequences, and that of the validation sequences."""
        return [self.train] if self.val is None else [self.train, self.val]

    @property
    def counts(self) -> tuple[int, int]:
        """How many rows of logits the training and the validation sequences have."""
        return self.train.size, 0 if self.val is None else self.val.size

    def __repr__(self) -> str:
        val = f", {len(self.val.samples):,} for validation" if self.val else ""
        form = self.sequences
        known = f" of a vocabulary of {len(form.vocabulary):,}" if form.is_text else ""
        return (
            f"{len(self.train.samples):,} sequences of {form.tokens}{known} for training{val},"
            f" batches of {self.choices.batch_size}"
        )


# What InputBatch names.
AnyDataset = Dataset | SequenceDataset


def _format(
    lines: Sequence[Line], choices: SequenceChoices, vocabulary: Vocabulary | None
) -> SequenceFormat:
    """The format of a list, whose vocabulary is the given one, or that of its texts."""
    tokens, length, first = choices.tokens, choices.max_length, lines[0]
    if tokens == NUMBERS:
        if vocabulary is not None:
            raise DataError(
                "InputBatch(vocabulary=...): sequences of numbers have none; pass tokens='words' or"
                " tokens='characters', or leave it out"
            )
        return SequenceFormat(NUMBERS, len(first.fields), max_length=length)
    if len(first.fields) > 1:
        raise DataError(
            f"{first.where}: has {len(first.fields)} fields before its label, and a text is one;"
            " take the other tabs out"
        )
    # An unknown word of tokens= is refused before all texts are cut by it.
    SequenceFormat(tokens, 1, (BREAK,), max_length=length)
    if vocabulary is None:
        known = vocabulary_of((line.fields[0] for line in lines), tokens)
    else:
        known = _given(vocabulary)
    return SequenceFormat(tokens, 1, known, first.label is None, length)


def _given(vocabulary: Vocabulary) -> tuple[str, ...]:
    """The tokens of a file with one a line, whose empty first line is the line break; or a list."""
    if not isinstance(vocabulary, str | Path):
        return tuple(vocabulary)
    lines = read_text(vocabulary).removesuffix("\n").split("\n")
    return (lines[0] or BREAK, *lines[1:])


def labelled_samples(source: Source, known: NamedClasses | None) -> list[SequenceSample]:
    """The sequences of a list; labels that are names are found among those of a network.

    Raises:
        DataError: a label is no class of the network.
    """
    lines = read_lines(source)
    names = _named_classes(lines)
    if names is not None and known is not None:
        order = names.order_for(known)
        if order is None:
            raise DataError(
                f"{source}: none of its {len(names.numbers)} labels is a class of {known.owner}:"
                f" {names.listed}"
            )
        numbers = {name: int(order[number]) for name, number in names.numbers.items()}
        names = replace(names, numbers=numbers)
    return _samples(lines, lines[0], names)


def _named_classes(lines: Sequence[Line]) -> ClassFolders | None:
    """The names of the classes, numbered by the alphabet; None where labels are numbers."""
    labels = {line.label for line in lines if line.label}
    if not labels or lines[0].is_numbered:
        return None
    numbers = {name: number for number, name in enumerate(sorted(labels))}
    return ClassFolders(lines[0].source, numbers, noun="label")


def _samples(
    lines: Sequence[Line], first: Line, names: ClassFolders | None
) -> list[SequenceSample]:
    """The lines of a list with numbers as labels; they are of the kind of the first line."""
    for line in lines:
        line.check_alike(first)
    return [
        SequenceSample(line.fields, line.source, line.line, _number(line, names)) for line in lines
    ]


def _number(line: Line, names: ClassFolders | None) -> int | None:
    """The number of a line's class; None where it has none."""
    if not line.label:
        return None
    if names is None:
        return int(line.label)
    if line.label not in names.numbers:
        raise DataError(
            f"{line.where}: its label {line.label!r} is none of {len(names.numbers)} known ones;"
            f" {nearest(line.label, names.numbers)}"
        )
    return names.numbers[line.label]


def _report_shared(train: Sequence[SequenceSample], val: Sequence[SequenceSample]) -> None:
    """Print how many validation sequences are for training, too: short texts may well be."""
    seen = {sample.fields: sample for sample in reversed(train)}
    shared = [sample for sample in val if sample.fields in seen]
    if shared:
        first = shared[0]
        say(
            f"{len(shared):,} of {len(val):,} validation sequences are also for training, the first"
            f" {first.where} ({seen[first.fields].where})"
        )
