"""What is measured: the networks, and the ways to load each."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parents[2] / "deelish" / "engines" / "runtimes" / "programs"
# Name -> title, and the class of deelish.networks or the model by name.
NETWORKS = {
    "alexnet": ("AlexNet", "AlexNet"),
    "resnet152": ("ResNet-152", "ResNet152"),
    "vgg16": ("VGG-16", "VGG16"),
    "googlenet": ("GoogLeNet", "GoogLeNet"),
}
STUDENTS = {
    "nin": ("student: Network in Network", "NetworkInNetwork"),
    "mobilenet": ("student: MobileNetV4-small", "timm/mobilenetv4_conv_small"),
}


@dataclass(frozen=True)
class Way:
    """One way to load a network.

    Attributes:
        title: what the table calls it.
        file: the extension of its file.
        job: the function of ways.py, and its arguments but files.
        argument: the name of the argument that gets the file.
        packages: what is imported.
        exact: whether it computes what deelish does, to rounding.
    """

    title: str
    file: str
    job: tuple[str, dict]
    argument: str = "path"
    packages: tuple[str, ...] = ()
    exact: bool = True

    def absent(self, found):
        """Why it cannot be run on a network, as files.py describes that; empty where it can."""
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            return f"there is no package {missing[0]}"
        return found["absent"].get(self.file, "")

    def call(self, found, source):
        """The function of ways.py and its arguments, for the files of a network."""
        function, arguments = self.job
        path = found["files"][self.file]
        arguments = {**arguments, self.argument: path}
        if function == "opencv":
            arguments["prototxt"] = str(Path(path).with_suffix(".prototxt"))
        if self.file == ".npz":
            arguments["family"] = source
        return function, arguments


def _program(runtime, title, package, file, *, exact):
    job = ("program", {"folder": str(PROGRAMS), "name": f"of_{runtime}"})
    return Way(title, file, job, packages=(package,), exact=exact)


_CHAINER = ("chainer", "google.protobuf")
THEN = {
    "opencv": Way(
        "OpenCV's dnn, .caffemodel", ".caffemodel", ("opencv", {}), "caffemodel", ("cv2",)
    ),
    "caffefunction": Way(
        "CaffeFunction, .caffemodel",
        ".caffemodel",
        ("caffe_function", {"compiled": True}),
        "caffemodel",
        _CHAINER,
    ),
    "caffefunction-python": Way(
        "  the same, protobuf in Python",
        ".caffemodel",
        ("caffe_function", {"compiled": False}),
        "caffemodel",
        _CHAINER,
    ),
    "chainer": Way(
        "deelish on Chainer, .npz",
        ".npz",
        ("deelish", {"engine": "chainer"}),
        packages=("chainer",),
    ),
}
NOW = {
    "torch": Way(
        "deelish on PyTorch, .safetensors", ".safetensors", ("deelish", {"engine": "torch"})
    ),
    **{
        f"{runtime}{suffix}": _program(runtime, f"{title}, {kind}", runtime, file, exact=not suffix)
        for runtime, title in (("onnxruntime", "onnxruntime"), ("openvino", "OpenVINO"))
        for suffix, kind, file in (
            ("", "float32 .onnx", ".onnx"),
            ("-int8", "int8 .onnx", ".int8.onnx"),
        )
    },
}
WAYS = {**THEN, **NOW}


# What is measured, or made its files.
PACKAGES = (
    *("chainer", "protobuf", "opencv-python-headless", "torch"),
    *("onnxruntime", "openvino", "timm"),
)
