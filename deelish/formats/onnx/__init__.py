"""A network as an ONNX model: nodes of ONNX's standard operators, written from its rows."""
