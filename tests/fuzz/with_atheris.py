"""A coverage-guided search for files that the reader of Caffe's files does not survive.

``python tests/fuzz/with_atheris.py -max_total_time=1800``, with any options of libFuzzer. Each new
kind of failure is printed at once and its input kept in ``--folder``, beside the corpus, from which
the next search goes on. Needs the extra ``fuzz``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path
from random import Random

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(
    include=["deelish.formats.caffe", "deelish.plan", "deelish.formats"]
):
    from fuzz.mutants import MUTATORS, TABLES, check_net, check_refusal, wishes_of
    from fuzz.plain import Means
    from fuzz.seeds import Seed, material_folder, seeds

    from deelish.errors import DeelishError
    from deelish.formats.caffe.mean import read_mean
    from deelish.formats.caffe.network import open_net

# Seconds for one input, of which counting the branches takes most.
LIMIT = 5
LARGEST_SEED = 4000
# Control characters at the beginning tell a binary file from a text.
_TEXT = bytes(range(32, 256)) + b"\t\n\r"


class Search:
    """Opens each input as weights, as text and as a mean, and keeps what went wrong, once each."""

    def __init__(self, seeds: list[Seed], folder: Path) -> None:
        self.seeds = [seed for seed in seeds if len(seed.content) <= LARGEST_SEED]
        self.path = folder / "net"
        self.folder = folder
        self.known: set[tuple[object, ...]] = set()

    def write_seeds(self, folder: Path) -> None:
        """Write them into the folder of the corpus."""
        for number, seed in enumerate(self.seeds):
            if seed.kind != "hdf5":
                (folder / f"seed-{number}").write_bytes(seed.content)

    def try_one(self, data: bytes) -> None:
        """Open one input in every way."""
        self.path.write_bytes(data)
        for way in (self._weights, self._text, self._mean):
            started = time.process_time()
            try:
                way(data)
                assert time.process_time() - started < LIMIT, "takes too long"
            except Exception as error:
                self._keep(data, error)

    def _weights(self, data: bytes) -> None:
        self._net(data, self.path, None)

    def _text(self, data: bytes) -> None:
        self._net(data, None, self.path)

    def _net(self, data: bytes, weights: Path | None, definition: Path | None) -> None:
        try:
            found = open_net(weights, definition, wishes_of(Random(zlib.crc32(data))))
        except DeelishError as error:
            check_refusal(error, [self.path])
        else:
            check_net(found, len(data))

    def _mean(self, data: bytes) -> None:
        try:
            read_mean(self.path)
        except DeelishError as error:
            check_refusal(error, [self.path])

    def _keep(self, data: bytes, error: Exception) -> None:
        kind = (_place(error), _place(error.__context__))
        if kind in self.known:
            return
        self.known.add(kind)
        kept = self.folder / f"finding-{len(self.known)}"
        kept.write_bytes(data)
        print(f"\n{kept}:\n{''.join(traceback.format_exception(error))}", flush=True)

    def mutate(self, data: bytes, most: int, seed: int) -> bytes:
        """Half of the time as libFuzzer does, else as a file of its kind is damaged."""
        rng = Random(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        kind = "caffemodel" if data[:4096].translate(None, _TEXT) else "prototxt"
        others = [each.content for each in self.seeds if each.kind == kind]
        means = Means(rng, rng.choice(others), TABLES[kind])
        return rng.choice(MUTATORS[kind])(data, means)[:most]


def _place(error: BaseException | None) -> tuple[object, ...]:
    """The kind of an error, and the two innermost lines that it went through."""
    frames = traceback.extract_tb(error.__traceback__)[-2:] if error else []
    return (type(error), *((frame.filename, frame.lineno) for frame in frames))


def main() -> None:
    """Read the command line, and search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "deelish-fuzz"))
    options, rest = parser.parse_known_args()
    corpus = options.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    search = Search(seeds(material_folder()), options.folder)
    search.write_seeds(corpus)
    defaults = ["-rss_limit_mb=1024", "-timeout=60", "-max_len=8192"]
    atheris.Setup(
        [sys.argv[0], *defaults, *rest, str(corpus)],
        search.try_one,
        custom_mutator=search.mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
