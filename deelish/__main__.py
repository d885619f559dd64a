"""`python -m deelish` is the command `deelish`."""

import sys

from deelish.cli import main

sys.exit(main())
