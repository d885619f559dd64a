"""The cards: complete, consistent with their classes, and readable without an engine."""

import re
import subprocess
import sys

import pytest

from deelish import networks
from deelish.networks import CARDS, FAMILIES, models_table
from deelish.plan import summary

SIZES = {"sha1": 40, "sha256": 64, "sha384": 96}


def test_every_card_has_its_class():
    for card in CARDS.values():
        family = getattr(networks, card.family)
        assert family in FAMILIES.values()
        assert family.__name__ == card.family
        assert family.weights.family == card.family


def test_every_published_family_has_a_card():
    carded = {family.weights.name for family in FAMILIES.values() if family.weights}
    assert set(CARDS) - carded == {"squeezenet1.0"}
    own = [name for name, family in FAMILIES.items() if not family.weights]
    assert own == ["airbench", "perceptron", "shallow"]


def test_names_and_files_are_taken_once():
    assert len({card.file for card in CARDS.values()}) == len(CARDS)
    assert all(name == card.name for name, card in CARDS.items())


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_a_card_is_complete(card):
    assert card.file.endswith(".caffemodel")
    assert re.search(r"\b20\d\d\b|arXiv \d{4}\.\d{5}", card.paper)
    assert card.licence
    assert "." in card.project
    if card.address:
        assert card.address.startswith(("http://", "https://"))
        assert card.address.endswith(card.file)
    if card.checksum:
        algorithm, value = card.checksum.split(":")
        assert re.fullmatch(r"[0-9a-f]+", value)
        assert len(value) == SIZES[algorithm]
    assert len(card.labels) in (0, card.outputs)


def test_the_table_tells_what_a_network_costs_and_where_its_file_is():
    lines = models_table().splitlines()
    assert lines[0].split("  ")[0] == "name"
    assert [line.split()[0] for line in lines[1::2]] == sorted(CARDS)
    assert len(lines) == 1 + 2 * len(CARDS)
    row = next(line for line in lines if line.startswith("alexnet "))
    assert re.fullmatch(r"alexnet +AlexNet +60,965,224 +724  57\.1 / 80\.2 %", row)
    assert lines[lines.index(row) + 1] == (
        "    bvlc_alexnet.caffemodel: get it with `deelish fetch alexnet`;"
        " licence: unrestricted use"
    )
    row = next(line for line in lines if line.startswith("emotion "))
    parameters = f"{summary.parameters(CARDS['emotion'].plan()):,}"
    assert re.fullmatch(rf"emotion +EmotionNet +{parameters} +[\d,]+  none stated", row)
    assert lines[lines.index(row) + 1].startswith(
        "    EmotiW_VGG_S.caffemodel: get it from gist.github.com/"
    )


def test_no_engine_is_imported_for_any_of_it():
    code = (
        "import sys\nfrom deelish.networks import CARDS, models_table\n"
        "models_table()\nassert CARDS\n"
        "print([name for name in ('torch', 'h5py', 'onnx', 'pooch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
