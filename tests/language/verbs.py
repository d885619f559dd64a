"""What the tests of the verbs give them, and how they are refused."""

import re

import numpy as np
import one_sentence

from deelish import Layer

ROW = Layer("score", "InnerProduct", num_output=4)
GREY = np.zeros((8, 8), np.uint8)


def logits(values):
    return values.mean((2, 3))


def refused(error, words, function, *args, **given):
    """One sentence with these very words."""
    one_sentence.refused(error, re.escape(words), lambda: function(*args, **given))
