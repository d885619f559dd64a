"""What a chainer.Link computes beside its arrays: attributes, hooks, code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deelish.engines.chainer.device import to_numpy
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.recording import is_array
from deelish.engines.description import Describer
from deelish.engines.digests import digest_of

chainer = import_chainer()

# The attributes of every link that its logits do not depend on, or that are read in another way.
_APART = {"name", "_params", "_persistent", "_device", "_within_init_scope", "_Link__init_done"}
_APART |= {"_local_link_hooks", "_n_local_link_hooks", "_overridden_to_methods"}


def structure_of(link: Any) -> str:
    """sha256 (hex) of all that a link's logits depend on beside its arrays.

    Raises:
        UndescribedError: something cannot be described; it is named.
    """

    def special(describe: Describer, value: Any, where: str) -> bytes | None:
        if isinstance(value, chainer.Link):
            return _link(describe, value, where)
        if is_array(value) and not isinstance(value, np.ndarray):
            return describe(to_numpy(value), where)
        return None

    return Describer(special)(link, "").hex()


def has_hooks(link: Any) -> bool:
    """Whether a hook may change what a link or a part of it makes."""
    return any(part._n_local_link_hooks for part in link.links())


def named_arrays(link: Any) -> Iterator[tuple[str, Any]]:
    """Parameters and persistent arrays, such as running statistics, by name."""
    for path, part in link.namedlinks():
        for name in sorted((*part._params, *part._persistent)):
            value = getattr(part, name)
            array = value.array if isinstance(value, chainer.Parameter) else value
            yield f"{path}/{name}", array if is_array(array) else np.asarray(array)


def _link(describe: Describer, value: Any, where: str) -> bytes:
    held = {*value._params, *(n for n in value._persistent if is_array(getattr(value, n)))}
    facts = {
        name: own for name, own in vars(value).items() if name not in held and name not in _APART
    }
    hooks = list(value.local_link_hooks.values())
    return digest_of(
        "link",
        describe(type(value), where),
        describe.named("attributes", facts, where),
        describe.items("hooks", hooks, f"a hook of {where}" if where else "its hook"),
    )
