"""Students on the Hugging Face Hub: ``hf-hub:user/name``, with ``@revision`` where it is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from deelish.common.extras import HUB
from deelish.errors import FileError, MissingPackageError, first_line

PREFIX = "hf-hub:"
# What a repository of a student holds: its weights, and its card.
FILE, CARD = "student.safetensors", "README.md"
NAME = re.compile(r"[\w.-]+/[\w.-]+")

T = TypeVar("T")


def is_hub_name(source: object) -> bool:
    """Whether it names a repository of the Hub: ``hf-hub:user/name``."""
    return isinstance(source, str | Path) and str(source).startswith(PREFIX)


def download(source: str) -> Path:
    """The file of a student on the Hub, in the cache of huggingface_hub.

    Raises:
        FileError: the name is no repository's, it is not there, or the Hub cannot be reached.
        MissingPackageError: the package huggingface_hub is not installed.
    """
    hub = _package(source)
    name, _, revision = source.removeprefix(PREFIX).partition("@")
    _check_name(source, name)
    return Path(
        _asked(
            source,
            lambda: hub.hf_hub_download(name, FILE, revision=revision or None),
            "look at its name and at the network",
        )
    )


def upload(name: str, folder: Path, *, private: bool) -> str:
    """Make a repository, or write to one that is there; its address.

    Args:
        name: ``user/name``.
        folder: the files.
        private: whether a new one is for its owner alone.

    Raises:
        FileError: the name is no repository's, nobody is logged in, or the Hub refuses.
        MissingPackageError: the package huggingface_hub is not installed.
    """
    hub = _package(f"push({name!r})")
    _check_name(f"push({name!r})", name)

    def send() -> str:
        api = hub.HfApi()
        api.create_repo(name, private=private, exist_ok=True)
        made = api.upload_folder(
            repo_id=name, folder_path=str(folder), commit_message="A student of deelish"
        )
        return str(getattr(made, "repo_url", None) or f"{api.endpoint}/{name}")

    return _asked(f"push({name!r})", send, "log in with `hf auth login`, and try again")


def _package(who: str) -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise MissingPackageError(f"{who}: needs the package huggingface_hub; {HUB}") from None
    return huggingface_hub


def _check_name(who: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise FileError(f"{who}: {name!r} is no repository; give user/name, such as ada/small")


def _asked(who: str, ask: Callable[[], T], cure: str) -> T:
    """What the Hub returns; its errors, of many kinds, in one sentence."""
    try:
        return ask()
    except Exception as error:
        raise FileError(f"{who}: the Hub refuses it ({first_line(error)}); {cure}") from None
