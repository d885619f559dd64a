"""Imports Chainer 7.8.1, of 2021, and supplies the three names that it misses today.

- ``numpy.sctypes``: NumPy 2 took it away; Chainer looks up the sizes of whole numbers in it.
- ``numpy.distutils.system_info``: gone with Python 3.12; Chainer asks it which BLAS macOS has.
- ``pkg_resources``: gone with setuptools 82; Chainer asks it whether CuPy's version suits.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from deelish.errors import MissingPackageError

CURE = (
    'install it with `pip install --build-constraint FILE "deelish[chainer]"`, where FILE holds the'
    " line setuptools<81"
)


def import_chainer() -> Any:
    """The module chainer.

    Raises:
        MissingPackageError: it is not installed, or cannot be imported.
    """
    if "chainer" in sys.modules:
        return sys.modules["chainer"]
    _supply_sctypes()
    try:
        with _supplied(*_system_info(), _package_resources()), warnings.catch_warnings():
            # Chainer's own, about NumPy and about a BLAS that it does not find.
            warnings.simplefilter("ignore")
            import chainer
    except ModuleNotFoundError as error:
        if error.name != "chainer":
            raise MissingPackageError(
                f"engine 'chainer' cannot be imported: {error}; {CURE}"
            ) from error
        raise MissingPackageError(f"engine 'chainer' is not installed; {CURE}") from None
    except (ImportError, AttributeError) as error:
        raise MissingPackageError(
            f"engine 'chainer' cannot be imported: {error}; {CURE}"
        ) from error
    return chainer


def _supply_sctypes() -> None:
    # It stays, since Chainer reads it again while it runs.
    if "sctypes" not in vars(np):
        kinds: Any = np
        kinds.sctypes = {
            "int": [np.int8, np.int16, np.int32, np.int64],
            "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
            "float": [np.float16, np.float32, np.float64],
            "complex": [np.complex64, np.complex128],
            "others": [bool, object, bytes, str, np.void],
        }


def _system_info() -> list[ModuleType]:
    parent, module = ModuleType("numpy.distutils"), ModuleType("numpy.distutils.system_info")
    vars(module)["get_info"] = lambda name: {}
    vars(parent)["system_info"] = module
    return [parent, module]


def _package_resources() -> ModuleType:
    """Says of every package that it is not there, so that Chainer compares no versions."""
    module = ModuleType("pkg_resources")
    vars(module).update(
        DistributionNotFound=type("DistributionNotFound", (Exception,), {}),
        VersionConflict=type("VersionConflict", (Exception,), {}),
    )

    def require(requirement: str) -> None:
        raise vars(module)["DistributionNotFound"](requirement)

    vars(module)["require"] = require
    return module


@contextmanager
def _supplied(*supplied: ModuleType) -> Iterator[None]:
    """The modules under their names for as long as Chainer is imported, no longer."""
    modules = {module.__name__: module for module in supplied}
    before = {name: sys.modules.get(name) for name in modules}
    distutils = vars(np).get("distutils")
    sys.modules.update(modules)
    vars(np)["distutils"] = modules["numpy.distutils"]
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        vars(np).pop("distutils", None)
        if distutils is not None:
            vars(np)["distutils"] = distutils
