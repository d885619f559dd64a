"""Int8 students on an emulated ARM processor: the same file, the same images, the same outputs."""

import os
import sys

import numpy as np

from edge_sides.limits import ANSWER, ANSWERED, run
from edge_sides.sides import WAYS

WAY = "onnxruntime-int8"


def command(options):
    """What runs answer.py on ARM: the emulator, its root, and Python there."""
    packages = os.pathsep.join([str(options.arm_packages.resolve())])
    root = options.arm_root.resolve()
    where = ["-L", str(root), "-E", "PYTHONHOME=/usr", "-E", f"PYTHONPATH={packages}"]
    return [options.qemu, *where, str(root / "usr/bin/python3.13"), str(ANSWER)]


def compare(networks, folder, options):
    """Print how far the outputs of the two machines are apart; the same as plain values."""
    print("onnxruntime, int8: this machine beside an emulated aarch64")
    results = {}
    for name, found in networks.items():
        if reason := WAYS[WAY].absent(found):
            print(f"{name}: not run: {reason}")
            continue
        outputs = {}
        for where, words in (("here", [sys.executable, str(ANSWER)]), ("arm", command(options))):
            logits = folder / f"{name}.{where}.npy"
            function, arguments = WAYS[WAY].call(found, "")
            job = {
                "way": function,
                "arguments": arguments,
                "images": str(folder / f"{name}.values.npy"),
                "logits": str(logits),
                "rounds": 1,
                "mib": 0,
            }
            made = run(job, options.seconds, words)
            if made.state != ANSWERED:
                sys.exit(f"{name}, {where}: {made.reason}")
            outputs[where] = np.load(logits)
        results[name] = apart(**outputs)
        print(
            "{0}: {images} images, largest difference {largest:.6f} of logits up to {highest:.2f}".format(
                name, **results[name]
            )
        )
    return results


def apart(here, arm):
    """How far logits (n, classes) are apart."""
    return {
        "images": len(here),
        "largest": float(abs(here - arm).max()),
        "highest": float(abs(here).max()),
        "same_answers": int((here.argmax(1) == arm.argmax(1)).sum()),
    }
