"""The ways to load a network and answer: each returns a function from one image to its scores.

Images are float32 (1, channels, height, width), as the network takes them; of "deelish" uint8
(1, height, width, 3), RGB, which it prepares itself. Imports are inside, as each way pays its own.
"""

import sys


def opencv(prototxt, caffemodel):
    """Caffe's way, by OpenCV's reader of Caffe files."""
    import cv2

    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromCaffe(prototxt, caffemodel)

    def answer(image):
        network.setInput(image)
        return network.forward()

    return answer


def caffe_function(caffemodel, compiled):
    """Chainer's way, and Deel's of 2016: CaffeFunction.

    Args:
        caffemodel: the file.
        compiled: whether protobuf, which parses it, is the compiled one; else that in Python,
            which pip installed on ARM.
    """
    chainer = imported_chainer(compiled)
    from chainer.links.caffe import CaffeFunction

    function = CaffeFunction(caffemodel)
    last = function.layers[-1][2][0]

    def answer(image):
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            (scores,) = function({"data": image}, [last])
        return scores.array.reshape(1, -1)

    return answer


def imported_chainer(compiled):
    """The module chainer; its messages of Caffe files parse with the protobuf that is asked for."""
    import os
    import warnings

    warnings.simplefilter("ignore")
    if not compiled:
        os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
    from deelish.engines.chainer.importing import import_chainer

    chainer = import_chainer()
    if compiled:
        _supply_messages(chainer)
    return chainer


def _supply_messages(chainer):
    """Build Chainer's messages again from their description: its own code is of protobuf 3.

    The compiled protobuf of today takes no code that was generated before 2019.
    """
    import ast
    from pathlib import Path
    from types import ModuleType

    from google.protobuf import descriptor_pool
    from google.protobuf.internal import builder

    name = "chainer.links.caffe.protobuf3.caffe_pb2"
    path = Path(chainer.__file__).parent / "links/caffe/protobuf3/caffe_pb2.py"
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    words = (word for call in calls for word in call.keywords if word.arg == "serialized_pb")
    # It is written as _b('...'), a text of bytes.
    described = next(words).value.args[0].value.encode("latin1")
    made = descriptor_pool.Default().AddSerializedFile(described)
    module = ModuleType(name)
    builder.BuildMessageAndEnumDescriptors(made, vars(module))
    builder.BuildTopDescriptorsAndMessages(made, name, vars(module))
    sys.modules[name] = module


def deelish(path, engine, family=None):
    """deelish on an engine: a file of its own, or the weights of a family in another."""
    from deelish import Deel, networks
    from deelish.cli.models import learner_of

    Deel(engine=engine)
    if engine == "torch":
        import torch

        torch.set_num_threads(1)
    network = learner_of(path) if family is None else getattr(networks, family)(modelpath=path)

    def answer(pixels):
        return network.engine.numpy(network.exact_logits(fixed(pixels, network.engine)))

    return answer


def fixed(pixels, engine):
    """Images of the network's own size, which no rendering changes: uint8 (n, side, side, 3)."""
    from deelish.network.inputs import ImageTensor

    class Pixels:
        def __len__(self):
            return len(pixels)

        def pixels(self, rendering):
            return pixels

    return ImageTensor(Pixels(), engine)


def program(folder, name, path):
    """A runtime's program of deelish, which imports the runtime and NumPy alone."""
    import importlib

    sys.path.insert(0, folder)
    return importlib.import_module(name).Program(path, 1).run
