"""Weight files of Chainer, read and written without Chainer."""
