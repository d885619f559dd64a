"""The URL of a remote file, whose secrets appear in no text that is made of it."""

from __future__ import annotations

import contextlib
import posixpath
import re
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from deelish.errors import DataError

# Two letters or more: C:// is a disk of Windows.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# What pathlib makes of a URL.
_AS_PATH = re.compile(r"(s3|gs|gcs|https?):/[^/]")
_WEB = ("http", "https")
# Buckets whose names of files may have a question mark, which begins a query only before an "=".
_BUCKETS = ("s3", "s3a", "gs", "gcs")

T = TypeVar("T")


class Address(str):
    """A URL without its user, password, query and fragment, which may hold keys and signatures.

    As text it is what messages, names of caches and headers of files may show.

    Attributes:
        full: the whole URL, for the server alone.

    Raises:
        DataError: it names no server or bucket.
    """

    full: str

    def __new__(cls, url: str) -> Address:
        scheme = url.partition("://")[0].lower()
        host, path = "", ""
        # An error of a host in brackets would show the whole URL.
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")[2]
            path = parts.path if _has_query(parts) else _after_host(url)
        if not host:
            raise DataError(
                f"{scheme}://...: the URL names no server or bucket; write {scheme}://name/path"
            )
        self = super().__new__(cls, f"{scheme}://{host}{path}")
        self.full = scheme + url[len(scheme) :]
        return self

    def __getnewargs__(self) -> tuple[str]:
        return (self.full,)

    @property
    def scheme(self) -> str:
        """What is before ``://``."""
        return self.partition("://")[0]

    @property
    def server(self) -> str:
        """Scheme, and host or bucket."""
        return "/".join(self.split("/", 3)[:3])

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> Address:
        """The folder that it is in, with the same user and query."""
        return self._at(posixpath.dirname(self._path.rstrip("/")))

    @property
    def folder(self) -> Address:
        """Itself with a slash at its end, under which a web server lists a folder."""
        return self._at(f"{self._path.rstrip('/')}/")

    def joined(self, name: str) -> Address:
        """The file of a relative name below this folder, with the same user and query."""
        if self.scheme in _WEB:
            name = quote(name, safe="/")
        return self._at(posixpath.normpath(f"/{self._path}/{name}"))

    @property
    def _path(self) -> str:
        return self[len(self.server) :]

    def _at(self, path: str) -> Address:
        parts = urlsplit(self.full)
        query = f"?{parts.query}" if _has_query(parts) and parts.query else ""
        return Address(f"{self.scheme}://{parts.netloc}/{path.lstrip('/')}{query}")


def _has_query(parts: SplitResult) -> bool:
    """Whether what follows a question mark is a query, and not of the file's name."""
    return parts.scheme not in _BUCKETS or "=" in parts.query


def _after_host(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2]


def addressed(place: T) -> T | Address:
    """An `Address` where a place is written as a URL; else the place itself.

    Raises:
        DataError: the URL names no server, or a Path was made of it.
    """
    if isinstance(place, Path) and _AS_PATH.match(place.as_posix()):
        scheme, _, rest = place.as_posix().partition(":/")
        raise DataError(
            f"{Address(f'{scheme}://{rest}')}: a Path drops a slash of a URL; give it as text"
        )
    if isinstance(place, str) and not isinstance(place, Address) and _SCHEME.match(place):
        return Address(place)
    return place
