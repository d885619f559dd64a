"""A network of the language: a model of rows with Deel's verbs."""

from __future__ import annotations

from pathlib import Path

from deelish.common.arguments import checked_call
from deelish.language.learning import Learning
from deelish.language.session import current_session
from deelish.network.model import Model, Parts
from deelish.network.opening import parts_of_file
from deelish.network.pretrained import find_model


class Network(Learning, Model):
    """A network: rows of layers, run by the session's engine.

    ``Network([Layer("score", "InnerProduct", num_output=10)], in_size=28, order="L", labels=10)``

    Args:
        rows: the layers, or a `Plan`.
        labels: a file, a list of names, or a count; it must fit the network's outputs.
        modelpath: weights to start from: .caffemodel, .hdf5 or .safetensors.
        in_size: side in pixels of the images that it takes.
        name: what it is called in messages and files.
        **preprocessing: order ("BGR", "RGB", "L" for grey), mean, scale, crop (the crop fraction);
            left out, RGB from -1 to 1, which the default initial weights suit. Images are
            stretched to a square; crop_mode ("center", "border"), interpolation ("bicubic" ...)
            and antialias are the fields of `Preprocessing` for other ways.

    Attributes:
        plan: the network as data.
        module: the engine's own object: a torch.nn.Module.
        labels: names of the classes, or None.
        untrained: layers that have their initial weights still, neither loaded nor trained.
        version: raised at each update of the weights.

    >>> pool = Layer("pool", "Pooling", pool="AVE", global_pooling=True)
    >>> score = Layer("score", "InnerProduct", num_output=2)
    >>> Network([pool, score], labels=["cat", "dog"], in_size=16).parameters
    8
    """

    def _start(self, parts: Parts) -> None:
        session = current_session()
        super()._start(parts)
        session.used(self)

    @classmethod
    @checked_call()
    def load(cls, path: str | Path) -> Network:
        """The network that a file holds; nothing else is needed. Caffe's own files load too.

        To fill a network that is there already, make it with ``modelpath=``.

        >>> Network.load("net.hdf5").labels
        ['cat', 'dog']
        """
        return Network.of(parts_of_file(find_model(path, cls.weights)))
