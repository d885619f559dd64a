"""A call that does not bind is one sentence; one that binds is Python's own."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from deelish.common.arguments import ChecksCalls, check_names, checked_call
from deelish.common.other_words import BY_ITSELF, WORDS
from deelish.common.suggestions import nearest
from deelish.errors import UsageError

if TYPE_CHECKING:
    from there import NotThere


@checked_call()
def verb(first: int, second: int = 2, *, size: int = 3, crop: float = 1.0) -> tuple[int, ...]:
    """A verb."""
    return first, second, size


@checked_call("mean", "order")
def loose(first: int, **options: int) -> dict[str, int]:
    """A verb with options."""
    return options


@checked_call()
def open_ended(workout: object, *, lr: float = 0.1, **options: object) -> dict[str, object]:
    """A verb that takes any option."""
    return options


class Made(ChecksCalls):
    """A class whose `__init__` is checked without a decorator."""

    def __init__(self, width: int, *, labels: int = 10) -> None:
        self.width = width

    @checked_call()
    def grow(self, by: int) -> int:
        """A method."""
        return self.width + by

    @classmethod
    @checked_call()
    def of(cls, width: int) -> Made:
        """A class method."""
        return cls(width)


class Own(Made):
    """A user's own, with an `__init__` of its own."""

    def __init__(self, depth: int, **others: int) -> None:
        super().__init__(depth, **others)


def sentence(function, *args, **given):
    with pytest.raises(UsageError) as caught:
        function(*args, **given)
    return str(caught.value)


NONE = "there is no such argument"
GOT = "takes first and second without a name, and got 3"


@pytest.mark.parametrize(
    ("function", "args", "given", "words"),
    [
        (verb, (), {}, "verb: lacks first; give verb(first=...)"),
        (verb, (1,), {"siz": 4}, f"verb(siz=4): {NONE}; did you mean size="),
        (verb, (1,), {"crop_pct": 1}, f"verb(crop_pct=1): {NONE}; deelish calls it crop="),
        (verb, (1, 2, 3), {}, f"verb: {GOT}; did you mean size=3"),
        (verb, (1, 2, 3), {"size": 1, "crop": 1}, f"verb: {GOT}; leave 3 out"),
        (verb, (1,), {"first": 2}, "verb(first=...): first is given twice; leave one out"),
        (loose, (1,), {"std": 1}, f"loose(std=1): {NONE}; there is first=, mean=, order="),
        (open_ended, (), {"rate": 1}, f"open_ended(rate=1): {NONE}; deelish calls it lr="),
        (open_ended, (), {"wd": 1}, "open_ended: lacks workout; give open_ended(workout=...)"),
        (Made, (), {}, "Made: lacks width; give Made(width=...)"),
        (Made, (1,), {"classes": 3}, f"Made(classes=3): {NONE}; deelish calls it labels="),
        (Own, (), {}, "Own: lacks depth; give Own(depth=...)"),
        (Own, (1,), {"classes": 3}, f"Own(classes=3): {NONE}; deelish calls it labels="),
        (Made(1).grow, (), {}, "Made.grow: lacks by; give Made.grow(by=...)"),
        (Made(1).grow, (1, 2), {}, "Made.grow: takes by without a name, and got 2; leave 2 out"),
        (Own.of, (), {}, "Own.of: lacks width; give Own.of(width=...)"),
    ],
)
def test_a_call_that_does_not_bind_names_the_cure(function, args, given, words):
    assert sentence(function, *args, **given) == words


def test_a_call_that_binds_is_as_it_was():
    assert verb(1, size=5) == (1, 2, 5)
    assert loose(1, mean=2) == {"mean": 2}
    assert open_ended(1, learning_rate=2) == {"learning_rate": 2}
    assert Own(3, labels=4).grow(1) == 4


@checked_call()
def measure(
    path: str | Path,
    count: int = 1,
    *,
    share: float = 0.5,
    names: Sequence[str] | None = None,
    options: Mapping[str, int] | None = None,
    rule: Callable[[int], int] | None = None,
    order: Literal["RGB", "L"] = "RGB",
    quick: bool = False,
    made: Made | None = None,
    drawn: NotThere | None = None,
    **others: int,
) -> str:
    """A verb that leaves all checks to Python."""
    parts = [Path(path).name, range(count), share * 1.0, *(names or ()), (options or {}).get("a")]
    return f"{parts} {rule and rule(1)} {order.lower()} {made and made.grow(1)} {drawn.it}"


