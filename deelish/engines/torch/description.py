"""What a torch.nn.Module computes beside its weights: attributes, hooks, code, scripted graphs."""

from __future__ import annotations

import io
import pickletools
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from deelish.engines.description import Describer, UndescribedError
from deelish.engines.digests import digest_of
from deelish.engines.torch.watching import memory_of

# The attributes of every module that are no part of inference, or that are read in another way.
_APART = {"training", "_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}
_APART |= {"_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called"}
_APART |= {"_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_compiled_call_impl"}
_APART |= {"_backward_hooks", "_backward_pre_hooks", "_is_full_backward_hook"}
_APART |= {"_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks"}
_APART |= {"_load_state_dict_post_hooks"}
# Of a module of torch.fx, whose code and functions are described.
_OF_GRAPHS = {"_graph", "meta", "_tracer_cls", "_tracer_extras"}
_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_GLOBAL_HOOKS = ("_global_forward_pre_hooks", "_global_forward_hooks")
# In the name of a scripted type: how many of its name were made before in the process.
_NUMBER = re.compile(r"\.___torch_mangle_\d+")


def structure_of(module: nn.Module) -> str:
    """sha256 (hex) of all that a module's logits depend on beside its parameters and buffers.

    Raises:
        UndescribedError: something cannot be described; it is named.
    """
    registered = {id(part) for part in module.modules()}

    def special(describe: Describer, value: Any, where: str) -> bytes | None:
        if isinstance(value, nn.Module):
            return _module(describe, value, where, own_arrays=id(value) not in registered)
        for kinds, described in _SPECIAL:
            if isinstance(value, kinds):
                return described(value, where)
        return None

    describe = Describer(special)
    everywhere = [list(getattr(torch_module, name).values()) for name in _GLOBAL_HOOKS]
    parts = [describe(module, ""), describe(everywhere, "a hook of all modules")]
    return digest_of("torch module", *parts).hex()


def has_hooks(module: nn.Module) -> bool:
    """Whether a hook, or a forward() of its own, may change what a module or a part of it makes."""
    if any(getattr(torch_module, name) for name in _GLOBAL_HOOKS):
        return True
    return any(
        "forward" in vars(part) or any(vars(part).get(name) for name in _HOOKS)
        for part in module.modules()
    )


def named_arrays(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """All parameters and buffers by name, those too that its files do not hold."""
    parameters = module.named_parameters(remove_duplicate=False)
    for name, value in (*parameters, *module.named_buffers(remove_duplicate=False)):
        # What is compiled has a part of this name, which has all else.
        yield name.replace("_orig_mod.", ""), value


def _module(describe: Describer, value: nn.Module, where: str, *, own_arrays: bool) -> bytes:
    if isinstance(value, torch.jit.ScriptModule):
        return _scripted(value, where)
    original = getattr(value, "_orig_mod", None)
    if isinstance(original, nn.Module):  # compiled
        return describe(original, where)
    apart, parts = _APART, [describe(type(value), where)]
    if isinstance(value, torch.fx.GraphModule):
        apart = _APART | _OF_GRAPHS
        called = [node.target for node in value.graph.nodes if node.op == "call_function"]
        parts += [value.code.encode(), describe(called, f"the graph of {where or 'it'}")]
    facts = {name: own for name, own in vars(value).items() if name not in apart}
    parts.append(describe.named("attributes", facts, where))
    parts += [_hooks(describe, value, name, where) for name in _HOOKS]
    for name, child in value._modules.items():
        path = f"{where}.{name}" if where else name
        parts += [name.encode(), describe(child, path)]
    if own_arrays:
        held = {**value._parameters, **value._buffers}
        parts.append(describe.named("arrays", held, where))
    return digest_of("module", *parts)


def _hooks(describe: Describer, value: nn.Module, name: str, where: str) -> bytes:
    held = vars(value).get(name, {})
    with_names = vars(value).get(f"{name}_with_kwargs", {})
    place = f"a hook of {where}" if where else "its hook"
    hooks = [(hook, key in with_names) for key, hook in held.items()]
    return describe.items("hooks", hooks, place)


def _scripted(value: Any, where: str) -> bytes:
    """Of the graph of each method, and of the values and arrays that torch.jit.save writes."""
    written = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.save(value, written)
        methods = [value._c._get_method(name) for name in sorted(value._c._method_names())]
        graphs = [method.inlined_graph.str(False) for method in methods]
    except Exception:
        raise UndescribedError(where, value) from None
    parts = [_unnumbered(graph) for graph in graphs]
    with zipfile.ZipFile(written) as archive:
        for name in sorted(archive.namelist()):
            inside = name.partition("/")[2]
            if inside.endswith(".pkl"):
                parts += [inside.encode(), _pickled(archive.read(name))]
            elif inside.startswith(("data/", "constants/")):
                parts += [inside.encode(), archive.read(name)]
    return digest_of("scripted", *parts)


def _pickled(data: bytes) -> bytes:
    """What a pickle holds: the length of a numbered name is part of its bytes."""
    return _unnumbered(repr([(code.name, held) for code, held, _ in pickletools.genops(data)]))


def _unnumbered(text: str) -> bytes:
    return _NUMBER.sub("", text).encode()


def _tensor(value: Tensor, where: str) -> bytes:
    try:
        return digest_of("tensor", f"{value.dtype} {tuple(value.shape)}", bytes_of(value).data)
    except (RuntimeError, TypeError, NotImplementedError):
        raise UndescribedError(where, value) from None


def bytes_of(value: Tensor) -> np.ndarray:
    """The bytes of a tensor in the order of its axes: uint8, flat."""
    flat = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()


def raw_bytes_of(value: Tensor) -> np.ndarray:
    """The same in the order of its memory, which a tensor of images need not be copied for."""
    flat = memory_of(value)
    return bytes_of(value) if flat is None else flat.cpu().view(torch.uint8).numpy()


def _name(value: Any, where: str) -> bytes:
    return digest_of("named", str(value))


_SPECIAL: Sequence[tuple[Any, Callable[[Any, str], bytes]]] = (
    (Tensor, _tensor),
    (
        torch.jit.ScriptFunction,
        lambda value, where: digest_of("graph", value.inlined_graph.str(False)),
    ),
    # Random draws in inference are refused; in training they do not matter here.
    (torch.Generator, lambda value, where: digest_of("generator")),
    ((torch._ops.OpOverload, torch._ops.OpOverloadPacket), _name),
)
