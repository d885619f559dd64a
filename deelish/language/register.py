"""Layer types of one's own: known to rows, to Caffe's files and to the engine after one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deelish.common.arguments import checked_call
from deelish.engines.custom import CUSTOM, Function
from deelish.errors import PlanError
from deelish.formats.caffe.fields import Field, boolean, integer, real, string
from deelish.formats.caffe.schema import add_parameter
from deelish.plan.kind import Blobs, LayerKind, no_weights
from deelish.plan.layers import KINDS
from deelish.plan.shapes import Args, Shape, same

# By Python's type of a default, the field of a Caffe message that holds it.
_FIELDS: dict[type, Callable[[int], Field]] = {
    bool: boolean,
    int: integer,
    float: real,
    str: string,
}


@checked_call()
def register_layer(
    type: str,
    torch: Function | None = None,
    args: Mapping[str, Any] | None = None,
    field: tuple[str, int] | None = None,
    shape: Callable[[Args, Sequence[Shape], int], list[Shape]] = same,
    weights: Callable[[Args, Sequence[Shape]], Blobs] = no_weights,
    *,
    chainer: Function | None = None,
    numpy: Function | None = None,
    bottoms: tuple[int, int] = (1, 1),
    tops: tuple[int, int] = (1, 1),
    in_place: bool = False,
) -> None:
    """Make a layer type known, for rows and for Caffe files that hold it.

    ``register_layer("Mish", lambda x, p, a, c: x[0] * x[0].exp().log1p().tanh())``

    Args:
        type: its name, as files have it. A type of one's own may be registered again.
        torch, chainer, numpy: the function on each engine that shall run it, from (bottoms,
            weights, arguments, call) to the top, or to as many as there are; ``call.training``
            says whether the network is being trained.
        args: its arguments with their defaults.
        field: name and number of its message in Caffe files, such as ``("mish_param", 151)``; the
            arguments are the message's fields, numbered from 1 in their order.
        shape: from (arguments, shapes of the bottoms, number of tops) to the shapes of the tops;
            left out, that of the first bottom.
        weights: from (arguments, shapes of the bottoms) to its `deelish.plan.Blob` records by
            name, in the order of the file; the function finds them as attributes of its weights.
        bottoms, tops: the fewest and the most of each.
        in_place: whether rows without a top write over their bottom.

    Raises:
        PlanError: the type is deelish's own, or an argument has no kind of field.

    >>> register_layer("Mish", lambda x, p, a, c: x[0] * x[0].exp().log1p().tanh())
    >>> rows = [Layer("mish", "Mish"), Layer("score", "InnerProduct", num_output=2)]
    >>> Network(rows, labels=2, in_size=8).parameters
    386
    """
    if not isinstance(type, str):
        raise PlanError(f"register_layer(type={type!r}): give the name of the type")
    given = {"torch": torch, "chainer": chainer, "numpy": numpy}
    functions = {engine: made for engine, made in given.items() if made is not None}
    if not functions:
        raise PlanError(f"register_layer: {type!r} has no function; give torch= or chainer=")
    for engine, made in functions.items():
        if not callable(made):
            raise PlanError(f"register_layer({engine}={made!r}): give a function")
    if type in KINDS and not any(type in known for known in CUSTOM.values()):
        raise PlanError(f"register_layer: {type!r} is a type of deelish's own; choose another name")
    _check(field, bottoms, tops)
    args = dict(args or {})
    if field is not None:
        add_parameter(type, *field, _fields(type, args))
    KINDS[type] = LayerKind(args, shape, weights, in_place, bottoms, tops)
    for engine, made in functions.items():
        CUSTOM[engine][type] = made


def _check(field: Any, bottoms: Any, tops: Any) -> None:
    """Refuse a message without name and number, and bounds that are no two counts."""
    if field is not None and not (_is_pair(field, object) and _is_pair((1, field[1]), int)):
        raise PlanError(
            f"register_layer(field={field!r}): give the name of the message and its number, such as"
            " ('mish_param', 151)"
        )
    for name, value in (("bottoms", bottoms), ("tops", tops)):
        if not _is_pair(value, int):
            raise PlanError(
                f"register_layer({name}={value!r}): give the fewest and the most, such as (1, 2)"
            )


def _is_pair(value: Any, kind: type) -> bool:
    known = isinstance(value, tuple | list) and len(value) == 2
    return known and all(isinstance(each, kind) for each in value)


def _fields(layer: str, args: Mapping[str, Any]) -> dict[str, Field]:
    fields = {}
    for number, (name, default) in enumerate(args.items(), 1):
        make = _FIELDS.get(type(default))
        if make is None:
            raise PlanError(
                f"register_layer: {layer!r} has {name}={default!r}; in a Caffe file it is a bool,"
                " an int, a float or a str"
            )
        fields[name] = make(number)
    return fields
