"""A network with its weights on an engine: forward, files, tensors, labels, published weights."""
