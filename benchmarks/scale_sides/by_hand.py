"""The loop that a careful user of PyTorch writes: `by_hand.py LIST BATCH PRECISION`.

Images and the teacher's logits are tensors in memory before it begins. The student is NIN for
CIFAR-10 in plain PyTorch, channels last, in DistributedDataParallel where there are processes.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from PIL import Image
from recipe import CLASSES, LR, MEAN, MOMENTUM, received, report
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def nin():
    """(n, 3, 32, 32) -> logits (n, 10)."""

    def conv(inputs, outputs, kernel):
        layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        return [layer, nn.ReLU(inplace=True)]

    return nn.Sequential(
        *conv(3, 192, 5),
        *conv(192, 160, 1),
        *conv(160, 96, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Dropout(0.5),
        *conv(96, 192, 5),
        *conv(192, 192, 1),
        *conv(192, 192, 1),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Dropout(0.5),
        *conv(192, 192, 3),
        *conv(192, 192, 1),
        *conv(192, CLASSES, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def epoch(model, optimizer, images, logits, batch, dtype):
    """The seconds of an epoch."""
    rank, size = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    start = time.perf_counter()
    for rows in torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).split(
        batch
    ):
        own = rows[rank::size]
        x = images[own].float().sub_(torch.tensor(MEAN).reshape(1, 3, 1, 1))
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            made = model(x)
        loss = F.kl_div(
            F.log_softmax(made.float(), 1),
            F.log_softmax(logits[own], 1),
            reduction="batchmean",
            log_target=True,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
    return time.perf_counter() - start


def main(path, batch, dtype):
    names = [line.rsplit(maxsplit=1)[0] for line in Path(path).read_text().splitlines()]
    pixels = np.stack([np.asarray(Image.open(Path(path).parent / name)) for name in names])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    logits = torch.randn(len(images), CLASSES, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    model = nin().to(memory_format=torch.channels_last).train()
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
        model = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM, fused=True)
    epoch(model, optimizer, images, logits, batch, dtype)
    before = received()
    seconds = epoch(model, optimizer, images, logits, batch, dtype)
    report(len(images), seconds, -(-len(images) // batch), before)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
