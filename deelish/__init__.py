"""deelish: a small declarative language for deep learning, and above all for distillation.

``from deelish import *`` is all that a script needs; the networks are in `deelish.networks`.
A name is imported when it is first used, and no engine before one is needed.
"""

import lazy_loader

from deelish.version import __version__ as __version__

# The names and their files are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
