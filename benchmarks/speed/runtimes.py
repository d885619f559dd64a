"""The sides for inference alone, on files that deelish wrote: onnxruntime, OpenVINO, OpenCV."""

from deelish.engines.openvino.settings import settings_of
from speed.work import Absent, Work, pixels_of, planes, type_of


class OnnxRuntime(Work):
    """onnxruntime on the CPU."""

    def __init__(self, setting, network):
        import onnxruntime

        super().__init__(setting)
        path = setting.file(network, ".onnx")
        if not path.exists():
            raise Absent("there is no package onnx, which writes the file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setting.threads
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.pixels = pixels_of(setting, network)

    def step(self):
        (logits,) = self.session.run(None, {"data": planes(self.pixels)})
        return len(logits)


class OpenVINO(Work):
    """OpenVINO on the CPU, with the settings that deelish gives it for teachers."""

    def __init__(self, setting, network, precision="auto"):
        import openvino

        super().__init__(setting)
        path = setting.file(network, ".onnx")
        if not path.exists():
            raise Absent("there is no package onnx, which writes the file")
        self.type = type_of(precision)
        self.pixels = pixels_of(setting, network)
        core = openvino.Core()
        model = core.read_model(path)
        # A batch of a fixed size runs faster than one of any.
        model.reshape(planes(self.pixels).shape)
        self.model = core.compile_model(model, "CPU", settings_of(setting.threads, self.type))

    def step(self):
        (logits,) = self.model([planes(self.pixels)]).values()
        return len(logits)


class OpenCV(Work):
    """OpenCV's dnn, on the .caffemodel and its .prototxt."""

    def __init__(self, setting, network):
        import cv2

        super().__init__(setting)
        cv2.setNumThreads(setting.threads)
        paths = [setting.file(network, extension) for extension in (".prototxt", ".caffemodel")]
        self.net = cv2.dnn.readNetFromCaffe(*map(str, paths))
        self.pixels = pixels_of(setting, network)

    def step(self):
        self.net.setInput(planes(self.pixels), "data")
        return len(self.net.forward())
