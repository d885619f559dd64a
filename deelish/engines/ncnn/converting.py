"""From an exported program to ncnn's .param and .bin, by the program pnnx: a child process.

pnnx reads an .onnx too, but takes fewer average poolings from it, and a pyramid of maxima wrongly.
"""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from deelish.engines.child import ChildError, serve
from deelish.engines.torch.edge.place import place_in, program_in

TRACED, MADE, WEIGHTS = "module.pt", "module.ncnn.param", "module.ncnn.bin"
# The number of the format, and the line of counts after it.
_HEAD = 2


def convert(folder: Path, precision: str) -> None:
    """Write the .param and .bin of the folder's program, beside it.

    Args:
        folder: holds the program.
        precision: of the weights, "float32" or "float16".
    """
    program = program_in(folder)
    (example,) = program.example_inputs[0]
    with torch.no_grad():
        trace: Any = torch.jit.trace
        traced = trace(program.module(), (example,), check_trace=False)
    traced.save(folder / TRACED)
    size = ",".join(map(str, example.shape))
    run = subprocess.run(
        [_program(), TRACED, f"inputshape=[{size}]f32", f"fp16={int(precision == 'float16')}"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    made = folder / MADE
    if run.returncode or not made.is_file() or not (folder / WEIGHTS).is_file():
        lines = (run.stdout + run.stderr).decode("utf-8", "replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        raise ChildError(f"pnnx ended with {run.returncode}: {said}")
    _check_kinds(made.read_text("utf-8"), program)


def _program() -> str:
    spec = find_spec("pnnx")
    (folder,) = (spec and spec.submodule_search_locations) or [""]
    return str(Path(folder, "pnnx"))


def _check_kinds(param: str, program: Any) -> None:
    """Refuse operations that pnnx has left as PyTorch calls them: aten::clamp_min, torch.cumsum."""
    import ncnn

    kinds = [words[0] for line in param.splitlines()[_HEAD:] if (words := line.split())]
    unknown = [kind for kind in kinds if ncnn.layer_to_index(kind) < 0]
    if unknown:
        # An expression is what goes into one of the others.
        kind = next((each for each in unknown if each != "pnnx.Expression"), unknown[0])
        operator = kind.replace("::", ".").rpartition(".")[2]
        error = ChildError(f"aten.{operator}")
        raise ChildError(f"it has no layer {kind}", place_in(program, error))


def _place(error: Exception) -> str:
    return error.at if isinstance(error, ChildError) else ""


if __name__ == "__main__":
    serve(convert, _place)
