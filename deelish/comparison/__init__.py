"""One report on a teacher and its students: accuracy, agreement, size, speed."""

from deelish.comparison.compare import Lists as Lists
from deelish.comparison.compare import compare as compare
from deelish.comparison.result import Comparison as Comparison
