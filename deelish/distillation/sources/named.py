"""A model of another library by name, as a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deelish.engines import current_context
from deelish.engines.model_names import ModelName
from deelish.errors import DataError

if TYPE_CHECKING:
    from deelish.engines.torch.libraries.library import MadeModel


def named_model(source: Any, pretrained: bool | str, size: int | None) -> MadeModel | None:
    """The model that a name names, on the device of the session; None for any other source.

    Args:
        source: what the user gave.
        pretrained: whether it has its published weights; their name where there are several.
        size: the side of the images that it must take; None for that of its library.

    Raises:
        DataError: `pretrained` for a source that is no name.
        MissingPackageError: the library is not installed.
        PlanError: it has no such model.
        TrainingError: the published weights cannot be loaded.
    """
    if not isinstance(pretrained, bool | str):
        raise DataError(f"Teacher(pretrained={pretrained!r}): give True, False, or a name")
    how = ModelName.parsed(source) if isinstance(source, str) else None
    if how is None:
        if pretrained is not True:
            raise DataError(
                f"Teacher(pretrained={pretrained!r}): is for a model by name; leave it out, or give"
                " a name such as 'timm/resnet18'"
            )
        return None
    from deelish.engines.torch import zoo

    context = current_context()
    seed = context.seed_for(3, context.made)
    made = zoo.made(how, pretrained=pretrained, size=size, seed=seed)
    if context.gpu >= 0:
        made.module.to(f"cuda:{context.gpu}")
    return made
