"""The loop that a careful user of PyTorch writes: EfficientNet-Lite0 teaches a model of timm.

JPEG files are decoded by libjpeg-turbo in the DataLoader's processes, and pass between processes
as bytes; both networks compute channels last, in bfloat16 under autocast.
"""

from pathlib import Path

import simplejpeg
import timm
import torch
import torch.nn.functional as F
from speed.work import Epoch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2

from student_sides.photographs import CLASSES, list_of
from student_sides.recipe import LR, SIZE, TEACHER, TEMPERATURE


class Images(Dataset):
    """Random views of the photographs of a list, uint8 (3, SIZE, SIZE), and their labels."""

    def __init__(self, path, interpolation):
        self.items = [line.rsplit(maxsplit=1) for line in path.read_text().splitlines()]
        crop = v2.RandomResizedCrop(SIZE, interpolation=InterpolationMode(interpolation))
        self.view = v2.Compose([crop, v2.RandomHorizontalFlip()])

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        path, label = self.items[index]
        pixels = simplejpeg.decode_jpeg(Path(path).read_bytes(), "RGB")
        return self.view(torch.from_numpy(pixels).permute(2, 0, 1)), int(label)


class Train(Epoch):
    """An epoch of distillation from logits and labels."""

    def __init__(self, setting, student, precision, workers):
        super().__init__(setting)
        self.type = precision
        self.student, self.teacher = (made(name) for name in (student, TEACHER))
        self.student.train()
        self.teacher.eval()
        config = self.student.pretrained_cfg
        self.mean, self.std = (scaled(config[name]) for name in ("mean", "std"))
        self.optimizer = torch.optim.AdamW(self.student.parameters(), LR, fused=True)
        self.batches = DataLoader(
            Images(list_of(setting), config["interpolation"]),
            setting.batch,
            shuffle=True,
            num_workers=workers,
            persistent_workers=True,
        )

    def step(self):
        for pixels, labels in self.batches:
            self.update(pixels, labels)
        return len(self.batches.dataset)

    def update(self, pixels, labels):
        """One update from a batch; both networks expect the same mean and standard deviation."""
        x = pixels.to(torch.float32, memory_format=torch.channels_last)
        x = x.sub_(self.mean).div_(self.std)
        with torch.inference_mode(), self.autocast():
            target = F.log_softmax(self.teacher(x).float() / TEMPERATURE, 1)
        with self.autocast():
            logits = self.student(x).float()
        logs = F.log_softmax(logits / TEMPERATURE, 1)
        # A tensor that was made in inference mode cannot be saved for the backward pass.
        loss = F.kl_div(logs, target.clone(), reduction="batchmean", log_target=True)
        loss = TEMPERATURE**2 * loss + F.cross_entropy(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def autocast(self):
        """Computing in bfloat16, where that is the precision."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.type == "bfloat16")


def made(name):
    """A model of timm with initial weights, its weights channels last."""
    model = timm.create_model(name, num_classes=CLASSES)
    return model.to(memory_format=torch.channels_last)


def scaled(values):
    """Per channel, of pixels from 0 to 1 -> of those from 0 to 255: (1, 3, 1, 1)."""
    return 255 * torch.tensor(values).reshape(1, 3, 1, 1)
