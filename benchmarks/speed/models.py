"""Writes the networks of the table in all formats, and notes what they cost and on what machine."""

import contextlib

from deelish import *
from deelish.comparison.timing import machine
from deelish.errors import FileError
from deelish.networks import GoogLeNet, NetworkInNetwork
from deelish.plan import Plan
from deelish.plan.summary import costs, multiply_adds
from speed.work import Task

FAMILIES = {"googlenet": GoogLeNet, "nin": NetworkInNetwork}


class Models(Task):
    """The networks with initial weights, as .safetensors, .caffemodel and, where it can be, .onnx.

    notes: `machine`; for each network the multiply-adds of an image, "forward" and "step".
    """

    def __init__(self, setting):
        super().__init__(setting)
        Deel(engine="torch", precision="float32")
        self.notes["machine"] = machine()
        for name in FAMILIES:
            network = made(name, setting.sizes[name])
            network.save(setting.file(name, ".safetensors"))
            network.save(setting.file(name, ".caffemodel"))
            # Without the package onnx; onnxruntime's side says what it misses.
            with contextlib.suppress(FileError):
                network.export(setting.file(name, ".onnx"))
            self.notes[name] = {"forward": multiply_adds(network.plan), "step": step(network.plan)}


def made(name, size):
    """A network of a thousand classes, with the main classifier alone."""
    card = FAMILIES[name].weights
    plan, pixels = card.plan(in_size=size), card.preprocessing(size)
    rows = [layer for layer in plan.layers if layer.phase != "TRAIN"]
    network = Network(
        Plan(rows, plan.inputs, plan.name),
        in_size=size,
        order=pixels.order,
        mean=pixels.mean,
        scale=pixels.scale,
        crop=pixels.crop,
    )
    # Initial weights do here: deelish is to take them for trained.
    network.untrained.clear()
    return network


def step(plan):
    """Multiply-adds of a training step for an image: thrice the forward pass.

    The layers that read the pixels have no gradient to pass on, and count twice.
    """
    first = sum(cost.multiply_adds for cost in costs(plan) if plan.data in cost.layer.bottoms)
    return 3 * multiply_adds(plan) - first
