"""The job of rivals.py by timm's train.py: GoogLeNet teaches the CIFAR-10 NIN by its logits alone.

python with_timm.py TEACHER STUDENT TRAIN TEST SAVED EPOCHS SEED TRAIN.PY
"""

import json
import runpy
import shutil
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from timm.data import ImageDataset, create_loader, resolve_data_config
from timm.models import load_checkpoint, register_model

from networks import NIN, GoogLeNet, load

teacher_file, student_file, train, test, saved, epochs, seed, program = sys.argv[1:]


class Taught(torch.nn.Module):
    """A network of timm's kind: it takes red, green and blue of 0 to 255, in views of 28 pixels.

    train.py gives the teacher the very input of the student: each makes it its own size.
    """

    def __init__(self, network, size, mean):
        super().__init__()
        self.network, self.size = network, size
        self.num_classes, self.in_chans = 10, 3
        self.pretrained_cfg = {
            "input_size": (3, 28, 28),
            "crop_pct": 28 / 32,
            "interpolation": "bilinear",
            "mean": (0, 0, 0),
            "std": (1 / 255, 1 / 255, 1 / 255),
        }
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)

    def forward(self, x):
        x = F.interpolate(x.flip(1), (self.size, self.size), mode="bilinear") - self.mean
        return self.network(x.contiguous(memory_format=torch.channels_last))


@register_model
def rival_nin(pretrained=False, **options):
    return Taught(load(NIN(), student_file), 32, (113.9, 123.0, 125.3))


@register_model
def rival_googlenet(pretrained=False, **options):
    teacher = load(GoogLeNet(), teacher_file).to(memory_format=torch.channels_last)
    return Taught(teacher, 96, (104.0, 117.0, 123.0))


def class_folders(path, folder):
    """train.py reads no list: a folder for each class, with links to its images."""
    for number, line in enumerate(Path(path).read_text().splitlines()):
        image, label = line.rsplit(maxsplit=1)
        link = folder / label / f"{number}{Path(image).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(image)
    return folder


flags = set(Path("/proc/cpuinfo").read_text().split())
folder = Path(saved).with_suffix("")
shutil.rmtree(folder, ignore_errors=True)
script = runpy.run_path(program)
script["parser"].set_defaults(
    model="rival_nin",
    kd_model_name="rival_googlenet",
    kd_temperature=4,
    task_loss_weight=0,
    train_split="",
    val_split="",
    # The area of 28 pixels' side of 32, and no other shape.
    scale=[(28 / 32) ** 2, (28 / 32) ** 2],
    ratio=[1, 1],
    color_jitter=None,
    train_interpolation="bilinear",
    smoothing=0,
    batch_size=64,
    workers=2,
    epochs=int(epochs),
    # The command line takes whole epochs only.
    warmup_epochs=0.05 * int(epochs),
    warmup_lr=1e-4,
    sched_on_updates=True,
    opt="adam",
    opt_kwargs={"fused": True},
    lr=1e-3,
    weight_decay=0,
    device="cpu",
    channels_last=True,
    amp=bool({"avx512_bf16", "amx_bf16", "bf16"} & flags),
    amp_dtype="bfloat16",
    seed=int(seed),
    output=str(folder),
    experiment="run",
)
sys.argv = [program, str(class_folders(train, folder / "train"))]

start = time.perf_counter()
script["main"]()
seconds = time.perf_counter() - start
student = rival_nin()
load_checkpoint(student, folder / "run" / "last.pth.tar")
torch.save(student.network.state_dict(), saved)

student.eval()
images = ImageDataset(str(class_folders(test, folder / "test")))
config = resolve_data_config(model=student)
cpu = torch.device("cpu")
right = 0
with torch.inference_mode():
    for x, labels in create_loader(images, batch_size=100, num_workers=2, device=cpu, **config):
        right += (student(x).argmax(1) == labels).sum().item()
print(json.dumps({"accuracy": right / len(images), "seconds": seconds}))
