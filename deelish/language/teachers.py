"""Teachers that are no networks of the script: any model, and means of several or over views."""

from __future__ import annotations

from deelish.distillation.average import MovingAverage
from deelish.distillation.ensemble import MeanOfTeachers
from deelish.distillation.mean_over_views import MeanOverViews
from deelish.distillation.wrapped import WrappedModel
from deelish.language.predicting import Teaching


class Teacher(Teaching, WrappedModel):
    """Any model as a teacher, always in evaluation mode and never changed; its first batch checks.

    ``teacher = Teacher(resnet18(weights=weights), preprocessing=weights.transforms(),
    labels=weights.meta["categories"])``

    Args:
        source: a torch.nn.Module, a chainer.Link, a `Network`, a `Student`, a path (.onnx,
            .tflite, .pte, .xml, .param, .caffemodel, .hdf5, .safetensors), the name of a model
            (``"timm/resnet18"``, ``"torchvision/resnet18"``, ``"efficientnet/lite0"``), or a
            function from float32 (n, channels, size, size) to logits. The files of runtimes of
            small devices, .tflite to .param, are run by these, on the CPU, in a process of
            their own.
        labels: a file, a list of names, or a count; left out, those that the model carries.
        name: what it is called; left out, what the model is called.
        key: names the logits of a function, which are then cached; give another whenever the
            function changes. For a torch module or a Chainer link it stands for its attributes,
            hooks and code, which are then not looked at; for other models it joins what is seen.
        pretrained: of a model by name, whether its library loads the published weights; a text
            names these where there are several.
        preprocessing: torchvision's ``weights.transforms()``, or a `Preprocessing`.
        runtime: what computes the logits: left out, the session's engine; "openvino", on the CPU
            and in a process of its own, for networks, torch modules and .onnx files. The first
            batch is compared with the engine's own logits, or with onnxruntime's.
        **pixels: size, order ("RGB", "BGR", "L"), mean and scale (a number, or one per channel,
            of pixels from 0 to 255), crop (the crop fraction), crop_mode ("center", "squash",
            "border"), interpolation ("bilinear", "bicubic" and others of Pillow), antialias. They
            count before `preprocessing`, and that before what the model says itself: timm's
            `pretrained_cfg`, what deelish noted in a file of a runtime. What nothing says is taken
            as in torchvision, from RGB of -1 to 1, and a line reports it. A network of deelish has
            its own, and takes none.

    Raises:
        TrainingError: the source is nothing that can teach, or published weights cannot be loaded.
        PlanError, MissingPackageError: there is no model of this name, or not its library, or the
            package of the runtime is not installed.
        DataError: preprocessing is missing or wrong, or labels are not as many as the classes.
        FileError, CaffeError: a file that cannot be opened.

    >>> colours = [[1, 0], [0, 0], [0, 1]]
    >>> def mean_colour(batch):
    ...     return batch.mean((2, 3)) @ colours
    >>> pixels = dict(size=16, order="RGB", mean=0, scale=1, crop=1)
    >>> red = Teacher(mean_colour, labels=["red", "blue"], **pixels)
    mean_colour: takes ...
    >>> red.classify("cat.jpg").top(1)[0][0][0]
    'red'
    """


class Ensemble(Teaching, MeanOfTeachers):
    """The mean of several teachers, each of which sees the images by its own preprocessing.

    ``Ensemble(first, second)`` averages logits, as Beyer et al. 2022 did;
    ``Ensemble(first, second, average="probabilities")`` gives the logarithm of the mean
    probability (Hinton, Vinyals and Dean 2015, section 1: the arithmetic mean), which are logits.

    Args:
        members: two teachers or more, of any kind. Classes are those of the first: the others'
            are matched to them by name where both have names, else by index.
        average: "logits" or "probabilities".
        name: what it is called; left out, it names its members.

    Raises:
        TrainingError: fewer than two, one that cannot teach, or classes that cannot be matched.

    >>> Ensemble(teacher, net).classify("cat.jpg").shape
    (1, 2)
    """


class Average(Teaching, MovingAverage):
    """The running average of a student's weights: Tarvainen and Valpola 2017, "Mean teachers".

    After each update of the student, average = decay * average + (1 - decay) * student; buffers
    are the student's. It starts as the student is now, learns nothing by itself and is not saved
    with the student. It catches up when it is asked: where the student has made n updates since,
    the average takes one step of decay^n. For n = 1, a teacher asked on every batch, that is the
    recurrence itself; beyond, it weighs the weights between as the last ones.

    Args:
        student: the network to follow.
        decay: the fraction of the past, from 0 up to 1: 0.999 is a memory of 1000 updates.

    Raises:
        TrainingError: the student is no network, or the decay is out of range.

    >>> average = Average(student, decay=0.99)
    >>> average.classify("cat.jpg").shape
    (1, 2)
    """


class TestTimeAugmentation(Teaching, MeanOverViews):
    """The mean of a network's logits over views of the pixels that it is shown.

    ``teacher = TestTimeAugmentation(net, mirror=True, shift=2)`` takes 50 views: the images as they
    are and mirrored, each at 5 x 5 places. It takes as many forward passes. `Compare` measures it,
    and with ``InputBatch(views=...)`` its logits are cached. Krizhevsky et al. 2012, section 4.1,
    average probabilities over 10 views of an image.

    Args:
        net: a network, a student, or any other teacher; an ensemble's members are each shown the
            views at their own size.
        mirror: whether mirrored views count too; digits and text need False.
        shift: by up to how many whole pixels of the network's input views are shifted, up, down,
            left and right, in (2 * shift + 1)^2 places; what comes in at an edge is reflected.

    Raises:
        TrainingError: it is no network, or the views would be one, or shifted by a whole image.

    >>> shifted = TestTimeAugmentation(teacher, mirror=True, shift=1)
    >>> shifted.views
    18
    """

    # Its name is that of a test class to pytest, which would collect it.
    __test__ = False
