"""Damaged Caffe files, each given by a seed and a number, and what may come of opening them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from fuzz import binary, plain, text
from fuzz.plain import Means, Mutator
from fuzz.seeds import Seed

from deelish.errors import CaffeError, DeelishError, FileError, PlanError
from deelish.formats.caffe.network import NetOptions, OpenedNet, open_net
from deelish.formats.caffe.schema import BLOB, NET
from deelish.formats.match import Allowed

# A second at rest; a busy machine takes several times as long, and what hangs takes for ever.
SECONDS = 5
# How many of a hundred mutants are of each kind.
_SHARES = {"caffemodel": 60, "prototxt": 25, "hdf5": 8, "mean": 7}
MUTATORS: dict[str, tuple[Mutator, ...]] = {
    "caffemodel": binary.MUTATORS,
    "prototxt": text.MUTATORS,
    "hdf5": plain.MUTATORS,
    "mean": binary.MUTATORS,
}
# The outermost message of a binary file.
TABLES = {"caffemodel": NET, "prototxt": NET, "hdf5": NET, "mean": BLOB}
_NAMES = {"weights": "net.caffemodel", "definition": "net.prototxt", "mean": "mean.binaryproto"}
# What ends a line, or makes a terminal do something else than print.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e]")
# No sentence of an error is longer, whatever a file calls its layers.
LONGEST_SENTENCE = 10_000


@dataclass(frozen=True)
class Mutant:
    """Files to open a net with, one of them damaged.

    Attributes:
        story: the sound file, and the mutators in order.
        files: contents by what they are to the net: weights, definition or mean.
        wishes: what is said beside them.
    """

    story: str
    files: dict[str, bytes]
    wishes: NetOptions

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))

    def save(self, folder: Path) -> dict[str, Path]:
        """Write the files; their paths."""
        paths = {part: folder / _NAMES[part] for part in self.files}
        for part, path in paths.items():
            path.write_bytes(self.files[part])
        return paths


def mutant(seeds: Sequence[Seed], seed: int, number: int) -> Mutant:
    """The mutant of a number: always the same of the same seeds."""
    rng = Random(f"{seed}/{number}")
    kinds = {each.kind: _SHARES[each.kind] for each in seeds}
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    of_kind = [each for each in seeds if each.kind == kind]
    sound = rng.choice(of_kind)
    means = Means(rng, rng.choice(of_kind).content, TABLES[kind])
    content, story = sound.content, sound.name
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        mutate = rng.choice(MUTATORS[kind])
        content, story = mutate(content, means), f"{story}, {mutate.__name__}"
    return Mutant(story, _files(rng, sound, content), wishes_of(rng))


def _files(rng: Random, sound: Seed, content: bytes) -> dict[str, bytes]:
    """The damaged file, and those that it needs or, by chance, may be opened with."""
    part = {"prototxt": "definition", "mean": "mean"}.get(sound.kind, "weights")
    files = {part: content}
    for other, sound_content in (("weights", sound.weights), ("definition", sound.definition)):
        if sound_content and (sound.kind in ("hdf5", "mean") or rng.random() < 0.3):
            files[other] = sound_content
    return files


def wishes_of(rng: Random) -> NetOptions:
    """What is said beside the files: mostly what CaffeNet takes by default."""
    outputs = rng.choice((None, None, None, 7))
    size = rng.choice((None, None, None, 8, 100))
    missing, nonfinite = rng.random() < 0.2, rng.random() < 0.2
    return NetOptions(outputs, size, allowed=Allowed(outputs is not None, True, missing, nonfinite))


def opened(made: Mutant, folder: Path) -> str:
    """Open a mutant as CaffeNet does.

    Returns:
        The sentence of a refusal; empty where the net was read.

    Raises:
        AssertionError: it was read, but not as a net may be, or refused, but not in a sentence.
        Exception: whatever else went up.
    """
    paths = made.save(folder)
    wishes = made.wishes
    if "mean" in paths:
        wishes = NetOptions(wishes.outputs, wishes.size, paths["mean"], allowed=wishes.allowed)
    try:
        found = open_net(paths.get("weights"), paths.get("definition"), wishes)
    except DeelishError as error:
        check_refusal(error, list(paths.values()))
        return str(error)
    check_net(found, made.size)
    return ""


def check_refusal(error: DeelishError, paths: Sequence[Path]) -> None:
    """AssertionError for an error that is not one sentence about one of the files."""
    sentence = str(error)
    assert isinstance(error, CaffeError | FileError | PlanError), repr(error)
    assert any(str(path) in sentence for path in paths), f"names no file: {sentence}"
    assert not _CONTROL.search(sentence), f"is no one line of text: {sentence!r}"
    assert len(sentence) < LONGEST_SENTENCE, f"has {len(sentence):,} characters: {sentence[:500]}"


def check_net(found: OpenedNet, size: int) -> None:
    """AssertionError for a net whose arrays are not those that its plan and its files have."""
    plan, values = found.plan, found.loaded.values
    for layer, blobs in plan.weights.items():
        for name, blob in blobs.items():
            array = values.get(layer, {}).get(name)
            if array is None:
                assert layer in found.loaded.new or (layer, name) in plan.owners, (layer, name)
            else:
                assert (array.shape, array.dtype) == (blob.shape, np.float32), (layer, name)
    held = {id(array): array.nbytes for blobs in values.values() for array in blobs.values()}
    # The shortest number in text takes two bytes, in memory four.
    assert sum(held.values()) <= 2 * size
