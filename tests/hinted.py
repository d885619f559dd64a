"""A small convolutional network, and a workout in which it learns from hints."""

from deelish import Layer, Network

FACTS = {"in_size": 8, "order": "L", "mean": (0.0,), "scale": 1 / 255}


def convolutional(name, channels, *, pool=False, dropout=0.0, normal=False):
    """Two convolutions and four scores; with `pool` the maps are 4 x 4 instead of 8 x 8."""
    rows = [
        Layer("conv1", "Convolution", num_output=channels, kernel_size=3, pad=1),
        Layer("relu1", "ReLU"),
        *([Layer("pool1", "Pooling", kernel_size=2, stride=2)] if pool else []),
        *([Layer("bn1", "BatchNorm")] if normal else []),
        Layer("conv2", "Convolution", num_output=channels, kernel_size=3, pad=1),
        Layer("drop", "Dropout", dropout_ratio=dropout),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    return Network(rows, name=name, **FACTS)


def known(network):
    """The network, marked as trained: only its logits matter."""
    network.untrained.clear()
    return network


def lesson(teacher, student, hint, **options):
    """A workout in which the student learns from the logits and the hint."""

    def workout(x, t):
        logits = teacher.batch_feature(x)
        student.classify(x)
        return student.backprop(t, distill=logits, hint=hint, **options)

    return workout


def weights(network):
    state = network.engine.state(network.module)
    return {f"{layer}/{name}": array for layer in state for name, array in state[layer].items()}
