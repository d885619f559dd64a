"""The text of a deploy net."""

from __future__ import annotations

import pytest

from deelish.formats.caffe import prototxt
from deelish.formats.caffe.prototxt import quoted
from deelish.plan import Layer, Plan

EXPECTED = """\
name: "tiny"
layer {
  name: "data"
  type: "Input"
  top: "data"
  input_param {
    shape {
      dim: 1
      dim: 3
      dim: 8
      dim: 9
    }
  }
}
layer {
  name: "conv"
  type: "Convolution"
  bottom: "data"
  top: "conv"
  convolution_param {
    num_output: 4
    kernel_h: 3
    kernel_w: 1
    stride: 2
    bias_term: false
    weight_filler {
      type: "gaussian"
      std: 0.01
    }
  }
}
layer {
  name: "relu"
  type: "ReLU"
  bottom: "conv"
  top: "conv"
}
layer {
  name: "pool"
  type: "Pooling"
  bottom: "conv"
  top: "pool"
  pooling_param {
    pool: AVE
    kernel_size: 2
  }
}
"""


def test_the_text_in_full() -> None:
    layers = [
        Layer(
            "conv",
            "Convolution",
            num_output=4,
            kernel_size=(3, 1),
            stride=(2, 2),
            bias_term=False,
            weight_filler={"type": "gaussian", "std": 0.01},
        ),
        Layer("relu", "ReLU"),
        Layer("only", "TanH", phase="TRAIN"),
        Layer("pool", "Pooling", pool="AVE", kernel_size=2, phase="TEST"),
    ]
    assert prototxt(Plan(layers, {"data": (1, 3, 8, 9)}, name="tiny")) == EXPECTED


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("conv1/7x7_s2", '"conv1/7x7_s2"'),
        ('say "yes"', r'"say \"yes\""'),
        ("back\\slash", r'"back\\slash"'),
        ("a\nb\tc\rd", r'"a\nb\tc\rd"'),
        ("\x01" + "2", r'"\0012"'),
        ("Größe", r'"Gr\303\266\303\237e"'),
    ],
)
def test_strings_are_escaped(text: str, written: str) -> None:
    assert quoted(text) == written
