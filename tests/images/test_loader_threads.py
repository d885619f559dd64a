"""The loader's threads: how far they run ahead, and that none outlives its epoch."""

from __future__ import annotations

import gc
import threading

import pytest

from deelish.images.decoding.decode import decode_for
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.plan.rendering import Rendering


def loader_of(source, **options):
    loader = Loader(read_samples(source), seed=5, **options)
    loader.renderings.add(Rendering(8, 10))
    return loader


def background_threads():
    return [t for t in threading.enumerate() if t.name.startswith("deelish-images")]


def test_no_thread_outlives_an_epoch_or_a_closed_one(source):
    loader = loader_of(source, batch_size=2, workers=3)
    list(loader.batches(0, True))
    assert not background_threads()
    batches = loader.batches(0, True)
    next(batches)
    assert background_threads()
    batches.close()
    assert not background_threads()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_no_thread_outlives_an_error_of_the_consumer(source, error):
    def consume():
        for _ in loader_of(source, batch_size=1).batches(0, True):
            raise error

    with pytest.raises(error):
        consume()
    gc.collect()
    assert not background_threads()


def test_an_early_stop_drops_what_has_not_begun(source, monkeypatch):
    seen = []
    dropped = threading.Event()

    def held(path, *rest):
        seen.append(path)
        if len(seen) > 1:
            dropped.wait(10)
        return decode_for(path, *rest)

    monkeypatch.setattr("deelish.images.reading.decode_for", held)
    batches = loader_of(source, batch_size=1, workers=1).batches(0, False)
    next(batches)
    (thread,) = background_threads()
    # Closing drops the tasks before it waits for the image in hand.
    threading.Timer(0.5, dropped.set).start()
    batches.close()
    thread.join(10)
    assert len(seen) <= 2


def test_two_batches_are_decoded_ahead(source, monkeypatch):
    seen = []
    sixth = threading.Event()

    def noted(path, *rest):
        seen.append(path.name)
        if len(seen) == 6:
            sixth.set()
        return decode_for(path, *rest)

    monkeypatch.setattr("deelish.images.reading.decode_for", noted)
    batches = loader_of(source, batch_size=2, workers=1).batches(0, False)
    next(batches)
    assert sixth.wait(10)
    batches.close()
    assert seen == [f"{index}.png" for index in range(6)]
