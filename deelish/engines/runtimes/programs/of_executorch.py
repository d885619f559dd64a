"""Runs a .pte by ExecuTorch, whose Python runtime imports torch."""

import numpy as np
import torch
from executorch.extension.pybindings import portable_lib
from executorch.runtime import Runtime, Verification


class Program:
    """A program with a method `forward` of one input, of images; each image is a call."""

    def __init__(self, path: str, threads: int) -> None:
        torch.set_num_threads(threads)
        portable_lib._unsafe_reset_threadpool(threads)
        # Without the check, damage is found by the end of the process.
        program = Runtime.get().load_program(path, verification=Verification.InternalConsistency)
        self._program, self._method = program, program.load_method("forward")
        about = self._method.metadata
        if about.num_inputs() != 1 or len(about.input_tensor_meta(0).sizes()) != 4:
            raise ValueError("it has other inputs than one of images")
        self.input_shape = tuple(int(side) for side in about.input_tensor_meta(0).sizes()[1:])

    def run(self, values: np.ndarray) -> np.ndarray:
        """Logits of any number of images."""
        images = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        parts = [self._method.execute([images[i : i + 1]])[0] for i in range(len(images))]
        # The next call writes into the same memory.
        return np.concatenate([np.array(part, np.float32) for part in parts])
