"""The photographs that every side trains on: as a list, and as class folders."""

import tarfile
from pathlib import Path

from speed.work import Task

# Outputs of every network, as the labels are those of ImageNet.
CLASSES = 1000
LIST, FOLDERS = "train.txt", "classes"


class Photographs(Task):
    """Unpacks the first of an archive's photographs. notes: `files`, and `kb`, the mean of a file.

    The archive holds the images and train.txt, with a path and a label a line.
    """

    def __init__(self, setting, archive, batches):
        super().__init__(setting)
        folder, count = setting.folder / "photographs", batches * setting.batch
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        lines = (folder / LIST).read_text().splitlines()
        if len(lines) < count:
            raise SystemExit(
                f"{archive}: train.txt names {len(lines)} photographs, and {batches} batches of"
                f" {setting.batch} need {count}; choose fewer with --batches"
            )
        items = [line.rsplit(maxsplit=1) for line in lines[:count]]
        paths = [link(folder / path, label, setting.folder / FOLDERS) for path, label in items]
        pairs = zip(paths, items, strict=True)
        list_of(setting).write_text("".join(f"{path} {label}\n" for path, (_, label) in pairs))
        self.notes = {
            "files": count,
            "kb": sum(path.stat().st_size for path in paths) / count / 1e3,
        }


def link(path, label, folder):
    """The photograph in the folder of its class."""
    made = folder / f"{int(label):04}" / Path(path).name
    made.parent.mkdir(parents=True, exist_ok=True)
    made.hardlink_to(path)
    return made


def list_of(setting):
    """The list of whole paths and labels."""
    return setting.folder / LIST


def folders_of(setting):
    """The folder of class folders."""
    return setting.folder / FOLDERS
