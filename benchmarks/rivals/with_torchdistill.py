"""The job of rivals.py in torchdistill: GoogLeNet teaches the CIFAR-10 NIN by its logits alone.

python with_torchdistill.py TEACHER STUDENT TRAIN TEST SAVED EPOCHS SEED
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchdistill.common.yaml_util import load_yaml_file
from torchdistill.core.distillation import get_distillation_box
from torchdistill.core.interfaces.registry import register_forward_proc_func
from torchdistill.optim.registry import register_scheduler
from torchvision.transforms import v2

from networks import NIN, GoogLeNet, load

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


@register_forward_proc_func
def forward_small(model, inputs, targets=None, supp_dict=None):
    return model(inputs[0])


@register_forward_proc_func
def forward_large(model, inputs, targets=None, supp_dict=None):
    return model(inputs[1])


@register_scheduler
def warm_cosine(optimizer, steps):
    """The learning rate rises over 5 % of the training, and falls with half a cosine."""

    def factor(step):
        progress = step / steps
        return min(1, 0.1 + 0.9 * progress / 0.05) * 0.5 * (1 + math.cos(math.pi * progress))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


torch.manual_seed(int(seed))
# The box puts the student into training mode, but leaves the teacher in the mode that it is in.
teacher = load(GoogLeNet(), teacher_file).eval()
student = load(NIN(), student_file)
small, large = input_of(32, (113.9, 123.0, 125.3)), input_of(96, (104, 117, 123))
view = v2.Compose([v2.RandomCrop(28), v2.RandomHorizontalFlip()])
datasets = {"train": Images(train, view, [small, large])}
config = load_yaml_file(Path(__file__).with_name("torchdistill.yaml"))
config["num_epochs"] = int(epochs)
steps = int(epochs) * math.ceil(len(datasets["train"]) / 64)
config["scheduler"]["kwargs"] = {"steps": steps}
cpu = torch.device("cpu")
box = get_distillation_box(teacher, student, datasets, config, cpu, None, False, lr_factor=1)

start = time.perf_counter()
for epoch in range(box.num_epochs):
    box.pre_epoch_process(epoch=epoch)
    losses = []
    for inputs, targets, supp_dict in box.train_data_loader:
        loss = box.forward_process(inputs, targets, supp_dict)
        box.post_forward_process(loss=loss)
        losses.append(loss.item())
    box.post_epoch_process()
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
