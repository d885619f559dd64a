"""From an .onnx to ncnn's .param and .bin, by the program pnnx: a child process."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path

from deelish.engines.child import ChildError, serve

SOURCE, MADE, WEIGHTS = "module.onnx", "module.ncnn.param", "module.ncnn.bin"
# The number of the format, and the line of counts after it.
_HEAD = 2


def convert(folder: Path, precision: str, shape: list[int]) -> None:
    """Write the .param and .bin of the folder's .onnx, beside it.

    Args:
        folder: holds module.onnx.
        precision: of the weights, "float32" or "float16".
        shape: (1, channels, height, width) of its input.
    """
    size = ",".join(map(str, shape))
    run = subprocess.run(
        [_program(), SOURCE, f"inputshape=[{size}]f32", f"fp16={int(precision == 'float16')}"],
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
    _check_kinds(made.read_text("utf-8"), folder / SOURCE)


def _program() -> str:
    spec = find_spec("pnnx")
    (folder,) = (spec and spec.submodule_search_locations) or [""]
    return str(Path(folder, "pnnx"))


def _check_kinds(param: str, onnx: Path) -> None:
    """Refuse layers that pnnx has left as they were in the .onnx."""
    import ncnn

    for line in param.splitlines()[_HEAD:]:
        kind = line.split()[0] if line.split() else ""
        if kind and ncnn.layer_to_index(kind) < 0:
            raise ChildError(f"it has no layer {kind}", _node_of(kind, onnx))


def _node_of(kind: str, onnx: Path) -> str:
    """The first node of an operator in an .onnx; "" where there is none."""
    from onnx import load

    operator = kind.rpartition(".")[2].lower()
    nodes = load(str(onnx), load_external_data=False).graph.node
    return next((node.name for node in nodes if node.op_type.lower() == operator), "")


def _place(error: Exception) -> str:
    return error.at if isinstance(error, ChildError) else ""


if __name__ == "__main__":
    serve(convert, _place)
