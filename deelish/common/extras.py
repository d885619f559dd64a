"""How the optional packages are installed: the ends of errors about one that is missing."""

from __future__ import annotations

MODELS = 'run `pip install "deelish[models]"`'
ONNX = 'run `pip install "deelish[onnx]"`'
LITE = 'run `pip install "deelish[lite]"`'
COMPLETION = 'run `pip install "deelish[completion]"`'
PAGE = 'run `pip install "deelish[page]"`'
HUB = 'run `pip install "deelish[hub]"`'
OPENVINO = 'run `pip install "deelish[openvino]"`'
REMOTE = 'run `pip install "deelish[remote]"`'
LITERT = 'run `pip install "deelish[litert]"`'
EXECUTORCH = 'run `pip install "deelish[executorch]"`'
NCNN = 'run `pip install "deelish[ncnn]"`'
