"""The session: the engine context of a script, and what a verb without an argument means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deelish.common.arguments import checked_call
from deelish.common.printing import Once
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.engines import Context, current_context, set_default_context
from deelish.errors import DataError, TrainingError
from deelish.images.in_memory import ImagesLike, InMemoryImages
from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.learner import Learner, learners_of
from deelish.network.outputs import FeatureTensor
from deelish.network.predictor import Predictor
from deelish.network.sequence_tensor import GivenSequences, SequenceTensor
from deelish.network.tensors import Tensor
from deelish.network.viewing import Viewing
from deelish.plan.preprocessing import Preprocessing
from deelish.sequences.dataset import AnyDataset
from deelish.training.trainer import Counts, Trainer


class Deel(Context):
    """A session. The newest one is the current one, until a `with` block ends.

    ``deel = Deel(gpu=-1)`` opens a session for a script; ``with Deel(seed=1) as deel:`` opens one
    for a block and gives the name back to the session before.

    Args:
        gpu: -1 for the CPU, 0 for the first GPU; under torchrun, for each process its own.
        engine: the framework that computes, "torch" or "chainer", or "numpy", which only predicts;
            left out, the one that the environment variable DEELISH_ENGINE names, else torch.
        seed: initial weights, order of images, views and dropout all follow from it.
        precision: what layers compute in. "auto" takes bfloat16 for training and for teachers
            where the device has it, and float32 for all other predictions; "float32", "bfloat16"
            and "float16" hold for all. Weights and losses are float32 always. Left out, what the
            environment variable DEELISH_PRECISION names, else "auto".
        compile: have PyTorch compile the teachers, which takes a minute for each and changes their
            logits by rounding; students train as they are, which is faster.

    Attributes:
        state: what a workout keeps from batch to batch, such as a temperature that falls: numbers,
            texts, lists and dicts of them, and NumPy arrays. Checkpoints hold it.

    Raises:
        EngineError: no such engine, no such GPU, a precision that the engine does not have, or
            another engine than torch under torchrun.

    >>> deel = Deel(gpu=-1, seed=1)
    >>> deel.training
    False
    """

    @checked_call()
    def __init__(
        self,
        gpu: int = -1,
        engine: str | None = None,
        seed: int = 0,
        precision: str | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__(gpu, engine, seed, precision, compile)
        self.dataset: AnyDataset | None = None
        self.teacher_cache: TeacherCache | None = None
        self.trainer: Trainer | None = None
        self.counts = Counts()
        # By folder of checkpoints: how many epochs were trained before, and whether it is over.
        self.resumed: dict[Path, tuple[int, bool]] = {}
        self._state: dict[str, Any] = {}
        self._once = Once()
        self._last_used: Learner | None = None
        self._last_trained: Learner | None = None

    @property
    def state(self) -> dict[str, Any]:
        """What a workout keeps from batch to batch; see above."""
        return self._state

    @state.setter
    def state(self, values: Any) -> None:
        # A training that runs holds the dict itself.
        if not isinstance(values, dict):
            raise TrainingError(
                f"deel.state is a dict, and cannot be a {type(values).__name__}; give each value a"
                " key, as in deel.state['temperature'] = 8.0"
            )
        kept = dict(values)
        self._state.clear()
        self._state.update(kept)

    @property
    def training(self) -> bool:
        """Whether workout has a batch to learn from; False for one of validation, and elsewhere.

        ``if deel.training:`` has a loss in validation that is not the one that trains.
        """
        return self.trainer is not None and self.trainer.training

    @property
    def networks(self) -> list[Learner]:
        """The networks of this session that still exist, in the order they were made."""
        return learners_of(self)

    def report_precision(self) -> None:
        """Print once what training and teachers compute in, where that is not float32."""
        if self.engine.autocast_dtype is not None:
            self._once.say(
                f"training and teachers compute in {self.engine.autocast_dtype}; in float32, and"
                " slower, with Deel(precision='float32')"
            )

    def used(self, network: Learner, *, trained: bool = False) -> None:
        """Remember which network predicted last, and which learnt last."""
        self._last_used = network
        if trained:
            self._last_trained = network

    @property
    def network(self) -> Learner:
        """The network last trained; before any training, the one last used."""
        network = self._last_trained or self._last_used
        if network is None:
            raise TrainingError(
                "there is no network yet for CNN to name; make one first, for example"
                " student = NetworkInNetwork(labels=10)"
            )
        return network

    def tensor(self, given: Tensor | None = None) -> Tensor:
        """The tensor that a verb acts on: the one given, or the current one."""
        tensor = self.current if given is None else given
        if given is not None and not isinstance(given, Tensor):
            raise DataError(
                f"{type(given).__name__} is no tensor; give what Input(image) or"
                " network.classify(x) made"
            )
        if not isinstance(tensor, Tensor):
            raise DataError("there is no current tensor; give one, or call Input('cat.jpg') first")
        return tensor

    def image_tensor(self, source: ImagesLike) -> ImageTensor:
        """Images of the prompt as a tensor."""
        return ImageTensor(
            InMemoryImages.of(source), self.engine, viewing=Viewing(shown=self.largest)
        )

    def input_tensor(self, network: Predictor, source: Any) -> InputTensor:
        """Images of the prompt, or sequences for a network that reads them, as a tensor.

        Raises:
            DataError: it is no image, or no sequence of the network's format.
        """
        if network.sequences is None:
            return self.image_tensor(source)
        given = GivenSequences(source, network.sequences, network.name)
        return SequenceTensor(given, network.engine)

    def inputs(self, network: Predictor, x: Any) -> InputTensor:
        """What a network reads: `x`, the source of logits or features, or the current tensor.

        Raises:
            DataError: it holds neither images nor sequences.
        """
        if x is not None and not isinstance(x, Tensor):
            return self.input_tensor(network, x)
        source = self._source(x)
        if isinstance(source, InputTensor):
            return source
        what = "images" if network.sequences is None else "sequences"
        raise DataError(
            f"{network.name}: {source!r} holds no {what}; give those of workout, or call"
            " Input(...) of the network first"
        )

    def images(self, name: str, x: Tensor | ImagesLike | None) -> ImageTensor:
        """The images of `x`, of logits or features of images, or of the current tensor.

        Raises:
            DataError: it holds no images; `name` is that of the verb.
        """
        if x is not None and not isinstance(x, Tensor):
            return self.image_tensor(x)
        source = self._source(x)
        if isinstance(source, ImageTensor):
            return source
        raise DataError(
            f"{name}: {source!r} holds no images; give those of workout, or call Input('cat.jpg')"
            " first"
        )

    def _source(self, x: Tensor | None) -> Tensor | None:
        """A tensor, or the current one; of logits and features what they were computed from."""
        tensor = self.tensor(x)
        return tensor.source if isinstance(tensor, FeatureTensor) else tensor

    def largest(self) -> Preprocessing | None:
        """The preprocessing of the network that takes the largest images."""
        known = [model.preprocessing for model in self.networks if model.sequences is None]
        return max(known, key=lambda preprocessing: preprocessing.size, default=None)


def current_session() -> Deel:
    """The newest session, or a new one on the CPU where a script has made none."""
    context = current_context()
    return context if isinstance(context, Deel) else Deel()


# A network that is made before any session is in a session all the same.
set_default_context(Deel)
