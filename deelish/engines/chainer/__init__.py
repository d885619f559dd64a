"""The Chainer engine."""
