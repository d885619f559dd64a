"""Models of torchvision by name: "torchvision/resnet18"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deelish.common.extras import MODELS
from deelish.common.suggestions import nearest
from deelish.engines.model_names import ModelName
from deelish.engines.torch.libraries.library import Library, MadeModel, called, refuse_unknown
from deelish.errors import PlanError

# Arguments that torchvision changes where it loads weights, and keeps under the same names.
_SET_BY_WEIGHTS = ("image_size", "transform_input", "aux_logits")
# Their own initial weights take a minute to draw, which loaded weights replace.
_SLOW_START = ("googlenet", "inception_v3")


def _check(torchvision: Any, how: ModelName) -> None:
    refuse_unknown(how, torchvision.models.list_models(module=torchvision.models))


def _make(torchvision: Any, how: ModelName, pretrained: bool | str) -> MadeModel:
    models = torchvision.models
    published = models.get_model_weights(how.name)
    if isinstance(pretrained, str) and pretrained not in published.__members__:
        raise PlanError(
            f"{how.full_name}: has no weights {pretrained!r};"
            f" {nearest(pretrained, published.__members__)}"
        )
    default = getattr(published, "DEFAULT", None)
    entry: Any = published[pretrained] if isinstance(pretrained, str) else default
    arguments = dict(how.arguments or {})
    if how.name in _SLOW_START:
        arguments.setdefault("init_weights", not pretrained)
    if not pretrained and how.classes is not None:
        arguments["num_classes"] = how.classes
    weights = entry if pretrained else None

    def make(name: str, _: bool, **rest: Any) -> Any:
        return models.get_model(name, weights=weights, **rest)

    module = called(how, pretrained, make, how.name, bool(pretrained), arguments)
    preset = None if entry is None else entry.transforms()
    if not pretrained:
        return MadeModel(module, how, preset)
    set_by_weights = {key: getattr(module, key) for key in _SET_BY_WEIGHTS if hasattr(module, key)}
    how = replace(how, arguments={**set_by_weights, **(how.arguments or {})})
    return MadeModel(module, how, preset, list(entry.meta["categories"]))


TORCHVISION = Library("torchvision", MODELS, _check, _make)
