"""Runs a .param, with its .bin, by ncnn."""

import json
from pathlib import Path

import ncnn
import numpy as np

# What stands before weights of 16 bits in a .bin.
FLOAT16 = (0x01306B47).to_bytes(4, "little")


class Program:
    """A network of one input, of an image; its sides are in the .param or in deelish's notes."""

    def __init__(self, path: str, threads: int) -> None:
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        self._net.opt.use_vulkan_compute = False
        weights = Path(path).with_suffix(".bin")
        if not _is_float16(weights):
            # It would round numbers of 32 bits between layers, too.
            options = self._net.opt
            options.use_fp16_packed = options.use_fp16_storage = False
            options.use_fp16_arithmetic = False
        if self._net.load_param(path):
            raise ValueError("it is no text of ncnn's layers")
        if self._net.load_model(str(weights)):
            raise ValueError("its .bin is damaged or missing")
        inputs, outputs = self._net.input_names(), self._net.output_names()
        if len(inputs) != 1:
            raise ValueError("it has other inputs than one of images")
        self._input, self._output = inputs[0], outputs[0]
        self.input_shape = _stated(path) or _noted(path)

    def run(self, values: np.ndarray) -> np.ndarray:
        """Logits of any number of images."""
        return np.stack([self._part(np.ascontiguousarray(image)) for image in values])

    def _part(self, image: np.ndarray) -> np.ndarray:
        extractor = self._net.create_extractor()
        # The matrix does not own the numbers of the array.
        extractor.input(self._input, ncnn.Mat(image))
        failed, made = extractor.extract(self._output)
        if failed:
            raise ValueError(f"its output cannot be computed (error {failed})")
        return np.array(made, np.float32)


def _is_float16(weights: Path) -> bool:
    with weights.open("rb") as file:
        return file.read(len(FLOAT16)) == FLOAT16


def _stated(path: str) -> tuple[int, ...] | None:
    """The sides in the line of the input: `Input in0 0 1 in0 0=width 1=height 2=channels`."""
    for line in Path(path).read_text("utf-8").splitlines():
        words = line.split()
        if words and words[0] == "Input":
            sides = dict(word.split("=") for word in words if "=" in word)
            if {"0", "1", "2"} <= sides.keys():
                return int(sides["2"]), int(sides["1"]), int(sides["0"])
    return None


def _noted(path: str) -> tuple[int, ...] | None:
    """The sides that deelish notes beside the network."""
    notes = Path(path).with_suffix(".json")
    if not notes.is_file():
        return None
    pixels = json.loads(json.loads(notes.read_text("utf-8"))["preprocessing"])
    return (1 if pixels["order"] == "L" else 3), pixels["size"], pixels["size"]
