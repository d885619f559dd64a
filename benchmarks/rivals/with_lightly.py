"""The nearest job in LightlyTrain: DINOv2 teaches the CIFAR-10 NIN features; a probe has labels.

python with_lightly.py TEACHER STUDENT TRAIN TEST SAVED EPOCHS SEED

Its teachers are DINOv2 and DINOv3, by name: TEACHER is not read.
"""

import json
import sys
import time
from pathlib import Path

import lightly_train
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from networks import NIN, load

_, student_file, train, test, saved, epochs, seed = sys.argv[1:]
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SIZE = 98  # seven patches of the teacher


class Features(nn.Module):
    """The NIN without its last layer, from what the teacher sees: (n, 3, size, size) -> (n, 192).

    LightlyTrain gives both networks the same input.
    """

    def __init__(self, network):
        super().__init__()
        self.network = network
        # It copies: the NIN's last ReLU works in place, and the one before it needs its output.
        network.cccp6 = nn.AvgPool2d(1)
        for name, values in (*IMAGENET.items(), ("bgr", (113.9, 123.0, 125.3))):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, x):
        x = F.interpolate(x, (32, 32), mode="bilinear", antialias=True)
        return self.network(255 * (x * self.std + self.mean).flip(1) - self.bgr)

    def forward_features(self, x):
        return {"features": self(x)[:, :, None, None]}

    def forward_pool(self, x):
        return {"pooled_features": x["features"]}

    def feature_dim(self):
        return 192

    def get_model(self):
        return self.network


class Images(Dataset):
    """The central views of a list, and their labels."""

    def __init__(self, path):
        self.items = [line.rsplit(maxsplit=1) for line in Path(path).read_text().splitlines()]
        self.view = v2.Compose(
            [
                v2.CenterCrop(28),
                v2.Resize((SIZE, SIZE)),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(**IMAGENET),
            ]
        )

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        path, label = self.items[index]
        return self.view(Image.open(path).convert("RGB")), int(label)


def features(path):
    """All features and labels of a list."""
    with torch.inference_mode():
        batches = [
            (student(x), labels)
            for x, labels in DataLoader(Images(path), batch_size=100, num_workers=2)
        ]
    return [torch.cat(parts).clone() for parts in zip(*batches, strict=True)]


def probe(x, labels):
    """A linear layer on standardised features."""
    layer = nn.Linear(x.shape[1], 10)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(layer(x), labels) + 1e-4 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return layer


if __name__ == "__main__":
    flags = set(Path("/proc/cpuinfo").read_text().split())
    student = Features(load(NIN(), student_file))
    out = Path(saved).with_suffix("")
    start = time.perf_counter()
    lightly_train.pretrain(
        out=out,
        data=[line.rsplit(maxsplit=1)[0] for line in Path(train).read_text().splitlines()],
        model=student,
        method="distillationv1",
        # The learning rate is multiplied by the root of batch size / reference.
        method_args={"teacher": "dinov2/vits14-noreg", "reference_batch_size": 64},
        transform_args={
            "image_size": (SIZE, SIZE),
            "random_resize": {"min_scale": (28 / 32) ** 2, "max_scale": (28 / 32) ** 2},
            "color_jitter": None,
            "random_gray_scale": None,
            "gaussian_blur": None,
        },
        optim="adamw",
        optim_args={"lr": 1e-3},
        epochs=int(epochs),
        batch_size=64,
        num_workers=2,
        accelerator="cpu",
        precision="bf16-mixed" if {"avx512_bf16", "amx_bf16", "bf16"} & flags else "32-true",
        seed=int(seed),
        overwrite=True,
    )
    exported = out / "exported_models" / "exported_last.pt"
    student.network.load_state_dict(torch.load(exported, weights_only=True))
    student.eval()
    x, labels = features(train)
    mean, std = x.mean(0), x.std(0) + 1e-6
    layer = probe((x - mean) / std, labels)
    seconds = time.perf_counter() - start
    torch.save({"network": student.network.state_dict(), "probe": layer.state_dict()}, saved)

    x, labels = features(test)
    right = (layer((x - mean) / std).argmax(1) == labels).sum().item()
    print(json.dumps({"accuracy": right / len(labels), "seconds": seconds}))
