"""Helpers of the tests of decoded images: batches as values, and which files are decoded.

Run as a script, `loaded_batches.py show LIST FOLDER` reads a list through a disk cache and prints
how many images were decoded; `loaded_batches.py begin LIST FOLDER` prints when it begins.
"""

import sys
from pathlib import Path

from deelish.images import reading
from deelish.images.cache.disk import DiskCache
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.plan.rendering import Rendering

RENDERINGS = (Rendering(24, 32), Rendering(16, 16))


def loader_of(source, cache=None, mirror=True, views=None, mix=None, **options):
    facts = {"batch_size": 4, "seed": 5, "read_options": ReadOptions(mirror, views, mix, cache)}
    loader = Loader(read_samples(source), **facts | options)
    loader.renderings |= set(RENDERINGS)
    return loader


def epochs(loader, training=True):
    """Everything that the batches of two epochs hold."""
    return [
        (
            [batch.pixels(rendering).tobytes() for rendering in RENDERINGS],
            batch.views,
            batch.labels.tolist(),
            None if batch.keys is None else batch.keys.tobytes(),
            None
            if (probabilities := batch.label_probabilities(20)) is None
            else probabilities.tobytes(),
        )
        for epoch in (1, 2)
        for batch in loader.batches(epoch, training)
    ]


def decoded(monkeypatch):
    """The names of the files that are decoded from now on."""
    seen, decode = [], reading.decode_for

    def noted(path, *rest):
        seen.append(path.name)
        return decode(path, *rest)

    monkeypatch.setattr("deelish.images.reading.decode_for", noted)
    return seen


def main(how, source, folder):
    seen, decode = [], reading.decode_for
    reading.decode_for = lambda path, *rest: seen.append(path) or decode(path, *rest)
    if how == "begin":
        print("begun", flush=True)
    loader = loader_of(source, DiskCache(Path(folder)))
    loader.renderings.clear()  # no resize, which would load torch
    for epoch in (1, 2):
        list(loader.batches(epoch, True))
    print(len(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
