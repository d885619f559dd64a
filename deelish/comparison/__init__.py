"""One report on a teacher and its students: how well, how alike, how large, how fast."""

from deelish.comparison.compare import Lists as Lists
from deelish.comparison.compare import compare as compare
from deelish.comparison.result import Comparison as Comparison
