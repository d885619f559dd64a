"""The sides for inference alone: onnxruntime and OpenCV, on files that deelish wrote."""

from speed.work import Absent, Work, pixels_of, planes


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
