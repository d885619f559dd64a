"""deelish's sides: its own verbs on images in memory, on either engine."""

import numpy as np

from deelish import *
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.errors import EngineError, MissingPackageError
from deelish.network.inputs import ImageTensor
from deelish.network.tensors import LabelTensor
from deelish.network.viewing import Viewing
from deelish.training.optimization import Extent, Optimization
from deelish.training.trainer import Counts, Trainer
from speed.work import LR, MOMENTUM, TEMPERATURE, Absent, Work, labels_of, pixels_of


class Pictures:
    """The images of a batch in memory, by the side in pixels that a network needs.

    keys: uint8 (n, 16), which name the images where a teacher's logits are cached, else None.
    """

    def __init__(self, setting, networks, cached):
        self.by_size = {setting.sizes[name]: pixels_of(setting, name) for name in networks}
        self.keys = None
        if cached:
            self.keys = np.arange(16 * setting.batch).reshape(-1, 16).astype(np.uint8)

    def pixels(self, rendering):
        """uint8 (n, size, size, 3)."""
        return self.by_size[rendering.size]

    def __len__(self):
        return len(next(iter(self.by_size.values())))


class Language(Work):
    """A session with some of the networks, and a batch for them."""

    def __init__(self, setting, networks, cached=False, **session):
        super().__init__(setting)
        self.session = Deel(**{"engine": "torch", "precision": "auto"} | session)
        try:
            self.type = self.session.engine.autocast_dtype or "float32"
        except EngineError as error:
            raise Absent(str(error)) from None
        self.networks = [Network.load(setting.file(name, ".safetensors")) for name in networks]
        self.pictures = Pictures(setting, networks, cached)
        self.cache = TeacherCache() if cached else None

    def images(self):
        """The batch, as a workout gets it."""
        viewing = Viewing(cache=self.cache)
        return ImageTensor(self.pictures, self.session.engine, self.labels(), viewing)

    def labels(self):
        """Its labels."""
        return LabelTensor(labels_of(self.setting), self.session.engine)


class Forward(Language):
    """A teacher's logits, in NumPy."""

    def __init__(self, setting, network, **options):
        super().__init__(setting, [network], **options)

    def step(self):
        (network,) = self.networks
        return len(network.batch_feature(self.images()).value)


class Train(Language):
    """What BatchTrain does with a batch of labels, or with a teacher.

    cached: the teacher's logits come from its cache, which the first step fills.
    runtime: what computes the teacher, where it is not the engine.
    """

    def __init__(self, setting, network, teacher=None, runtime=None, **options):
        names = [network] if teacher is None else [network, teacher]
        super().__init__(setting, names, **options)
        if runtime is not None:
            try:
                self.networks[1] = Teacher(setting.file(teacher, ".safetensors"), runtime=runtime)
            except MissingPackageError as error:
                raise Absent(str(error)) from None
        how = Optimization("sgd", LR, lambda progress: 1.0, {"momentum": MOMENTUM})
        self.session.trainer = Trainer(self.session, how, Counts(), Extent(1, 1))

    def step(self):
        images = self.images()
        self.session.trainer.begin(images, "a step")
        images.use()
        self.workout(images, images.labels)
        self.session.trainer.end()
        return len(images)

    def workout(self, x, t):
        """As a script has it."""
        student, *teachers = self.networks
        if not teachers:
            student.classify(x)
            return student.backprop(t)
        logits = teachers[0].batch_feature(x)
        student.classify(x)
        return student.backprop(logits, distill=True, temperature=TEMPERATURE)
