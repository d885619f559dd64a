"""Model files: the folders that are searched, and the download of published ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deelish.common.printing import say
from deelish.errors import FileError, MissingFileError
from deelish.network.hub import download, is_hub_name

FOLDER_VARIABLE = "DEELISH_MODELS"
CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Weights:
    """A published file of weights: its address and its terms of use.

    Attributes:
        name: what `deelish fetch` calls it.
        file: the name of the file.
        address: its URL, or empty where none is known for certain.
        checksum: the algorithm and its hexadecimal sum, as in ``sha1:39b7...``, or empty.
        licence: the terms of use, in a few words.
        note: one sentence for the reader, or empty.
        project: the page of those who publish it.
    """

    name: str
    file: str
    address: str = ""
    checksum: str = ""
    licence: str = ""
    note: str = ""
    project: str = ""

    @property
    def source(self) -> str:
        """How to get the file, in a few words."""
        if self.address:
            return f"get it with `deelish fetch {self.name}`"
        return f"get it from {self.project}"


def search_folders() -> list[Path]:
    """The folders that are searched: the working folder, $DEELISH_MODELS, the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    return [Path.cwd(), *([Path(named).expanduser()] if named else []), _cache_folder()]


def find_model(path: str | Path, weights: Weights | None = None) -> Path:
    """The model file at `path`, else the file of that name in the search folders.

    ``hf-hub:user/name`` is a student's on the Hugging Face Hub. An absolute path is used as it is.
    `weights` are the facts of the file, for the error.

    Raises FileError when there is no such file, or when `path` is a folder.
    """
    if not isinstance(path, str | Path):
        raise FileError(f"{path!r} is no path; give that of a model file")
    if is_hub_name(path):
        return download(str(path))
    path = Path(path).expanduser()
    if path.is_file():
        return path
    if path.exists():
        raise FileError(f"{path} is {_what(path)}; give the path of a model file")
    searched = [path.parent] if path.is_absolute() else search_folders()
    for folder in searched:
        if (folder / path.name).is_file():
            return folder / path.name
    folders = ", ".join(map(str, searched))
    raise MissingFileError(f"{path}: no such file; looked in {folders}; {_cure(path, weights)}")


def fetch(weights: Weights, folder: Path | None = None, address: str | None = None) -> Path:
    """Download a model file into `folder`, check its checksum, and return its path.

    The default folder is $DEELISH_MODELS, else the user's cache. A file that is there already
    with the right checksum is not fetched again. The file appears only when it is whole and right.
    Where no checksum is known, a line reports it.

    Raises FileError when no address is known and none is given, when the download fails
    or sends another file, or when the folder cannot be written.
    """
    folder = folder or search_folders()[1]  # the first of them after the working folder
    address = address or weights.address
    path = folder / weights.file
    if not _is_there(path, weights.checksum):
        other = f"`deelish fetch {weights.name} --from ADDRESS`"
        if not address:
            raise FileError(
                f"{weights.file}: no certain address is known; {weights.source} and put it into"
                f" {folder}, or name an address: {other}"
            )
        _retrieve(weights, folder, address, f"try again, or name another address: {other}")
    if not weights.checksum:
        say(f"{path.name}: its checksum is not known, so it was not checked")
    return path


def _is_there(path: Path, checksum: str) -> bool:
    """Whether the file is there, with the right checksum where that is known."""
    import pooch

    if not path.is_file() or not checksum:
        return path.is_file()
    algorithm, _, right = checksum.partition(":")
    return bool(pooch.file_hash(str(path), alg=algorithm) == right)


def _retrieve(weights: Weights, folder: Path, address: str, again: str) -> None:
    """Download the file into the folder; an error ends with `again`, its cure."""
    import pooch
    import requests

    if not address.startswith(("http://", "https://")):
        raise FileError(f"{weights.file}: {address!r} is no http or https address; {again}")
    pooch.get_logger().setLevel("WARNING")  # the progress bar says the same
    known = weights.checksum or None
    get = _download if known else _download_no_page
    try:
        pooch.retrieve(address, known, weights.file, folder, downloader=get)
    except requests.RequestException as error:  # an OSError too, so it must come first
        raise FileError(f"{weights.file}: {address} gave {_reason(error)}; {again}") from error
    except OSError as error:
        raise FileError(
            f"{weights.file}: cannot be written into {folder} ({error.strerror or error}); "
            f"name another folder: `deelish fetch {weights.name} --to FOLDER`"
        ) from error
    except ValueError as error:  # a wrong checksum, or a page; pooch has removed the file
        what = (
            f"another file, whose checksum is not {known}" if known else "a web page, not the file"
        )
        raise FileError(f"{weights.file}: {address} sent {what}; {again}") from error


def _download(address: str, path: str, _: object) -> None:
    """Download with a progress bar on a terminal; pooch's own downloader leaves sockets open."""
    import requests

    from deelish.common.terminal_bar import TerminalBar

    with requests.get(address, stream=True, timeout=TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        size = int(response.headers.get("Content-Length", 0)) or None
        with (
            Path(path).open("wb") as file,
            TerminalBar(total=size, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))


def _download_no_page(address: str, path: str, _: object) -> None:
    """The same for a file without a known checksum; ValueError for a web page, such as a login."""
    _download(address, path, _)
    with Path(path).open("rb") as file:
        if file.read(CHUNK_BYTES).lstrip().startswith(b"<"):
            raise ValueError(address)


def _cache_folder() -> Path:
    import pooch

    return Path(pooch.os_cache("deelish"))


def _what(path: Path) -> str:
    return "a folder" if path.is_dir() else "no ordinary file"


def _cure(path: Path, weights: Weights | None) -> str:
    if weights is not None and path.name == weights.file:
        return f"{weights.source}, or give the path of the file"
    return "give the path of the file"


def _reason(error: Exception) -> str:
    """A failed request in a few words; the text of requests is a chain of inner names."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no response in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "only a part of the file"
    return f"an error ({error})"
