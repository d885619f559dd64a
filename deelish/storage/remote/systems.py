"""The file systems of fsspec, told to be brief with a server that does not answer."""

from __future__ import annotations

from typing import Any

from deelish.common import extras
from deelish.errors import DataError, MissingPackageError
from deelish.storage.remote.address import Address

# Seconds until a server has to be connected, and until it sends something.
CONNECT, READ = 3, 10
_S3 = ("s3", "s3a")
_INSTALLED = {"gs": "run `pip install gcsfs`", "gcs": "run `pip install gcsfs`"}


def system_of(address: Address) -> Any:
    """The file system of a URL.

    fsspec keeps one for each process and thread: they must not be used after a fork.

    Raises:
        DataError, MissingPackageError: there is none for its scheme.
    """
    scheme = address.scheme
    try:
        import fsspec

        kind = fsspec.get_filesystem_class(scheme)
        # Some have their host, user and password in the URL.
        system = kind(**kind._get_kwargs_from_urls(address.full), **_options(scheme))
    except ImportError:
        raise MissingPackageError(
            f"{address}: the packages that read {scheme}:// are not installed;"
            f" {_INSTALLED.get(scheme, extras.REMOTE)}"
        ) from None
    except ValueError:
        raise DataError(
            f"{address}: {scheme}:// is no kind of storage that fsspec knows; give s3://, gs://,"
            " https:// or another of its own"
        ) from None
    # Below are attempts enough.
    if scheme in _S3:
        system.retries = 1
    # What was listed before may have changed.
    system.invalidate_cache()
    return system


def path_in(system: Any, address: Address) -> str:
    """How a file system names the file of a URL."""
    return str(system._strip_protocol(address.full))


def _options(scheme: str) -> dict[str, Any]:
    if scheme in _S3:
        retries = {"mode": "standard", "max_attempts": 1}
        return {
            "config_kwargs": {"connect_timeout": CONNECT, "read_timeout": READ, "retries": retries},
            # Of each file so many pieces are in memory: 500 MB for all that are fetched at a time.
            "default_block_size": 8 << 20,
            "max_concurrency": 4,
        }
    if scheme in ("http", "https"):
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=READ)
        return {"client_kwargs": {"timeout": timeout}}
    return {}
