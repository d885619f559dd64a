"""The layer kinds as nodes of ONNX: one line each, in the file of its subject.

Losses and Accuracy are left out of a model.
"""

from importlib import import_module

from deelish.formats.onnx.layer_writer import Write
from deelish.plan.layers import SUBJECTS

_LEFT_OUT = "loss"

NODES: dict[str, Write] = {
    name: write
    for subject in SUBJECTS
    if subject != _LEFT_OUT
    for name, write in import_module(f"{__name__}.{subject}").NODES.items()
}
