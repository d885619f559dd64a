"""What the tests of record files share: two keys that the index takes for one."""

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import keys_of

from deelish.storage.index import ODD, Index


@pytest.fixture
def pair():
    """Two keys uint8 (2, 16) that differ in one bit of each half; the index takes them for one."""
    halves = keys_of(0, 1).view(np.uint64).repeat(2, 0)
    halves[1, 1] ^= np.uint64(1 << 63)
    mixed = halves[:, 1] * ODD
    halves[1, 0] ^= mixed[0] ^ mixed[1]
    assert (halves[0] != halves[1]).all()
    keys = halves.view(np.uint8)
    index = Index()
    index.add(keys[:1])
    assert index.find(keys).tolist() == [0, 0], "the index tells them apart; make others"
    return keys
