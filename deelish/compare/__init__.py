"""One report on a teacher and its students: how well, how alike, how large, how fast."""

from deelish.compare.compare import Compare as Compare
from deelish.compare.result import Comparison as Comparison
