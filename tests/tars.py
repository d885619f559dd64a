"""Tar shards that tests write, in WebDataset's layout."""

import io
import tarfile
from pathlib import Path


def write_tar(path, members, **options):
    """A tar of these (name, bytes) in their order; returns its path."""
    with tarfile.open(path, "w", **options) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return Path(path)


def samples_of(source):
    """The members for a list of `path label`, whose images are beside it: image, then label."""
    source = Path(source)
    for number, line in enumerate(source.read_text().splitlines()):
        path, label = line.rsplit(None, 1)
        yield f"{number:04d}{Path(path).suffix}", (source.parent / path).read_bytes()
        yield f"{number:04d}.cls", label.encode()


def tar_of(source, path=None):
    """A tar of what a list names, beside it if no path is given."""
    return write_tar(path or Path(source).with_suffix(".tar"), samples_of(source))
