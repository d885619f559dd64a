"""Teachers that are .onnx files: deelish's own, and those of other programs."""

import numpy as np
import pytest
from helpers import small, write_set
from models_of_others import as_input, eights, small_network

from deelish import Deel
from deelish.distillation.sources.onnx import OnnxModel
from deelish.errors import DataError, FileError, PlanError
from deelish.language.teachers import Teacher


def test_an_onnx_file_of_deelish_has_its_preprocessing_labels_and_logits(session, tmp_path):
    network, pixels = small_network(labels=list("abcde")), eights()
    network.export(tmp_path / "net.onnx")
    teacher = Teacher(tmp_path / "net.onnx")
    assert teacher.preprocessing == network.preprocessing
    assert (teacher.labels, teacher.classes, teacher.name) == (list("abcde"), 5, "net")
    reference = network.batch_feature(pixels).value
    np.testing.assert_allclose(teacher.batch_feature(pixels).value, reference, rtol=1e-3, atol=1e-3)
    with pytest.raises(PlanError, match="a model of ONNX shows no inner layers"):
        teacher.feature(pixels, layer="conv")


def foreign_onnx(path, batch, shape=("C", "H", "W"), softmax=True):
    """A model of another program: global mean, then a matrix, then perhaps a softmax."""
    from onnx import TensorProto, helper, numpy_helper, save

    matrix = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["prob"], axis=1),
    ]
    graph = helper.make_graph(
        nodes if softmax else nodes[:3],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])],
        [helper.make_tensor_value_info("prob" if softmax else "scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return matrix


@pytest.mark.parametrize("batch", ["n", 1, 4])
@pytest.mark.parametrize("softmax", [True, False])
def test_an_onnx_file_of_others_gives_logits_for_any_number_of_images(tmp_path, batch, softmax):
    matrix = foreign_onnx(tmp_path / "other.onnx", batch, (3, 8, 8), softmax)
    with Deel():
        teacher = Teacher(tmp_path / "other.onnx", mean=127.5, scale=1 / 127.5, crop=1.0)
        logits = teacher.batch_feature(eights()).value
    reference = as_input(eights()).mean((2, 3)) @ matrix
    np.testing.assert_allclose(logits, reference, rtol=1e-4, atol=1e-5)
    assert teacher.preprocessing.size == 8


def test_an_onnx_file_with_weights_beside_it_runs(tmp_path):
    import onnx

    matrix = foreign_onnx(tmp_path / "one.onnx", "n", (3, 8, 8))
    beside = {"save_as_external_data": True, "location": "weights", "size_threshold": 0}
    onnx.save(onnx.load(tmp_path / "one.onnx"), tmp_path / "two.onnx", **beside)
    facts = {"mean": 127.5, "scale": 1 / 127.5, "crop": 1.0}
    with Deel():
        teacher = Teacher(tmp_path / "two.onnx", **facts)
        logits = teacher.batch_feature(eights()).value
        before = teacher.fingerprint()
        data = bytearray((tmp_path / "weights").read_bytes())
        data[0] ^= 1
        (tmp_path / "weights").write_bytes(data)
        assert Teacher(tmp_path / "two.onnx", **facts).fingerprint() != before
    np.testing.assert_allclose(logits, as_input(eights()).mean((2, 3)) @ matrix, atol=1e-4)


def test_an_onnx_file_takes_no_other_size_than_its_own(tmp_path):
    foreign_onnx(tmp_path / "other.onnx", "n", (3, 8, 8))
    with (
        Deel(),
        pytest.raises(DataError, match="its size would be 9, but the model of ONNX takes 8 alone"),
    ):
        Teacher(tmp_path / "other.onnx", size=9)


def test_damaged_and_missing_files_are_refused(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\x00\x01 no model")
    with Deel(), pytest.raises(FileError, match=r"bad\.onnx: is no model of ONNX"):
        Teacher(tmp_path / "bad.onnx")
    with Deel(), pytest.raises(FileError, match=r"none\.onnx: no such file"):
        Teacher(tmp_path / "none.onnx")
    foreign_onnx(tmp_path / "rank3.onnx", "n", (3, 8))
    with Deel(), pytest.raises(FileError, match=r"\(n, 3, size, size\) or \(n, 1, size, size\)"):
        Teacher(tmp_path / "rank3.onnx")


def test_an_onnx_file_computes_on_the_cores_that_the_process_may_use(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("deelish.formats.onnx.runtime.available_cores", lambda: 3)
    file = small_network().export(tmp_path / "net.onnx")
    options = OnnxModel(file, -1)._session.get_session_options()
    assert options.intra_op_num_threads == 3


def test_numbers_of_8_bits_are_parameters_and_their_scales_are_not(session, tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    images, net = write_set(tmp_path, "train", 8), small()
    net.untrained.clear()
    for name, options in (("float", {}), ("small", {"int8": images})):
        path = net.export(tmp_path / f"{name}.onnx", **options)
        assert Teacher(path).parameters == net.parameters
