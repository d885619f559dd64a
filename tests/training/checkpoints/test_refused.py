"""What a training that goes on refuses: another training, damaged files, a folder in use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import small, write_set
from one_sentence import is_one_sentence
from processes import environment
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import run

from deelish.errors import FileError, TrainingError
from deelish.formats.native import checkpoint
