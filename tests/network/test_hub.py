"""student.push and hf-hub:user/name, against a Hub of the test's own."""

import os

import pytest
from network.fake_hub import TOKEN, fake_hub
from prepared import run_script

hub_package = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
pytest.importorskip("timm", reason="timm is not installed")

START = """
import warnings
import numpy as np
from deelish import *
from deelish.errors import DeelishError
# huggingface_hub warns of its own.
warnings.simplefilter("ignore")
deel = Deel(seed=1)
pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
"""
PUSH = (
    START
    + """
student = Student("timm/test_resnet", labels=["cat", "dog"], size=32)
print(student.push("ada/small", license="mit", about="Tells cats from dogs.", private=True))
np.save("logits.npy", student.batch_feature(pixels).value)
net = Network([Layer("score", "InnerProduct", num_output=2)], in_size=32, labels=["cat", "dog"])
net.push("ada/rows")
np.save("rows.npy", net.batch_feature(pixels).value)
"""
)
OPEN = (
    START
    + """
for make in (Student, Student.load, Teacher):
    opened = make("hf-hub:ada/small@main")
    assert opened.labels == ["cat", "dog"]
    np.testing.assert_array_equal(opened.batch_feature(pixels).value, np.load("logits.npy"))
other = Student("hf-hub:ada/small", labels=5)
assert other.batch_feature(pixels).shape == (2, 5)
for make in (Network.load, Teacher):
    rows = make("hf-hub:ada/rows").batch_feature(pixels).value
    np.testing.assert_array_equal(rows, np.load("rows.npy"))
"""
)


@pytest.fixture
def hub():
    with fake_hub() as running:
        yield running


def run(folder, text, hub, **more):
    """The lines that a script prints which knows this Hub alone, and ends well."""
    own = {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    status, printed, errors = run_script(folder, text, env={**os.environ, **own, **more})
    assert status == 0, errors
    return printed.splitlines()


def test_what_is_pushed_is_opened_elsewhere(tmp_path, hub):
    lines = run(tmp_path, PUSH, hub, HF_TOKEN=TOKEN)
    assert lines[-1] == f"{hub.address}/ada/small"
    assert set(hub.repositories) == {"ada/small", "ada/rows"}
    assert hub.private["ada/small"]
    card = hub.repositories["ada/small"]["README.md"].decode()
    assert "license: mit" in card
    assert "Tells cats from dogs." in card
    assert 'net = Student.load("hf-hub:ada/small")' in card
    assert (
        'net = Network.load("hf-hub:ada/rows")'
        in hub.repositories["ada/rows"]["README.md"].decode()
    )
    run(tmp_path, OPEN, hub)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('Student("hf-hub:ada/none")', "hf-hub:ada/none: the Hub refuses it"),
        ('Network.load("hf-hub:nobody")', "'nobody' is no repository; give user/name"),
        ('Student("hf-hub:ada/../x")', "'ada/../x' is no repository; give user/name"),
        ('Student("hf-hub:ada/small", pretrained=True)', "pretrained=...): is for a model by name"),
        (
            'Student("timm/test_resnet", labels=2, size=32).push("small")',
            "'small' is no repository",
        ),
        (
            'Student("timm/test_resnet", labels=2, size=32).push("ada/x")',
            "log in with `hf auth login`",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, hub, line, sentence):
    script = (
        f"{START}\ntry:\n    {line}\nexcept DeelishError as error:\n    print('ERROR', error)\n"
    )
    *_, printed = run(tmp_path, script, hub)
    assert printed.startswith("ERROR ")
    assert sentence in printed


def test_without_a_network_it_is_one_sentence(tmp_path, hub):
    hub.server_close()
    script = (
        f"{START}\ntry:\n    Student('hf-hub:ada/small')\nexcept DeelishError as e:\n    print(e)"
    )
    *_, printed = run(tmp_path, script, hub, HF_HUB_OFFLINE="1")
    assert "hf-hub:ada/small: the Hub refuses it" in printed
    assert "look at its name and at the network" in printed
