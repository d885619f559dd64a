"""What a strict check of JPEG data costs, and how much of the damage it finds.

    python benchmarks/strict_jpeg.py PHOTOGRAPHS [--images 200] [--rounds 5] [--json]

PHOTOGRAPHS is a folder of JPEG files. Each is decoded by simplejpeg with its strict check and
without, in turns; medians of milliseconds an image, and of the ratio. Then each is damaged in two
ways, and the share is counted that the strict decoder finds and Pillow does not.
"""

import argparse
import json
import random
import statistics
import time
from io import BytesIO
from pathlib import Path

import simplejpeg
from PIL import Image
from speed.options import at_least

# The coded pixels begin behind this marker.
CODE = b"\xff\xda"


def seconds(files, strict):
    """Of decoding all files once."""
    start = time.perf_counter()
    for data in files:
        simplejpeg.decode_jpeg(data, "RGB", strict=strict)
    return time.perf_counter() - start


def flipped(data, rng):
    """One to six bits of the coded pixels flipped."""
    changed, first = bytearray(data), data.index(CODE) + 16
    for _ in range(rng.randint(1, 6)):
        changed[rng.randrange(first, len(data) - 2)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def zeroed(data, rng):
    """64 to 500 bytes of the coded pixels set to 0."""
    changed, first, length = bytearray(data), data.index(CODE) + 16, rng.randint(64, 500)
    start = rng.randrange(first, max(first + 1, len(data) - 2 - length))
    changed[start : start + length] = bytes(min(length, len(data) - 2 - start))
    return bytes(changed)


def is_found(data):
    """Whether the strict decoder refuses it."""
    try:
        simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except ValueError:
        return True
    return False


def pillow_finds(data):
    """Whether Pillow refuses it."""
    try:
        Image.open(BytesIO(data)).load()
    except Exception:
        return True
    return False


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("photographs", metavar="PHOTOGRAPHS", type=Path)
    options.add_argument("--images", type=at_least(1), default=200)
    options.add_argument("--rounds", type=at_least(1), default=5)
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    given = options.parse_args()
    paths = sorted(given.photographs.rglob("*.[jJ][pP]*[gG]"))[: given.images]
    if not paths:
        options.error(f"{given.photographs}: holds no JPEG file; name a folder of photographs")
    files = [path.read_bytes() for path in paths]
    seconds(files, strict=False)
    pairs = [(seconds(files, False), seconds(files, True)) for _ in range(given.rounds)]
    each = [1000 * statistics.median(column) / len(files) for column in zip(*pairs, strict=True)]
    ratio = statistics.median(strict / plain for plain, strict in pairs)
    print(f"{len(files)} photographs, ms an image: {each[0]:.3f} without, {each[1]:.3f} strict")
    print(f"strict / without, median of {given.rounds} rounds: {ratio:.4f}")
    found = {}
    for damage in (flipped, zeroed):
        rng = random.Random(1)
        mutants = [damage(data, rng) for data in files]
        found[damage.__name__] = [
            sum(map(check, mutants)) / len(files) for check in (is_found, pillow_finds)
        ]
        strict, pillow = found[damage.__name__]
        print(
            f"{damage.__name__}: found by the strict decoder {strict:.0%}, by Pillow {pillow:.0%}"
        )
    if given.json:
        print(json.dumps({"milliseconds": each, "ratio": ratio, "found": found}))


if __name__ == "__main__":
    main()
