"""The table of layer kinds: the docs list it whole, and other libraries' names lead to it."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from deelish.errors import PlanError
from deelish.plan import Layer, Plan, other_names
from deelish.plan.layers import KINDS, SUBJECTS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "caffe.md"


def test_the_docs_list_every_kind_under_its_subject():
    page = PAGE.read_text().partition("## Layers")[2].partition("\n\nEach name in bold")[0]
    rows = re.findall(r"^- \*\*(\w+)(.*?)(?=^- |\Z)", page, re.MULTILINE | re.DOTALL)
    listed = {s: set(re.findall(r"\b[A-Z]\w+", types)) - {"Caffe"} for s, types in rows}
    kinds = {s: set(import_module(f"deelish.plan.layers.{s}").KINDS) for s in SUBJECTS}
    assert listed == kinds
    assert set().union(*kinds.values()) == set(KINDS)


def test_the_names_of_others_lead_to_names_of_ours():
    assert {kind for kind, _ in other_names._KINDS.values()} <= KINDS.keys()
    ours = {key for kind in KINDS.values() for key in kind.args}
    assert {name for names in other_names._ARGUMENTS.values() for name in names} <= ours
    # A word that is lost on the way is in no error.
    assert all(key == key.lower() and key not in KINDS for key in other_names._KINDS)


@pytest.mark.parametrize(
    ("type", "hint"),
    [
        ("Conv2d", "deelish calls it 'Convolution'"),
        ("Conv2D", "deelish calls it 'Convolution'"),
        ("nn.Conv1d", "deelish calls it 'Convolution'"),
        ("ConvTranspose2d", "deelish calls it 'Deconvolution'"),
        ("Linear", "deelish calls it 'InnerProduct'"),
        ("Dense", "deelish calls it 'InnerProduct'"),
        ("MaxPool2d", "deelish calls it 'Pooling', with pool='MAX'"),
        ("AvgPool2d", "deelish calls it 'Pooling', with pool='AVE'"),
        ("GlobalAveragePooling2D", "it 'Pooling', with pool='AVE' and global_pooling=True"),
        ("BatchNorm2d", "deelish calls it 'BatchNorm', followed by a Scale with bias_term=True"),
        ("LeakyReLU", "deelish calls it 'ReLU', with negative_slope"),
        ("Softmax2d", "deelish calls it 'Softmax'"),
        ("Dropout2d", "deelish calls it 'Dropout'"),
        ("nn.GELU", "deelish calls it 'GELU'"),
        ("gelu", "deelish calls it 'GELU'"),
        ("Add", "deelish calls it 'Eltwise', with operation='SUM'"),
        ("Concatenate", "deelish calls it 'Concat'"),
        ("Cat", "deelish calls it 'Concat'"),
        ("CrossEntropyLoss", "deelish calls it 'SoftmaxWithLoss'"),
        ("Pool", "did you mean 'Pooling'"),
    ],
)
def test_a_type_of_another_library(type, hint):
    with pytest.raises(PlanError) as error:
        Plan([Layer("it", type)], {"data": (1, 3, 8, 8)})
    assert str(error.value).startswith(f"layer 'it' ({type}): there is no such type; ")
    assert hint in str(error.value)


@pytest.mark.parametrize(
    ("type", "name", "hint"),
    [
        ("Convolution", "out_channels", "deelish calls it 'num_output'"),
        ("Convolution", "filters", "deelish calls it 'num_output'"),
        ("InnerProduct", "units", "deelish calls it 'num_output'"),
        ("InnerProduct", "out_features", "deelish calls it 'num_output'"),
        ("InnerProduct", "use_bias", "deelish calls it 'bias_term'"),
        ("Convolution", "kernel", "deelish calls it 'kernel_size'"),
        ("Convolution", "padding", "deelish calls it 'pad'"),
        ("Convolution", "groups", "deelish calls it 'group'"),
        ("Convolution", "bias", "deelish calls it 'bias_term'"),
        ("Convolution", "in_channels", "leave it out, since the blob that the layer reads has it"),
        ("Dropout", "p", "deelish calls it 'dropout_ratio'"),
        ("Dropout", "rate", "deelish calls it 'dropout_ratio'"),
        ("LRN", "size", "deelish calls it 'local_size'"),
        ("Upsample", "size", "deelish calls it 'scale'"),
        ("ReLU", "alpha", "deelish calls it 'negative_slope'"),
        ("Concat", "dim", "deelish calls it 'axis'"),
        ("GELU", "approximate", "there is none"),
        # No argument of this kind has that meaning.
        ("ReLU", "groups", "there is negative_slope"),
    ],
)
def test_an_argument_of_another_library(type, name, hint):
    with pytest.raises(PlanError) as error:
        Plan([Layer("it", type, **{name: 1})], {"data": (1, 3, 8, 8)})
    assert str(error.value) == f"layer 'it' ({type}): takes no {name!r}; {hint}"
