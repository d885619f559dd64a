"""Any model as a student: a module of PyTorch or Chainer, or one of another library by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from deelish.common.arguments import checked_call
from deelish.language.choosing import Wishes, chosen, is_choice
from deelish.language.learning import Learning
from deelish.language.session import current_session
from deelish.network.labels import LabelNames, Labels
from deelish.network.module_network import ModuleNetwork, ModuleParts
from deelish.network.module_opening import ModuleOptions, opened, parts_of
from deelish.network.stated_pixels import PixelOptions


class Student(Learning, ModuleNetwork):
    """Any model as a student, with every verb that a network of rows has.

    ``student = Student("timm/mobilenetv4_conv_small", labels="data/labels.txt")``

    With ``fits=`` it is chosen among small models of timm: ``Student(fits="raspberry-pi-3",
    milliseconds=30, teacher=teacher)`` measures them, prints a table, and takes the most accurate
    that fits, with the labels, size and preprocessing of the teacher.

    Args:
        source: a torch.nn.Module or a chainer.Link, which is trained itself and not copied; or the
            name of a model: ``"timm/mobilenetv4_conv_small"``, ``"torchvision/resnet18"``,
            ``"efficientnet/lite0"``; or a student that was pushed, ``"hf-hub:user/name"``.
        labels: a file, a list of names, or a count. Where the module has another number of
            outputs, its last layer is replaced by a new one, and a line says so.
        pretrained: of a model by name, whether its library loads the published weights; a text
            names these where there are several.
        arguments: of a model by name, further arguments of the function that makes it, such as
            dict(drop_path_rate=0.1).
        name: what it is called; left out, what the module is called.
        output: which part of the module's output the logits are, an index or a key, where it
            returns a tuple or a dict.
        head: the name of its last layer, or several, where they cannot be found.
        preprocessing: torchvision's ``weights.transforms()``, or a `Preprocessing`.
        fits: in place of a source, the device that the student shall fit: "raspberry-pi-3",
            "raspberry-pi-zero-2" and other names of `Compare`.
        milliseconds: how long an image may take there, by a guess that the table explains; left
            out, as long as it likes.
        teacher: for ``fits=``, whose labels and pixels it takes, unless `labels` names others.
        **pixels: size, order, mean, scale, crop, crop_mode, interpolation and antialias, as for
            `Teacher`.

    Attributes:
        module: what the engine trains; ``module.module`` is the user's own.
        labels: names of the classes, or None.
        untrained: layers that have their initial weights still, neither loaded nor trained.
        version: raised at each update of the weights.

    Raises:
        TrainingError: the source cannot learn: no trainable weights, another device or type, no
            logits.
        PlanError: there is no model of this name.
        MissingPackageError: its library is not installed.
        DataError: preprocessing or labels that do not fit; an unknown device, or nothing fits it.
        UsageError: there is neither a source nor ``fits=``.

    >>> from torch import nn
    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))
    >>> pixels = dict(size=8, mean=127.5, scale=1 / 127.5, crop=1)
    >>> small = Student(module, labels=["cat", "dog"], name="Small", **pixels)
    Small: takes ...
    >>> small.parameters
    386
    """

    @checked_call(*PixelOptions.__annotations__)
    def __init__(
        self,
        source: Any = None,
        *,
        labels: Labels | None = None,
        pretrained: bool | str = False,
        arguments: Mapping[str, Any] | None = None,
        name: str | None = None,
        output: int | str | None = None,
        head: str | Sequence[str] = (),
        preprocessing: Any = None,
        fits: str | None = None,
        milliseconds: float | None = None,
        teacher: Any = None,
        **pixels: Unpack[PixelOptions],
    ) -> None:
        options = ModuleOptions(pretrained, arguments, name, output, preprocessing, pixels)
        wishes = Wishes(fits, milliseconds, teacher)
        fixed = {
            "arguments": arguments,
            "output": output,
            "head": head,
            "preprocessing": preprocessing,
        }
        if is_choice(source, wishes, {**fixed, **pixels}):
            parts, labels = chosen(wishes, labels, options)
        else:
            parts = parts_of(source, labels, options)
        self._start(parts)
        count = None if labels is None else LabelNames.of(labels).count
        self._fit(count, [*head] if isinstance(head, list | tuple) else [str(head)])

    def _start(self, parts: ModuleParts) -> None:
        session = current_session()
        super()._start(parts)
        session.used(self)

    def __getattr__(self, name: str) -> Any:
        # Scripts of PyTorch call train(), to() and state_dict() of what they train.
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}; the module that it trains is module.module"
        )

    @classmethod
    @checked_call()
    def load(cls, path: str | Path, module: Any = None) -> Student:
        """The student of a file that `save` wrote.

        Args:
            path: a .safetensors.
            module: for a student that was made from a module of one's own, such a module again;
                it gets the weights. One made by name is made again without it.

        Raises:
            FileError: the file is missing, damaged, no student's, or of another module.
            MissingPackageError: the library that made it is not installed.

        >>> path = student.save("student.hdf5")
        >>> Network.load("student.hdf5").labels
        ['cat', 'dog']
        """
        return cls.of(opened(path, module))
