"""The table: the lines of each row, and the ratios of its last line."""

import statistics

from speed.rows import (
    CACHED,
    CHAINER,
    EXACT,
    EXPERT,
    HAND,
    ONNX,
    OPENVINO,
    OPENVINO_EXACT,
    OURS,
    OURS_OPENVINO,
    TORCH,
)


def ratio(sides, first, second):
    """Images a second of the first over those of the second, by median; None without both."""
    pair = [sides[name] for name in (first, second) if name in sides and sides[name].rates]
    if len(pair) < 2:
        return None
    return statistics.median(a / b for a, b in zip(pair[0].rates, pair[1].rates, strict=True))


def fractions_of_floor(row, sides, costs, floor):
    """For each side that ran, the fraction of its time that the best convolutions would take.

    Args:
        costs: multiply-adds of an image by network and work.
        floor: multiply-adds a second by type and work.
    """
    fractions = {}
    for name, side in sides.items():
        if row.work and side.rates:
            seconds = (costs[net][kind] / floor[f"{side.type} {kind}"] for kind, net in row.work)
            fractions[name] = side.rate * sum(seconds)
    return fractions


def lines(row, sides, fractions):
    """The lines of one row."""
    first = row.sides[0].name
    yield f"\n{row.title:<48}{'images/s':>10}{'deelish is':>12}{'peak MB':>10}{'of floor':>10}"
    for name, side in sides.items():
        if side.absent:
            yield f"  {name}: not run, as {side.absent}"
            continue
        times = f"{ratio(sides, first, name):.2f} x"
        fraction = f"{fractions[name]:.0%}" if name in fractions else ""
        shown = f"{name}, {side.type}" if name == first and side.type else name
        yield f"  {shown:<46}{side.rate:>10.1f}{times:>12}{side.peak_mb:>10,.0f}{fraction:>10}"


def ratios(found, nin_fraction, worst):
    """The numbers of the last line; None where a side was not run.

    Args:
        found: for each row the `Found` of each side by name.
        nin_fraction: NIN's training step as a fraction of the floor.
        worst: the largest difference of a pixel, of 255.
    """
    forward, nin, distill = (
        found.get(name, {}) for name in ("googlenet-forward", "nin-step", "distill")
    )
    bfloat16 = {
        name: side for name, side in forward.items() if side.type == "bfloat16" or name == ONNX
    }
    hand = ratio(distill, HAND, OURS)
    first, later = waits(found)
    decode = found.get("decode", {}).get(OURS)
    return {
        "distill_vs_expert": ratio(distill, OURS, EXPERT),
        "distill_by_openvino_vs_expert": ratio(distill, OURS_OPENVINO, EXPERT),
        "distill_vs_plain": ratio(distill, OURS, TORCH),
        "distill_vs_chainer": ratio(distill, OURS, CHAINER),
        "stored_vs_labels": ratio(nin, CACHED, OURS),
        "student_step_vs_expert": ratio(nin, OURS, EXPERT),
        "forward_fp32_vs_openvino": ratio(forward, EXACT, OPENVINO_EXACT),
        "forward_bf16_vs_openvino": ratio(bfloat16, OURS, OPENVINO),
        "forward_fp32_vs_onnxruntime": ratio(forward, EXACT, ONNX),
        "forward_bf16_vs_onnxruntime": ratio(bfloat16, OURS, ONNX),
        "nin_step_of_floor": nin_fraction,
        "jpeg_wait_first": first,
        "jpeg_wait_later": later,
        "decode_per_core": decode.rate if decode else None,
        "decode_worst_pixel": worst,
        "overhead": None if hand is None else hand - 1,
    }


def waits(found):
    """The fraction of the first epoch that waited for images, and the median of later ones."""
    side = found.get("epoch", {}).get(OURS)
    if side is None:
        return None, None
    first, *later = (note["waited"] for note in side.notes)
    return first, statistics.median(later)
