"""The table of layer kinds, by Caffe's type: one row each, in the file of its subject.

A new kind is one row here and one line in each engine.
"""

from deelish.plan.kind import Kind
from deelish.plan.layers import (
    activation,
    convolution,
    forks,
    indexing,
    loss,
    normalisation,
    pooling,
    recurrent,
    reshaping,
)

_SUBJECTS = (
    convolution,
    pooling,
    activation,
    normalisation,
    reshaping,
    indexing,
    recurrent,
    loss,
    forks,
)

KINDS: dict[str, Kind] = {name: row for part in _SUBJECTS for name, row in part.KINDS.items()}
# The words that an argument may take; anything else is refused when the plan is made.
WORDS: dict[tuple[str, str], tuple[str, ...]] = {
    key: words for part in _SUBJECTS for key, words in part.WORDS.items()
}
