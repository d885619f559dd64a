"""Int8 students on an emulated ARM processor: the same file, the same images, the same outputs."""

import os
import sys

import numpy as np

from edge_sides.limits import ANSWER, ANSWERED, run
from edge_sides.sides import WAYS

WAY = WAYS["onnxruntime-int8"]


def command(options):
    """What runs answer.py on ARM: the emulator, its root, and Python there."""
    root = options.arm_root.resolve()
    packages = f"PYTHONPATH={options.arm_packages.resolve()}"
    where = ["-L", str(root), "-E", "PYTHONHOME=/usr", "-E", packages]
    return [options.qemu, *where, str(root / "usr/bin/python3.13"), str(ANSWER)]


def problem(options):
    """Why nothing can be emulated; empty where it can."""
    if not (options.arm_root and options.arm_packages):
        return "--qemu needs --arm-root and --arm-packages"
    needed = {
        options.arm_root / "usr/bin/python3.13": "--arm-root has no usr/bin/python3.13",
        # What its binary asks for. Debian's packages have no /lib, which a link has to be.
        options.arm_root / "lib/ld-linux-aarch64.so.1": "--arm-root has no lib, a link to usr/lib",
        options.arm_packages / "onnxruntime": "--arm-packages has no onnxruntime",
    }
    return next((words for path, words in needed.items() if not path.exists()), "")


def outputs(network, where, words, options):
    """The logits that a process computes."""
    made = run(network.job(WAY, rounds=1), options.seconds, words)
    if made.state != ANSWERED:
        sys.exit(f"{network.name}, {where}: {made.reason}")
    return np.load(network.logits)


def compare(networks, options):
    """Print how far the outputs of the two machines are apart; the same as plain values."""
    print(f"onnxruntime, int8: this machine, {os.uname().machine}, beside an emulated aarch64")
    results = {}
    for network in networks:
        if reason := WAY.absent(network.found):
            print(f"{network.title}: not run: {reason}")
            continue
        here = outputs(network, "here", [sys.executable, str(ANSWER)], options)
        there = outputs(network, "aarch64", command(options), options)
        results[network.name] = found = apart(here, there)
        print(f"{network.title}: {words_of(found)}")
    return results


def words_of(found):
    """What `apart` found, in words."""
    text = f"{found['same_classes']} of {found['images']} images in the same class, "
    if found["steps"] == 0:
        return f"{text}all logits equal"
    steps = "1 step" if found["steps"] == 1 else f"{found['steps']} steps"
    return f"{text}{found['equal']:.1%} of the logits equal, none off by more than {steps} of int8"


def apart(here, there):
    """How far int8 logits (n, classes) are apart, in steps: the smallest gap between two values."""
    gaps = np.diff(np.unique(here))
    # Equal values of one scale differ by a rounding of float32.
    step = gaps[gaps > 1e-6 * abs(here).max()].min()
    return {
        "images": len(here),
        "same_classes": int((here.argmax(1) == there.argmax(1)).sum()),
        "equal": float((abs(here - there) < step / 2).mean()),
        "steps": round(float(abs(here - there).max() / step)),
    }
