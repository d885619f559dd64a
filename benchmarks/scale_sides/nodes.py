"""Two nodes on one machine: network namespaces with a cable between them; root on Linux."""

import os
import subprocess
from contextlib import contextmanager

NAMES = ("deelish-a", "deelish-b")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
CABLES = ("dlcable-a", "dlcable-b")


def _run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


def possible():
    """Whether this machine lets us make network namespaces."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    try:
        with two_nodes():
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def two_nodes(mbit=None):
    """Namespaces NAMES with the addresses ADDRESSES; mbit bounds the link, in both directions."""
    try:
        for name in NAMES:
            _run("ip", "netns", "add", name)
        _run("ip", "link", "add", CABLES[0], "type", "veth", "peer", "name", CABLES[1])
        for name, address, cable in zip(NAMES, ADDRESSES, CABLES, strict=True):
            _run("ip", "link", "set", cable, "netns", name)
            _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", cable)
            _run("ip", "-n", name, "link", "set", cable, "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")
            if mbit:
                bound = ["rate", f"{mbit}mbit", "burst", "128kb", "latency", "50ms"]
                _run("tc", "-n", name, "qdisc", "add", "dev", cable, "root", "tbf", *bound)
        yield
    finally:
        for name in NAMES:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def command(number, words):
    """What starts a program in the first or the second node."""
    return ["ip", "netns", "exec", NAMES[number], *words]


def variables(number):
    """What its environment needs: both hosts have one name, which means each its own loopback."""
    return {"GLOO_SOCKET_IFNAME": CABLES[number]}
