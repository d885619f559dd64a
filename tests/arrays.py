"""Small networks whose outputs are images: an autoencoder, and a variational one."""

from deelish import Layer, Network

FACTS = {"in_size": 8, "order": "L", "mean": (0.0,), "scale": 1 / 255, "crop": 1.0}


def reconstruction(name="Auto", hidden=12, *, squashed=True, **facts):
    """A perceptron that makes 8 x 8 grey pixels, from 0 to 1 where it is squashed."""
    rows = [
        Layer("code", "InnerProduct", num_output=hidden),
        Layer("relu", "ReLU"),
        Layer("pixels", "InnerProduct", num_output=64),
        Layer("image", "Reshape", shape=[0, 1, 8, 8]),
        *([Layer("out", "Sigmoid", "image", "out")] if squashed else []),
    ]
    return Network(rows, name=name, **FACTS | facts)


def variational(name="Variational", code=3, *, loss_weight=1.0, **facts):
    """The same with a code that is drawn from a Gaussian."""
    rows = [
        Layer("gaussian", "InnerProduct", num_output=2 * code),
        Layer("kl", "GaussianKL", loss_weight=loss_weight),
        Layer("code", "GaussianSample", "gaussian"),
        Layer("pixels", "InnerProduct", num_output=64),
        Layer("image", "Reshape", shape=[0, 1, 8, 8]),
        Layer("out", "Sigmoid", "image", "out"),
    ]
    return Network(rows, name=name, **FACTS | facts)
