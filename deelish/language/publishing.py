"""The verbs that give a student to others: its card, the Hub, files of other runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from deelish.common.arguments import checked_call
from deelish.comparison.card import CardFacts, card_text, checked_card
from deelish.comparison.result import Comparison
from deelish.engines.int8 import CHANNEL
from deelish.errors import FileError
from deelish.language.edge_files import FileChoices, export_file
from deelish.language.exporting import int8_model
from deelish.language.quantised import Quantised
from deelish.network.hub import CARD, FILE, PREFIX, upload
from deelish.network.learner import Learner
from deelish.storage.atomic import write_file


class Publishing(Learner):
    """A learner that can be given to others."""

    @checked_call()
    def export(
        self,
        path: str | Path,
        *,
        int8: bool | str | Path = False,
        precision: str = "float32",
        weights: str = CHANNEL,
    ) -> Path:
        """Write the evaluation mode for another runtime: .onnx, .tflite, .pte, .xml or .param.

        ``student.export("small.onnx")``, ``student.export("small.tflite", int8=True)``

        An .onnx is for any number of images: input and output are float32, batch first. The others
        take one: a .tflite for LiteRT, channels last; a .pte for ExecuTorch with XNNPACK; an .xml
        and its .bin for OpenVINO; a .param, its .bin and a .json for ncnn. Pixels go in as
        `preprocessing` says; it, the labels and the name of the logits are in the file, or in the
        .json beside. deelish does not read the file back as a network, but
        ``Teacher("small.onnx")`` runs it. Before a file takes its place its runtime runs it, and
        its logits are compared with those of the network.

        Args:
            path: the file; the extension says for which runtime.
            int8: whether weights and activations are of 8 bits, by the quantiser of the runtime's
                makers. It is calibrated on 128 training images of InputBatch, or of the list,
                folder or tars given here. ncnn has none.
            precision: of the weights: "float32" or "float16".
            weights: in int8, whether each output channel of a layer has a scale of its own,
                "channel", or each array, "tensor", as an ESP32-S3 needs it.

        Raises:
            PlanError: a layer has no counterpart in ONNX; it is named.
            FileError: another extension, more than 2 GiB of weights in an .onnx, a layer that a
                converter cannot take, or a file that gives other logits.
            MissingPackageError: a converter or its runtime is not installed.
            DataError: int8 without images to calibrate on, or words that exclude each other.

        >>> net.export("net.onnx").name
        'net.onnx'
        """
        if not isinstance(path, str | Path):
            raise FileError(f"{self.name}.export({path!r}): give the path of a file")
        target, choices = Path(path), FileChoices(int8, precision, weights)
        self.engine.group.on_rank_zero(lambda: export_file(self, target, choices))
        return target

    @checked_call()
    def quantise(
        self,
        images: bool | str | Path = True,
        *,
        weights: str = CHANNEL,
        calibration: str = "minmax",
    ) -> Quantised:
        """The network in int8: what its .onnx of 8 bits predicts, run by onnxruntime.

        ``small = student.quantise(); Compare(teacher, [student, small], test="data/test.txt")``

        Weights and activations are of 8 bits, by onnxruntime's static quantisation; BatchNorm is
        folded into the convolutions. The network itself stays as it is. Where int8 loses too much,
        train on with ``BatchTrain(workout, int8=True)`` first, taught by the network itself as it
        is now or by its teacher.

        Args:
            images: what it is calibrated on, at most 128: the training images of InputBatch, or of
                a list, a folder or tars. Never give test images.
            weights: "channel", a scale for each output channel of a layer; "tensor", one for all,
                as many microcontrollers need them.
            calibration: how the range of an activation follows from those that were seen: "minmax",
                from the least to the largest; "entropy" and "percentile" cut off rare ones.

        Raises:
            PlanError: a layer has no counterpart in ONNX; it is named.
            FileError: a missing package, or onnxruntime cannot quantise it.
            DataError: there are no images to calibrate on, or an argument is not known.

        >>> small = net.quantise("data/train.txt")
        >>> small.classify("cat.jpg").shape
        (1, 2)
        """
        model = int8_model(self, images, "quantise()", weights, calibration)
        return Quantised(model, self.name)

    @checked_call()
    def card(
        self,
        path: str | Path = "README.md",
        report: Comparison | None = None,
        *,
        file: str = "student.safetensors",
        license: str | None = None,
        data: str | Sequence[str] = (),
        about: str = "",
    ) -> Path:
        """Write a model card in the form of the Hub: metadata, metrics, pixels, how to load it.

        ``student.card("README.md", Compare(teacher, student, test="test.txt"), license="mit")``

        Args:
            path: the .md file.
            report: a comparison that measured it: accuracy with its interval, sizes, times.
            file: the name of the file of its weights, which the card loads.
            license: an identifier of the Hub, such as "mit" or "apache-2.0".
            data: the datasets that it was trained and measured on.
            about: what it is for, in your own words.

        Raises:
            FileError: another extension, a path that cannot be written, or no huggingface_hub.
            DataError: the report is of another student.

        >>> report = Compare(teacher, student, test="data/test.txt")
        >>> student.card("CARD.md", report=report).name
        'CARD.md'
        """
        target = checked_card(path)
        names = (data,) if isinstance(data, str) else tuple(data)
        text = card_text(self, report, CardFacts(file, license, names, about))
        self.engine.group.on_rank_zero(lambda: write_file(target, text.encode()))
        return target

    @checked_call()
    def push(
        self,
        name: str,
        report: Comparison | None = None,
        *,
        private: bool = False,
        license: str | None = None,
        data: str | Sequence[str] = (),
        about: str = "",
    ) -> str:
        """Put the student and its model card on the Hugging Face Hub; returns its address.

        ``student.push("ada/small", report, license="mit")``; ``Student("hf-hub:ada/small")`` opens
        it on any machine.

        Args:
            name: the repository, ``user/name``. It is made if it is not there.
            report, license, data, about: what its card says, as for `card`.
            private: whether a new repository is for its owner alone.

        Raises:
            FileError: no repository's name, nobody is logged in, or the Hub cannot be reached.
            DataError: the report is of another student.
            MissingPackageError: the package huggingface_hub is not installed.

        >>> student.push("user/name")  # doctest: +SKIP
        """
        file = f"{PREFIX}{name}"
        with TemporaryDirectory(prefix="deelish-") as folder:
            self.save_to(Path(folder, FILE))
            path = Path(folder, CARD)
            self.card(path, report, file=file, license=license, data=data, about=about)
            found: list[str] = []
            self.engine.group.on_rank_zero(
                lambda: found.append(upload(name, Path(folder), private=private))
            )
        return found[0] if found else file
