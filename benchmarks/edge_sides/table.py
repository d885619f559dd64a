"""The table: a line for each way to load a network, below the network's title."""

from edge_sides.limits import ANSWERED

# At rows whose figures are of a process without a limit.
FREE = "*"
HEAD = f"{'':34}{'file MB':>9}{'CPU ms':>9}{'wall ms':>9}{'peak MiB':>10}  answers"


def title(network):
    """The line of a network: its size, its work, and where its weights are from."""
    name, found = network.title, network.found
    work = found["multiply_adds"]
    counted = "" if work is None else f", {work / 1e9:.1f} G multiply-adds"
    return f"{name}: {found['parameters'] / 1e6:.1f} M parameters{counted}, {found['weights']}"


def line(title, measured, mib):
    """One way: its file, times, memory, and whether it answered within `mib`."""
    text = f"  {title:32}"
    if measured.absent:
        return f"{text}  not run: {measured.absent}"
    text += f"{measured.file / 1e6:9.1f}"
    shown = measured.limited if measured.limited.state == ANSWERED else measured.free
    if shown is not None and shown.state == ANSWERED:
        text += "{cpu_ms:9.1f}{wall_ms:9.1f}{peak_mib:10.0f}".format(**shown.figures)
    return f"{text}  {verdict(measured, mib)}"


def verdict(measured, mib):
    """Whether it answers within the limit, in words."""
    limited, free = measured.limited, measured.free
    if limited.state == ANSWERED:
        if not measured.right:
            return "OTHER VALUES than deelish's"
        # Pages of files that are mapped do not count for the limit, and can be read again.
        return "yes" if limited.figures["peak_mib"] <= mib else "yes, but mapped files have no room"
    if free is None:
        return f"no: {limited.reason}"
    if free.state == ANSWERED:
        return f"no: {limited.reason} {FREE}"
    return f"no: {limited.reason}; without a limit: {free.reason}"


def as_json(measured):
    """The same as plain values."""
    if measured.absent:
        return {"absent": measured.absent}
    made = {"file": measured.file, "right": measured.right}
    for name, outcome in (("limited", measured.limited), ("free", measured.free)):
        ended = outcome and {"state": outcome.state, "reason": outcome.reason, **outcome.figures}
        made[name] = ended
    return made
