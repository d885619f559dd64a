"""What an error suggests in place of a name that is not known: ours, or the nearest names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

# At most so many names are suggested.
SHOWN = 3
# Where there are no more names than this, all are shown.
FEW = 8
# A name less alike than this is hardly what was meant.
ALIKE = 0.6

# Names of other libraries, with ours: one, or several of which those that are known count.
Words = Mapping[str, str | tuple[str, ...]]


def nearest(
    got: str,
    known: Iterable[str],
    words: Words | None = None,
    shown: Callable[[str], str] | None = None,
) -> str:
    """The end of an error: ``did you mean 'conv1'``.

    Args:
        got: the name that is not known.
        known: the names that are.
        words: names of other libraries, with the known names of each.
        shown: how the error writes a name; left out, in quotes, and without them in a list.
    """
    names = list(dict.fromkeys(known))
    quoted, plain = shown or repr, shown or str
    named = (words or {}).get(got, ())
    ours = [name for name in ([named] if isinstance(named, str) else named) if name in names]
    if ours:
        return f"deelish calls it {' or '.join(map(quoted, ours))}"
    folded = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(got.lower(), folded, n=SHOWN, cutoff=ALIKE)
    if near:
        return f"did you mean {' or '.join(quoted(folded[name]) for name in near)}"
    if len(names) > FEW:
        near = difflib.get_close_matches(got.lower(), folded, n=SHOWN, cutoff=0)
        return f"the nearest are {', '.join(plain(folded[name]) for name in near)}"
    return f"there is {', '.join(map(plain, names)) or 'none'}"
