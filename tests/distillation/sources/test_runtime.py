"""Teachers by OpenVINO: the engine's logits to rounding, its cache, and one sentence for errors."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch
from models_of_others import PIXELS, Usual, eights, small_network
from one_sentence import refused
from series import classifier
from small_modules import chained, seeded

from deelish import *
from deelish.distillation.sources.network import NetworkModel
from deelish.engines.openvino import process as openvino_process
from deelish.engines.precision import processor_has_bfloat16
from deelish.errors import DataError, FileError, MissingPackageError, TrainingError
from deelish.network.viewing import Viewing
from deelish.plan.sequence_format import SequenceFormat

pytest.importorskip("onnx", reason="the package onnx is not installed")
needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="the package openvino is not installed"
)
WHOLE = {**PIXELS, "crop": 1.0}


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1, precision="float32") as deel:
        yield deel


def assert_alike(made, expected):
    """Equal to rounding in float32, as a fraction of the largest."""
    np.testing.assert_allclose(made, expected, atol=1e-5 * np.abs(expected).max())


def fast(source, **arguments):
    return Teacher(source, runtime="openvino", **arguments)


@pytest.fixture
def compiled(capsys):
    """A function that says how many times a model was compiled since it was asked last."""
    return lambda: capsys.readouterr().out.count("compiled in")


@needs_openvino
def test_a_network_has_the_logits_of_the_engine_in_every_batch(compiled):
    network = small_network(labels=list("abcde"))
    teacher = fast(network)
    for count in (4, 2, 1, 4):
        pixels = eights(count, count)
        expected = network.batch_feature(pixels).value
        assert_alike(teacher.batch_feature(pixels).value, expected)
    assert compiled() == 1
    assert (teacher.labels, teacher.classes) == (list("abcde"), 5)
    assert "network of deelish, by OpenVINO" in repr(teacher)


@needs_openvino
def test_an_onnx_file_has_the_logits_of_onnxruntime(tmp_path):
    pytest.importorskip("onnxruntime")
    network, pixels = small_network(), eights()
    path = network.export(tmp_path / "net.onnx")
    made = fast(path).batch_feature(pixels).value
    assert_alike(made, Teacher(path).batch_feature(pixels).value)
    assert_alike(made, network.batch_feature(pixels).value)


@needs_openvino
def test_an_onnx_file_of_a_fixed_batch_takes_any_number_of_images(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    network = small_network()
    model = onnx.load(network.export(tmp_path / "net.onnx"))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    # What no other batch size can pass.
    shape = onnx.numpy_helper.from_array(np.array([4, 3, 8, 8]), "shape")
    model.graph.initializer.append(shape)
    for node in model.graph.node:
        node.input[:] = ["four" if name == "data" else name for name in node.input]
    model.graph.node.insert(0, onnx.helper.make_node("Reshape", ["data", "shape"], ["four"]))
    onnx.save(model, tmp_path / "four.onnx")
    for count in (3, 4, 9):
        pixels = eights(count)
        made = fast(tmp_path / "four.onnx").batch_feature(pixels).value
        assert_alike(made, network.batch_feature(pixels).value)


@needs_openvino
def test_a_torch_module_of_any_dtype_has_its_own_logits_and_is_not_changed():
    pytest.importorskip("onnxscript")
    module = Usual().double().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    own = Teacher(module, **WHOLE).batch_feature(eights()).value
    made = fast(module, **WHOLE).batch_feature(eights(1)).value
    assert_alike(made, own[:1])
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@needs_openvino
def test_an_update_of_the_weights_is_seen_at_the_next_batch(compiled):
    network, pixels = small_network(), eights()
    teacher = fast(network)
    before = teacher.batch_feature(pixels).value
    with torch.no_grad():
        for value in network.module.parameters():
            value.mul_(1.5)
    after = teacher.batch_feature(pixels).value
    assert not np.allclose(before, after, rtol=0.01)
    assert_alike(after, network.batch_feature(pixels).value)
    assert compiled() == 2


@needs_openvino
def test_a_training_that_begins_with_a_small_batch_compiles_the_full_one(compiled, session):
    network, teacher = small_network(), None
    teacher = fast(network)
    for count in (2, 6, 6, 2):
        images = Input(list(eights(count)))
        images.viewing = Viewing(full_batch=6)
        made = teacher.engine.numpy(teacher.logits(images))
        assert_alike(made, network.batch_feature(eights(count)).value)
    assert compiled() == 1


@needs_openvino
def test_logits_that_differ_are_an_error_that_names_teacher_and_difference(monkeypatch):
    wrong, own = small_network(), NetworkModel.onnx_path
    with torch.no_grad():
        for value in wrong.module.parameters():
            value.mul_(1.01)
    monkeypatch.setattr(NetworkModel, "onnx_path", lambda _, *how: own(NetworkModel(wrong), *how))
    teacher = fast(small_network(), name="Ann")
    for _ in range(2):
        refused(
            TrainingError,
            r"^Ann: OpenVINO's logits differ from its own by [\d.]+ of the largest, where 0\.001 is"
            " rounding; leave runtime= out$",
            lambda: teacher.batch_feature(eights()),
        )


@needs_openvino
@pytest.mark.skipif(not processor_has_bfloat16(), reason="the processor has no bfloat16")
def test_the_precision_is_that_of_the_session(tmp_path):
    network, pixels = small_network(), eights(16)
    expected = network.batch_feature(pixels).value
    network.save(tmp_path / "net.safetensors")
    apart = {}
    for precision in ("float32", "auto", "bfloat16"):
        with Deel(precision=precision):
            made = fast(tmp_path / "net.safetensors").batch_feature(pixels).value
        apart[precision] = np.abs(made - expected).max() / np.abs(expected).max()
    assert apart["float32"] < 1e-5
    assert 1e-4 < apart["auto"] < 0.05
    assert apart["bfloat16"] == apart["auto"]


@needs_openvino
def test_exact_logits_of_a_file_are_onnxruntimes(tmp_path):
    pytest.importorskip("onnxruntime")
    path, images = small_network().export(tmp_path / "net.onnx"), Input(list(eights()))
    own = Teacher(path).exact_logits(images)
    with Deel(precision="bfloat16"):
        teacher = fast(path)
        made = teacher.engine.numpy(teacher.exact_logits(images))
    assert_alike(made, own.numpy())


@needs_openvino
def test_the_threads_are_those_of_the_engine(session):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert session.engine.threads == 3
    finally:
        torch.set_num_threads(before)


@needs_openvino
def test_it_shares_the_cache_of_the_engine_in_each_precision(tmp_path):
    pytest.importorskip("onnxruntime")
    path = small_network().export(tmp_path / "net.onnx")
    module = seeded()
    prints = {}
    for precision in ("float32", "bfloat16"):
        with Deel(seed=1, precision=precision):
            network = small_network()
            for source, how in ((network, {}), (module, WHOLE), (path, {})):
                own, its = Teacher(source, **how), fast(source, **how)
                prints[precision, type(source)] = its.fingerprint()
                # onnxruntime computes a file in float32, whatever the session computes in.
                same = source is not path or precision == "float32"
                assert (own.fingerprint() == its.fingerprint()) == same
                assert its.known_fingerprint() == its.fingerprint()
    assert len(set(prints.values())) == 6


@needs_openvino
def test_features_and_exact_logits_are_the_engines():
    network, pixels = small_network(), eights()
    teacher = fast(network)
    for layer in ("conv", None):
        expected = network.feature(pixels, layer=layer).value
        np.testing.assert_array_equal(teacher.feature(pixels, layer=layer).value, expected)
    images = Input(list(pixels))
    exact, own = teacher.exact_logits(images), network.exact_logits(images)
    np.testing.assert_array_equal(teacher.engine.numpy(exact), teacher.engine.numpy(own))


@needs_openvino
def test_a_student_learns_200_batches_from_it(tmp_path, monkeypatch):
    """Both compute in turns, in one training, and the framework of one is not in the other."""
    monkeypatch.chdir(tmp_path)
    from PIL import Image

    lines = []
    for index, pixels in enumerate(eights(20)):
        Image.fromarray(pixels).save(f"{index}.png")
        lines.append(f"{index}.png {index % 5}\n")
    (tmp_path / "train.txt").write_text("".join(lines))
    losses, was_imported = {}, "openvino" in sys.modules
    for runtime in (None, "openvino"):
        with Deel(seed=1, precision="float32"):
            network = small_network()
            teacher, student = Teacher(network, runtime=runtime), small_network()
            network.untrained.clear()
            InputBatch(train="train.txt", batch_size=4, crop=1.0)

            def workout(x, t, teacher=teacher, student=student):
                logits = teacher.batch_feature(x)
                student.classify(x)
                return student.backprop(logits, distill=True, loss="mse")

            history = BatchTrain(workout, epochs=40, lr=1e-6)
            losses[runtime] = [row["loss"] for row in history]
    assert ("openvino" in sys.modules) == was_imported
    assert len(losses[None]) == 40
    np.testing.assert_allclose(losses["openvino"], losses[None], rtol=1e-3)


def test_importing_deelish_starts_nothing_of_it():
    code = "import sys, deelish, deelish.language.teachers; print('openvino' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("runtime", ["tensorrt", "OpenVINO", "", True, 3, ["openvino"]])
def test_a_runtime_that_is_not_known_is_refused(runtime):
    refused(
        DataError,
        r"^Teacher\(runtime=.+\): is not known; give 'openvino', or leave it out$",
        lambda: Teacher(small_network(), runtime=runtime),
    )


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(openvino_process, "find_spec", lambda name: None)
    refused(
        MissingPackageError,
        r"^Teacher\(runtime='openvino'\): needs the package openvino; run `pip install"
        r' "deelish\[openvino\]"`$',
        lambda: fast(small_network()),
    )


@needs_openvino
def test_what_cannot_be_written_as_onnx_is_refused(chainer):
    match = r"^Teacher .+: a (function|Chainer chain) cannot be written as .onnx, .* leave runtime"
    refused(TrainingError, match, lambda: fast(lambda x: x.mean((2, 3)), **WHOLE))
    with Deel(engine="chainer"):
        refused(TrainingError, match, lambda: fast(chained(seeded().eval()), **WHOLE))


@needs_openvino
def test_precisions_and_devices_that_it_has_not_are_refused(session, monkeypatch):
    with Deel(precision="float16"):
        refused(
            TrainingError,
            "runtime='openvino' does not compute in float16; take",
            lambda: fast(small_network()),
        )
    network = small_network()
    monkeypatch.setattr(session, "gpu", 0)
    refused(TrainingError, "computes on the CPU, and this session on GPU 0", lambda: fast(network))


@needs_openvino
def test_a_teacher_whose_changes_cannot_be_seen_is_refused():
    network = small_network()
    teacher = fast(network)
    teacher.batch_feature(eights())
    network.weights_changed()
    match = r"^Small: its weights, hooks or layers may change at any batch; or leave runtime="
    refused(TrainingError, match, lambda: teacher.batch_feature(eights()))
    network.training_ended()
    assert teacher.batch_feature(eights()).shape == (6, 5)
    network.module.register_forward_hook(lambda module, given, made: None)
    refused(TrainingError, match, lambda: teacher.batch_feature(eights()))


@needs_openvino
def test_a_network_of_sequences_is_refused():
    network = classifier(SequenceFormat("numbers", 2))
    match = "runs teachers of images, and Classifier reads sequences"
    refused(DataError, match, lambda: fast(network))


@needs_openvino
def test_a_module_that_cannot_be_exported_is_one_sentence():
    pytest.importorskip("onnxscript")

    class Branches(Usual):
        def forward(self, x):
            return super().forward(x if x.sum() > 0 else -x)

    torch.manual_seed(0)
    refused(
        FileError,
        r"^Branches: PyTorch cannot export it as \.onnx",
        lambda: fast(Branches(), key="v1", **WHOLE).batch_feature(eights()),
    )


@needs_openvino
def test_a_crash_of_its_process_is_one_sentence_and_the_next_batch_starts_another():
    network, pixels = small_network(), eights()
    teacher = fast(network)
    before = teacher.batch_feature(pixels).value
    child = teacher._runtime._process._process
    child.kill()
    child.wait()
    refused(
        TrainingError,
        "^Small: the process of OpenVINO ended with -9",
        lambda: teacher.batch_feature(pixels),
    )
    np.testing.assert_array_equal(teacher.batch_feature(pixels).value, before)
