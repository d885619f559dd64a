"""Random sound nets: every weight has the bits that OpenCV's importer reads."""

from random import Random

import numpy as np
import pytest
from fuzz.forms import blob
from torture import scaled

from deelish.formats.caffe.read import read_net, weights_of
from deelish.formats.caffe.wire import block

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
pytestmark = pytest.mark.skipif(
    not hasattr(cv2.dnn, "readNetFromCaffe"), reason="OpenCV 5 reads no Caffe files"
)
MODELS = 500
# It reads no doubles.
FORMS = ("packed", "single", "split")
# By the version of the format: the fields of a layer's name, blobs, bottom and top; its types.
VERSIONS = {
    100: (
        1,
        7,
        3,
        4,
        {"Convolution": block(2, b"Convolution"), "InnerProduct": block(2, b"InnerProduct")},
    ),
    2: (4, 6, 2, 3, {"Convolution": b"\x28\x04", "InnerProduct": b"\x28\x0e"}),
}


def numbers(rng, shape):
    """Any bits but those of NaN, which OpenCV's copies may change."""
    found = np.frombuffer(rng.randbytes(4 * int(np.prod(shape))), "<f4")
    return np.where(np.isnan(found), np.float32(1.5), found).reshape(shape)


def random_net(rng):
    """The .prototxt and the .caffemodel of a chain of convolutions that ends in a linear layer."""
    number = rng.choice(list(VERSIONS))
    name_field, blobs_field, bottom_field, top_field, kinds = VERSIONS[number]
    side, channels, bottom = rng.randrange(3, 7), rng.randrange(1, 4), "data"
    text = f"input: 'data' input_shape {{ dim: 1 dim: {channels} dim: {side} dim: {side} }}\n"
    weights, content = {}, block(1, b"net")
    for index in range(rng.randrange(1, 5)):
        outputs, kernel = rng.randrange(1, 5), rng.choice((1, 3))
        last = rng.random() < 0.3
        kind, name = "InnerProduct" if last else "Convolution", f"layer/{index}"
        count = channels * side * side if last else channels
        shape = (outputs, count) if last else (outputs, count, kernel, kernel)
        arrays = [numbers(rng, shape), numbers(rng, (outputs,))]
        about = "inner_product_param" if last else "convolution_param"
        sides = "" if last else f" kernel_size: {kernel} pad: {kernel // 2}"
        text += (
            f"layer {{ name: '{name}' type: '{kind}' bottom: '{bottom}' top: '{name}'"
            f" {about} {{ num_output: {outputs}{sides} }} }}\n"
        )
        fields = [
            block(name_field, name.encode()),
            kinds[kind],
            block(bottom_field, bottom.encode()),
        ]
        fields += [block(top_field, name.encode())]
        fields += [
            block(blobs_field, blob(array, rng.choice(FORMS), rng.random() < 0.5))
            for array in arrays
        ]
        content += block(number, b"".join(fields))
        weights[name], bottom, channels = arrays, name, outputs
        if last:
            break
    return text, content, weights


@pytest.mark.torture("A3")
def test_weights_have_the_bits_that_opencv_reads(tmp_path):
    rng, compared = Random(411), 0
    definition, path = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    for _ in range(scaled(MODELS)):
        text, content, weights = random_net(rng)
        definition.write_text(text)
        path.write_bytes(content)
        net = cv2.dnn.readNetFromCaffe(str(definition), str(path))
        found = weights_of(read_net(path))
        assert found.keys() == weights.keys()
        for name, arrays in weights.items():
            layer = net.getLayerId(name)
            for index, array in enumerate(arrays):
                theirs = net.getParam(layer, index)
                assert found[name][index].tobytes() == array.tobytes() == theirs.tobytes()
                compared += 1
    assert compared >= 2 * scaled(MODELS)
