"""The table: the lines of each row, and the ratios that stand for it."""

import statistics

from speed.rows import CHAINER, EXACT, HAND, ONNX, OURS, STORED, TORCH


def ratio(sides, first, second):
    """The first side's rate over the second's, the median over the rounds; None without both."""
    pair = [sides[name] for name in (first, second) if name in sides and sides[name].rates]
    if len(pair) < 2:
        return None
    return statistics.median(a / b for a, b in zip(pair[0].rates, pair[1].rates, strict=True))


def shares_of_floor(row, sides, costs, floor):
    """For each side that ran, the share of its time that the best convolutions would take.

    Args:
        costs: multiply-adds of an image by network and work.
        floor: multiply-adds a second by type and work.
    """
    shares = {}
    for name, side in sides.items():
        if row.work and side.rates:
            seconds = (costs[net][kind] / floor[f"{side.type} {kind}"] for kind, net in row.work)
            shares[name] = side.rate * sum(seconds)
    return shares


def lines(row, sides, shares):
    """The lines of one row."""
    first = row.sides[0].name
    yield f"\n{row.title:<48}{'images/s':>10}{'deelish is':>12}{'peak MB':>10}{'of floor':>10}"
    for name, side in sides.items():
        if side.absent:
            yield f"  {name}: not run, as {side.absent}"
            continue
        times = f"{ratio(sides, first, name):.2f} x"
        share = f"{shares[name]:.0%}" if name in shares else ""
        shown = f"{name}, {side.type}" if name == first and side.type else name
        yield f"  {shown:<46}{side.rate:>10.1f}{times:>12}{side.peak_mb:>10,.0f}{share:>10}"


def ratios(found, nin_share, worst):
    """The numbers of the last line; None where a side was not run.

    Args:
        found: for each row the `Found` of each side by name.
        nin_share: NIN's training step as a share of the floor.
        worst: the largest difference of a pixel, of 255.
    """
    forward, learns, taught = (
        found.get(name, {}) for name in ("googlenet-forward", "nin-step", "distill")
    )
    half = {name: side for name, side in forward.items() if side.type == "bfloat16" or name == ONNX}
    hand = ratio(taught, HAND, OURS)
    first, later = waits(found)
    decode = found.get("decode", {}).get(OURS)
    return {
        "distill_vs_plain": ratio(taught, OURS, TORCH),
        "distill_vs_chainer": ratio(taught, OURS, CHAINER),
        "stored_vs_labels": ratio(learns, STORED, OURS),
        "forward_fp32_vs_onnxruntime": ratio(forward, EXACT, ONNX),
        "forward_bf16_vs_onnxruntime": ratio(half, OURS, ONNX),
        "nin_step_of_floor": nin_share,
        "jpeg_wait_first": first,
        "jpeg_wait_later": later,
        "decode_per_core": decode.rate if decode else None,
        "decode_worst_pixel": worst,
        "overhead": None if hand is None else hand - 1,
    }


def waits(found):
    """The share of the first epoch that waited for images, and that of later ones, the median."""
    side = found.get("epoch", {}).get(OURS)
    if side is None:
        return None, None
    first, *later = (note["waited"] for note in side.notes)
    return first, statistics.median(later)
