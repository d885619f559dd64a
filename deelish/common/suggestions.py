"""What an error suggests for an unknown name: the nearest known names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

# At most so many names are suggested.
SHOWN = 3
# Where there are no more names than this, all are shown.
FEW = 8
# A name less alike than this is hardly what was meant.
ALIKE = 0.6


def nearest(got: str, known: Iterable[str], words: Mapping[str, str] | None = None) -> str:
    """The end of an error: ``did you mean 'conv1'``.

    Args:
        got: the name that is not known.
        known: the names that are.
        words: names of other libraries, with the known name of each.
    """
    names = list(dict.fromkeys(known))
    ours = (words or {}).get(got)
    if ours in names:
        return f"deelish calls it {ours!r}"
    folded = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(got.lower(), folded, n=SHOWN, cutoff=ALIKE)
    if near:
        return f"did you mean {' or '.join(repr(folded[name]) for name in near)}"
    if len(names) > FEW:
        near = difflib.get_close_matches(got.lower(), folded, n=SHOWN, cutoff=0)
        return f"the nearest are {', '.join(folded[name] for name in near)}"
    return f"there is {', '.join(names) or 'none'}"