@pytest.mark.parametrize(
    ("args", "given", "words"),
    [
        ((5,), {}, "measure(path=5): is of type int; give a path"),
        ((None,), {}, "measure(path=None): is of type NoneType; give a path"),
        (("x", "3"), {}, "measure(count='3'): is of type str; give a whole number"),
        (("x", True), {}, "measure(count=True): is of type bool; give a whole number"),
        (("x",), {"share": "0.1"}, "measure(share='0.1'): is of type str; give a number"),
        (("x",), {"names": 3}, "measure(names=3): is of type int; give a list"),
        (("x",), {"options": ["a"]}, "measure(options=...): is of type list; give a dict"),
        (("x",), {"rule": 3}, "measure(rule=3): is of type int; give a function"),
        (("x",), {"order": 3}, "measure(order=3): is of type int; give one of 'RGB', 'L'"),
        (("x",), {"quick": "no"}, "measure(quick='no'): is of type str; give True or False"),
        (("x",), {"made": 3}, "measure(made=3): is of type int; give a Made"),
        (("x",), {"share": str}, "measure(share=...): is the class str; give a number"),
    ],
)
def test_a_value_of_another_type_is_named_in_place_of_the_error_within(args, given, words):
    assert sentence(measure, *args, **given) == words


def test_values_of_their_types_let_the_error_within_through():
    given = {"names": ("a",), "options": {"a": 1}, "rule": len, "made": Made(1), "others": "x"}
    for path in ("x", Path("x")):
        with pytest.raises((AttributeError, TypeError)) as caught:
            measure(path, np.int64(1), share=np.float32(1), **given)
        assert not isinstance(caught.value, UsageError)
    with pytest.raises(AttributeError, match="has no attribute 'it'"):
        measure("x", share=1, order="BGR", drawn=3)


def test_the_signature_stays():
    assert list(inspect.signature(verb).parameters) == ["first", "second", "size", "crop"]
    assert list(inspect.signature(Made).parameters) == ["width", "labels"]
    assert verb.__doc__ == "A verb."


def test_an_error_from_within_comes_through_with_its_frames():
    @checked_call()
    def outer(callback):
        return callback(1, 2)

    with pytest.raises(TypeError, match=r"takes 1 positional argument") as caught:
        outer(lambda x: x)
    assert not isinstance(caught.value, UsageError)
    assert [frame.name for frame in traceback.extract_tb(caught.tb)][-1] == "outer"


def test_the_refusal_carries_no_inner_error():
    with pytest.raises(UsageError) as caught:
        verb()
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_value_is_shown_in_short():
    assert "got 3; leave 'xxxxxxxxxxxx...xxxxxxxxxxxxx' out" in sentence(
        verb, 1, 2, "x" * 99, size=1, crop=1
    )
    assert sentence(verb, 1, siz=[1] * 999).startswith("verb(siz=...): there is no such")


def test_a_word_of_others_counts_only_where_the_verb_has_ours():
    with pytest.raises(UsageError, match=r"there is epochs="):
        check_names("verb", {"learning_rate": 1}, ["epochs"])
    with pytest.raises(UsageError, match=r"there is size="):
        check_names("verb", {"shuffle": 1}, ["size"])
    with pytest.raises(UsageError, match=r"every epoch has its own order"):
        check_names("verb", {"shuffle": 1}, ["mirror"])


def test_no_word_is_in_both_tables_for_one_verb():
    assert not {word for word in BY_ITSELF if "mirror" in WORDS.get(word, ())}
    assert not {word for word, ours in WORDS.items() if word in ours}


def test_a_word_may_mean_several_of_ours():
    words = {"rate": ("lr", "dropout", "speed")}
    assert nearest("rate", ["lr", "speed"], words) == "deelish calls it 'lr' or 'speed'"
    assert nearest("rate", ["rates"], words) == "did you mean 'rates'"
