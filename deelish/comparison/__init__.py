"""One report on a teacher and its students: how well, how alike, how large, how fast."""

from deelish.comparison.compare import Compare as Compare
from deelish.comparison.result import Comparison as Comparison
