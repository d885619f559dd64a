"""The job of rivals.py in PyTorch: GoogLeNet teaches the CIFAR-10 NIN by its logits alone.

python with_pytorch.py TEACHER STUDENT TRAIN TEST SAVED EPOCHS SEED
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from networks import NIN, GoogLeNet, load

TEMPERATURE = 4
teacher_file, student_file, train, test, saved, epochs, seed = sys.argv[1:]


class Images(Dataset):
    """The images of a list: each in one view, made into the inputs of some networks; its label."""

    def __init__(self, path, view, inputs):
        self.items = [line.rsplit(maxsplit=1) for line in Path(path).read_text().splitlines()]
        self.view, self.inputs = view, inputs

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        path, label = self.items[index]
        view = self.view(Image.open(path).convert("RGB"))
        return [make(view) for make in self.inputs], int(label)


def input_of(size, mean):
    """The input of a network: blue, green and red of 0 to 255, less their means."""
    resize, normalize = v2.Resize((size, size)), v2.Normalize(mean, (1, 1, 1))
    to_bgr = v2.Lambda(lambda pixels: pixels.flip(0).float())
    return v2.Compose([resize, v2.PILToTensor(), to_bgr, normalize])


def factor(step):
    """The learning rate rises over 5 % of the training, and falls with half a cosine."""
    progress = step / steps
    return min(1, 0.1 + 0.9 * progress / 0.05) * 0.5 * (1 + math.cos(math.pi * progress))


torch.manual_seed(int(seed))
teacher = load(GoogLeNet(), teacher_file).eval()
student = load(NIN(), student_file)
small, large = input_of(32, (113.9, 123.0, 125.3)), input_of(96, (104, 117, 123))
view = v2.Compose([v2.RandomCrop(28), v2.RandomHorizontalFlip()])
batches = DataLoader(
    Images(train, view, [small, large]), 64, shuffle=True, num_workers=2, persistent_workers=True
)
steps = int(epochs) * len(batches)
optimizer = torch.optim.Adam(student.parameters(), lr=1e-3, fused=True)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

start = time.perf_counter()
student.train()
for epoch in range(int(epochs)):
    losses = []
    for (x, x_teacher), _ in batches:
        with torch.no_grad():
            target = F.log_softmax(teacher(x_teacher) / TEMPERATURE, 1)
        logs = F.log_softmax(student(x) / TEMPERATURE, 1)
        loss = TEMPERATURE**2 * F.kl_div(logs, target, reduction="batchmean", log_target=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}")
seconds = time.perf_counter() - start
torch.save(student.state_dict(), saved)

student.eval()
images = Images(test, v2.CenterCrop(28), [small])
right = 0
with torch.no_grad():
    for (x,), labels in DataLoader(images, batch_size=100, num_workers=2):
        right += (student(x).argmax(1) == labels).sum().item()
print(json.dumps({"accuracy": right / len(images), "seconds": seconds}))
