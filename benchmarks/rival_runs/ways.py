"""The ways of rivals.py: their scripts, what pip installs for each, and what a row cannot show."""

from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).resolve().parents[1] / "rivals"
PYTORCH = ("torch>=2.6", "torchvision", "safetensors", "numpy", "pillow")
OWN = ("deelish", "torch", "safetensors", "numpy", "pillow")


class LeftOut(Exception):
    """A way cannot be measured here; the sentence says why."""


class Way(NamedTuple):
    """A script and the other files that its user wrote; what pip installs for it, if anything.

    arguments, settings: more for its command line and its environment variables.
    program: the file of a checkout that the script runs, where it runs one.
    note: in what its job is another one.
    """

    files: tuple[str, ...]
    networks: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    program: str = ""
    note: str = ""


WAYS = {
    "deelish": Way(("with_deelish.py",)),
    "deelish, views=2": Way(("with_deelish.py",), arguments=("2",)),
    "deelish, float32": Way(("with_deelish.py",), settings=(("DEELISH_PRECISION", "float32"),)),
    "pytorch": Way(("with_pytorch.py",), ("networks.py",), PYTORCH),
    "expert": Way(("with_expert.py",), ("networks.py",), PYTORCH),
    "expert, compiled": Way(
        ("with_expert.py",), ("networks.py",), PYTORCH, arguments=("compiled",)
    ),
    "torchdistill": Way(
        ("with_torchdistill.py", "torchdistill.yaml"),
        ("networks.py",),
        (*PYTORCH, "torchdistill"),
    ),
    "timm": Way(
        ("with_timm.py",),
        ("networks.py",),
        (*PYTORCH, "timm>=1.0"),
        program="train.py",
        note="train.py leaves out an epoch's last batch, if it is a smaller one",
    ),
    "lightly-train": Way(
        ("with_lightly.py",),
        ("networks.py",),
        (*PYTORCH, "lightly-train"),
        # Else it reports each training to its maker.
        settings=(("LIGHTLY_TRAIN_EVENTS_DISABLED", "1"),),
        note="another job: it takes no teacher but DINOv2 and DINOv3, and learns features alone;"
        " DINOv2 ViT-S/14 teaches, and a linear probe on the labels of all images gives classes;"
        " the first training downloads the teacher, in its seconds",
    ),
}


def program_of(way, checkout):
    """The file of the checkout that a way runs, in a list; an empty one where it runs none.

    Raises:
        LeftOut: the checkout is not named, or has no such file.
    """
    if not way.program:
        return []
    if checkout is None:
        raise LeftOut(
            f"its {way.program} is in no package: name a git checkout of pytorch-image-models"
            " with --timm"
        )
    path = checkout.resolve() / way.program
    if not path.is_file():
        raise LeftOut(f"{checkout} has no {way.program}: --timm names the folder that holds it")
    return [path]
