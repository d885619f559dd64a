"""Makes the parts of a module network: from a module, a name, or a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deelish.engines import current_context
from deelish.engines.learning import LearningModel
from deelish.engines.model_names import LIBRARIES, ModelName
from deelish.errors import DataError, FileError, TrainingError
from deelish.formats.native import module_file
from deelish.formats.saved_module import SavedModule
from deelish.network.example_inputs import grey
from deelish.network.hub import is_hub_name
from deelish.network.labels import LabelNames, Labels
from deelish.network.learner import Learner
from deelish.network.module_network import ModuleParts
from deelish.network.predictor import Predictor
from deelish.network.pretrained import find_model
from deelish.network.stated_pixels import PixelOptions, preprocessing_of

if TYPE_CHECKING:
    from deelish.engines.torch.libraries.library import MadeModel


@dataclass(frozen=True)
class ModuleOptions:
    """The options of `Student`, under its names."""

    pretrained: bool | str = False
    arguments: Mapping[str, Any] | None = None
    name: str | None = None
    output: int | str | None = None
    preprocessing: Any = None
    pixels: PixelOptions | None = None


def parts_of(source: Any, labels: Labels | None, options: ModuleOptions) -> ModuleParts:
    """The parts of a student; its last layer is still that of the module.

    Raises:
        TrainingError: the source cannot learn.
        PlanError: there is no model of this name.
        MissingPackageError: its library is not installed.
        DataError: its preprocessing is not known, or labels cannot be read.
    """
    check_options(options)
    names = None if labels is None else LabelNames.of(labels)
    if isinstance(source, Path):
        source = str(source)
    if is_hub_name(source):
        _refuse_naming(options)
        parts = opened(source)
        return replace(parts, labels=names.names) if names else parts
    if isinstance(source, str):
        return _named(source, names, options)
    _refuse_naming(options)
    model = _adopted(source, options.output)
    model.name = options.name or model.name
    pixels = preprocessing_of(
        model, source, options.preprocessing, options.pixels or {}, verb="Student"
    )
    known = names.names if names else model.labels
    return ModuleParts(model, pixels, known)


def _named(source: str, names: LabelNames | None, options: ModuleOptions) -> ModuleParts:
    from deelish.engines.torch import zoo

    how = ModelName.parsed(source)
    if how is None:
        raise _no_name(source)
    context = current_context()
    if context.engine_name != "torch":
        raise TrainingError(
            f"Student({source!r}): is a torch.nn.Module, which the engine {context.engine_name!r}"
            " does not train; take Deel(engine='torch')"
        )
    _check_arguments(options.arguments)
    pretrained = options.pretrained
    # Published weights come with their own number of classes, and the last layer is replaced.
    classes = names.count if names and not pretrained else None
    how = replace(how, classes=classes, arguments=options.arguments)
    size, seed = (options.pixels or {}).get("size"), context.seed_for(2, context.made)
    made = zoo.made(how, pretrained=pretrained, size=size, seed=seed)
    model = _adopted(made.module, options.output)
    model.name = options.name or made.name.name
    preset = options.preprocessing if options.preprocessing is not None else made.preset
    pixels = preprocessing_of(model, made.module, preset, options.pixels or {}, verb="Student")
    untrained = () if pretrained else None
    known = names.names if names else made.labels
    return ModuleParts(model, pixels, known, made.name.to_dict(), untrained)


def opened(path: str | Path, module: Any = None) -> ModuleParts:
    """The parts of a student in a file.

    Args:
        path: the file.
        module: what it was made from, where that was no name.

    Raises:
        FileError: the file is missing, damaged, no student's, or of another module.
    """
    path = find_model(path)
    saved = module_file.read(path)
    if module is None and saved.made_by is None:
        raise FileError(
            f"{path}: holds the weights of a module of your own, {saved.name}; give one like it,"
            f" Student.load({str(path)!r}, module=...)"
        )
    made = None if module is not None else _rebuilt(saved.made_by, path)
    model = _adopted(module if made is None else made.module, saved.output)
    model.name = saved.name
    try:
        _refit(model, saved)
        model.check_arrays(saved.arrays, path)
    except (FileError, TrainingError) as error:
        _blame_version(path, made, saved.made_by or {})
        raise error from None
    model.set_arrays(saved.arrays)
    return ModuleParts(
        model,
        saved.preprocessing,
        saved.labels,
        saved.made_by,
        saved.untrained,
        saved.new_last,
    )


def _refit(model: LearningModel, saved: SavedModule) -> None:
    """Replace the last layers where they were replaced before it was saved."""
    new, values = saved.new_last, grey(saved.preprocessing)
    if new is not None and model.run(values).shape[1] != new.classes:
        context = current_context()
        with context.engine.drawing(0):
            model.replace_last(values, new.classes, new.names)


def _rebuilt(made_by: Mapping[str, Any] | None, path: Path) -> MadeModel:
    from deelish.engines.torch import zoo

    try:
        how = ModelName.from_dict(made_by or {})
    except (TypeError, KeyError) as error:
        raise FileError(f"{path}: does not say how it was made ({error})") from None
    return zoo.made(how)


def _blame_version(path: Path, made: MadeModel | None, made_by: Mapping[str, Any]) -> None:
    """Refuse a file whose library makes another model in the version that is installed."""
    if made is not None and made_by["version"] != made.name.version:
        library = made.name.library
        raise FileError(
            f"{path}: was made by {library} {made_by['version']}, and {library}"
            f" {made.name.version} makes another {made.name.name}; install that version, or give"
            " the module with module="
        )


def _adopted(source: Any, output: int | str | None) -> LearningModel:
    if isinstance(source, Learner):
        raise TrainingError(
            f"Student({type(source).__name__}): {source.name} is a student already; train it as it"
            " is"
        )
    if isinstance(source, Predictor):
        raise TrainingError(
            f"Student({type(source).__name__}): {source.name} teaches only; give the module that"
            " it was made from"
        )
    if isinstance(source, type):
        raise TrainingError(
            f"Student({source.__name__}): is a class; give an object, {source.__name__}(...)"
        )
    return current_context().engine.adopt(source, output)


def _check_arguments(arguments: Mapping[str, Any] | None) -> None:
    try:
        json.dumps(arguments if arguments is None else dict(arguments))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Student(arguments={arguments!r}): its file could not hold them ({error}); give"
            " numbers, texts and lists of them by name, or the module itself"
        ) from None


def check_options(options: ModuleOptions) -> None:
    """Refuse options of other types.

    Raises:
        DataError: one is.
    """
    kinds: dict[str, tuple[Any, str]] = {
        "name": (str | None, "a text"),
        "pretrained": (str | bool, "True, False, or the name of the weights"),
        "output": (int | str | None, "an index or a key"),
        "arguments": (Mapping | None, "a dict"),
    }
    for word, (kind, needed) in kinds.items():
        value = getattr(options, word)
        if not isinstance(value, kind) or (word == "output" and isinstance(value, bool)):
            raise DataError(f"Student({word}={value!r}): give {needed}")


def _refuse_naming(options: ModuleOptions) -> None:
    for word in ("pretrained", "arguments"):
        if getattr(options, word):
            raise DataError(
                f"Student({word}=...): is for a model by name; leave it out, or give"
                " 'timm/resnet18' in place of the module"
            )


# What to do with a file by its extension.
_FILES = {
    ".safetensors": "open it with Student.load({!r})",
    ".onnx": "its weights do not learn, and Teacher({!r}) lets it teach",
    **dict.fromkeys((".hdf5", ".h5", ".npz"), "open it with Network.load({!r})"),
    ".caffemodel": "open it with CaffeNet({!r})",
    **dict.fromkeys(
        (".pth", ".pt", ".bin", ".ckpt"),
        "load its weights into the module, module.load_state_dict(...), and give the module",
    ),
}


def _no_name(source: str) -> TrainingError:
    *first, last = map(repr, LIBRARIES.values())
    names = f"{', '.join(first)} or {last}"
    cure = _FILES.get(Path(source).suffix.lower())
    if cure:
        return TrainingError(f"Student({source!r}): is a file; {cure.format(source)}")
    return TrainingError(
        f"Student({source!r}): names no library; write {names}, or give the module itself"
    )
