"""The way out: OpenCV reads a saved .caffemodel with its .prototxt, and computes the same."""

import cv2
import numpy as np

from deelish import Deel, Layer, Network

rng = np.random.default_rng(0)


def test_opencv_gives_the_same_output(tmp_path):
    with Deel(seed=3):
        rows = [
            Layer("conv1", "Convolution", num_output=8, kernel_size=3, pad=1),
            Layer("relu1", "ReLU"),
            Layer("norm1", "LRN", local_size=3, alpha=0.01),
            Layer("pool1", "Pooling", kernel_size=3, stride=2),
            Layer("left", "Convolution", "pool1", num_output=4, kernel_size=1),
            Layer("right", "Convolution", "pool1", num_output=4, kernel_size=3, pad=1, group=2),
            Layer("both", "Concat", ["left", "right"]),
            Layer("drop", "Dropout"),
            Layer("pool2", "Pooling", pool="AVE", global_pooling=True),
            Layer("score", "InnerProduct", num_output=5),
            Layer("prob", "Softmax"),
        ]
        network = Network(rows, in_size=15)
        network.save(tmp_path / "net.caffemodel")
        x = rng.normal(size=(2, 3, 15, 15)).astype(np.float32)
        ours = network.run({"data": x}, ["prob"])["prob"]
    net = cv2.dnn.readNetFromCaffe(str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel"))
    net.setInput(x)
    theirs = net.forward("prob")
    assert np.allclose(ours, theirs.reshape(ours.shape), atol=1e-5)
