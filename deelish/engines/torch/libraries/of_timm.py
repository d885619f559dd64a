"""Models of timm by name: "timm/mobilenetv4_conv_small"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deelish.common.extras import MODELS
from deelish.common.suggestions import nearest
from deelish.engines.model_names import ModelName
from deelish.engines.torch.libraries.library import Library, MadeModel, called, refuse_unknown
from deelish.errors import PlanError


def _check(timm: Any, how: ModelName) -> None:
    if not timm.is_model(how.name):
        refuse_unknown(how, timm.list_models())


def _make(timm: Any, how: ModelName, pretrained: bool | str) -> MadeModel:
    if isinstance(pretrained, str):
        how = replace(how, name=f"{how.name.partition('.')[0]}.{pretrained}")
    _check_tag(timm, how)
    arguments = dict(how.arguments or {})
    if how.classes is not None:
        arguments["num_classes"] = how.classes
    module = called(how, pretrained, timm.create_model, how.name, bool(pretrained), arguments)
    return MadeModel(module, how)


def _check_tag(timm: Any, how: ModelName) -> None:
    name, _, tag = how.name.partition(".")
    known = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if tag and tag not in known:
        raise PlanError(f"timm/{name}: has no weights {tag!r}; {nearest(tag, known)}")


TIMM = Library("timm", MODELS, _check, _make)
