"""Names of classes, compared as people write them: case, WordNet's number, synonyms."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

WORDNET = re.compile(r"^(n\d{8})(?:[\s_:,-]+|$)")


@dataclass(frozen=True)
class ClassName:
    """A class name for comparison: WordNet's number, the whole name, and its synonyms."""

    number: str
    whole: str
    synonyms: frozenset[str]

    @classmethod
    def of(cls, text: str) -> ClassName:
        """``"n01440764 tench, Tinca tinca"`` -> n01440764; the whole; tench and tinca tinca."""
        found = WORDNET.match(text.strip().lower())
        rest = text.strip().lower()[found.end() if found else 0 :]
        parts = [" ".join(part.replace("_", " ").split()) for part in rest.split(",")]
        named = frozenset(part for part in parts if part)
        return cls(found[1] if found else "", ", ".join(part for part in parts if part), named)


class ClassNames:
    """The names of classes in their order, in which another spelling of one is found."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        # Indices by WordNet's number, by the whole name, and by synonym.
        self._keys: tuple[dict[str, list[int]], ...] = ({}, {}, {})
        for index, text in enumerate(names):
            name = ClassName.of(text)
            groups = ([name.number], [name.whole], name.synonyms)
            for table, keys in zip(self._keys, groups, strict=True):
                for key in keys:
                    if key:
                        table.setdefault(key, []).append(index)

    def indices(self, text: str) -> list[int]:
        """The classes that a name may mean, by the most reliable key that finds any."""
        name = ClassName.of(text)
        numbers, wholes, synonyms = self._keys
        if name.number in numbers:
            return numbers[name.number]
        if name.whole in wholes:
            return wholes[name.whole]
        return sorted({index for key in name.synonyms for index in synonyms.get(key, ())})

    def nearest(self, text: str, count: int) -> list[str]:
        """The names that are spelled most like it; none where no one is."""
        keys = self._keys[2]
        near = difflib.get_close_matches(ClassName.of(text).whole, keys, count)
        return list(dict.fromkeys(self._names[keys[key][-1]] for key in near))
