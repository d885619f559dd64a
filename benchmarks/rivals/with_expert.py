"""The job of rivals.py as an expert of PyTorch writes it for a processor's speed.

python with_expert.py TEACHER STUDENT TRAIN TEST SAVED EPOCHS SEED [compiled]
"""

import json
import math
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

from networks import NIN, GoogLeNet, load

TEMPERATURE = 4
LAYOUT = torch.channels_last
teacher_file, student_file, train, test, saved, epochs, seed, *compiled = sys.argv[1:]


class Images(Dataset):
    """The images of a list, each in one view: uint8 (3, 28, 28), and its label."""

    def __init__(self, path, view):
        self.items = [line.rsplit(maxsplit=1) for line in Path(path).read_text().splitlines()]
        self.view = view

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        path, label = self.items[index]
        return self.view(decode_image(path, ImageReadMode.RGB)), int(label)


def input_of(views, size, mean):
    """Blue, green and red of 0 to 255, less their means: a whole batch at once."""
    resized = F.interpolate(views.flip(1).float(), (size, size), mode="bilinear")
    return (resized - torch.tensor(mean).view(3, 1, 1)).contiguous(memory_format=LAYOUT)


def small(views):
    return input_of(views, 32, (113.9, 123.0, 125.3))


def large(views):
    return input_of(views, 96, (104.0, 117.0, 123.0))


def autocast():
    """Bfloat16, where the processor multiplies in it."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    fast = {"avx512_bf16", "amx_bf16", "bf16"} & flags
    return torch.autocast("cpu", torch.bfloat16) if fast else nullcontext()


def factor(step):
    """The learning rate rises over 5 % of the training, and falls with half a cosine."""
    progress = step / steps
    return min(1, 0.1 + 0.9 * progress / 0.05) * 0.5 * (1 + math.cos(math.pi * progress))


torch.manual_seed(int(seed))
teacher = load(GoogLeNet(), teacher_file).eval().to(memory_format=LAYOUT)
student = load(NIN(), student_file).to(memory_format=LAYOUT)
if compiled:
    teacher = torch.compile(teacher)
view = v2.Compose([v2.RandomCrop(28), v2.RandomHorizontalFlip()])
batches = DataLoader(
    Images(train, view),
    batch_size=64,
    shuffle=True,
    num_workers=2,
    persistent_workers=True,
    prefetch_factor=4,
)
steps = int(epochs) * len(batches)
optimizer = torch.optim.Adam(student.parameters(), lr=1e-3, fused=True)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

start = time.perf_counter()
student.train()
for epoch in range(int(epochs)):
    losses = []
    for views, _ in batches:
        with torch.inference_mode(), autocast():
            target = F.log_softmax(teacher(large(views)).float() / TEMPERATURE, 1)
        with autocast():
            logits = student(small(views)).float()
        # A tensor of inference mode cannot enter a loss; its copy can.
        logs, target = F.log_softmax(logits / TEMPERATURE, 1), target.clone()
        loss = TEMPERATURE**2 * F.kl_div(logs, target, reduction="batchmean", log_target=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
    print(f"epoch {epoch + 1}: loss {torch.stack(losses).mean():.4f}")
seconds = time.perf_counter() - start
torch.save(student.state_dict(), saved)

student.eval()
images = Images(test, v2.CenterCrop(28))
right = 0
with torch.inference_mode(), autocast():
    for views, labels in DataLoader(images, batch_size=100, num_workers=2):
        right += (student(small(views)).argmax(1) == labels).sum().item()
print(json.dumps({"accuracy": right / len(images), "seconds": seconds}))
