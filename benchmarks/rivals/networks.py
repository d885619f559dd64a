"""The two networks of rivals.py in plain PyTorch, filled from files that deelish saved."""

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

# 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5, pool_proj.
BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def load(network, path):
    """Fill a network by Caffe's names of layers; the auxiliary classifiers are left out."""
    arrays = {name.replace("/", "."): array for name, array in load_file(path).items()}
    network.load_state_dict({name: arrays[name] for name in network.state_dict()})
    return network


def relu(x):
    return F.relu(x, inplace=True)


def pool(x):
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


class Inception(nn.ModuleDict):
    """Four branches side by side, under Caffe's names."""

    def __init__(self, inputs, widths):
        one, three_reduce, three, five_reduce, five, projection = widths
        super().__init__(
            {
                "1x1": nn.Conv2d(inputs, one, 1),
                "3x3_reduce": nn.Conv2d(inputs, three_reduce, 1),
                "3x3": nn.Conv2d(three_reduce, three, 3, padding=1),
                "5x5_reduce": nn.Conv2d(inputs, five_reduce, 1),
                "5x5": nn.Conv2d(five_reduce, five, 5, padding=2),
                "pool_proj": nn.Conv2d(inputs, projection, 1),
            }
        )
        self.outputs = one + three + five + projection

    def forward(self, x):
        three = self["3x3"](relu(self["3x3_reduce"](x)))
        five = self["5x5"](relu(self["5x5_reduce"](x)))
        projection = self["pool_proj"](F.max_pool2d(x, 3, 1, padding=1))
        return relu(torch.cat([self["1x1"](x), three, five, projection], 1))


class GoogLeNet(nn.Module):
    """BVLC GoogLeNet with its main classifier: (n, 3, size, size) -> logits (n, outputs)."""

    def __init__(self, outputs=10):
        super().__init__()
        self.conv1 = nn.ModuleDict({"7x7_s2": nn.Conv2d(3, 64, 7, 2, padding=3)})
        self.conv2 = nn.ModuleDict(
            {"3x3_reduce": nn.Conv2d(64, 64, 1), "3x3": nn.Conv2d(64, 192, 3, padding=1)}
        )
        channels = 192
        for name, widths in BLOCKS.items():
            block = Inception(channels, widths)
            self.add_module(f"inception_{name}", block)
            channels = block.outputs
        self.dropout = nn.Dropout(0.4)
        self.loss3 = nn.ModuleDict({"classifier": nn.Linear(channels, outputs)})

    def forward(self, x):
        x = F.local_response_norm(pool(relu(self.conv1["7x7_s2"](x))), 5)
        x = relu(self.conv2["3x3"](relu(self.conv2["3x3_reduce"](x))))
        x = pool(F.local_response_norm(x, 5))
        for name in BLOCKS:
            x = self.get_submodule(f"inception_{name}")(x)
            if name in ("3b", "4e"):
                x = pool(x)
        return self.loss3["classifier"](self.dropout(x.mean((2, 3))))


class NIN(nn.Module):
    """Network in Network for CIFAR-10: (n, 3, 32, 32) -> logits (n, outputs)."""

    def __init__(self, outputs=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 192, 5, padding=2)
        self.cccp1 = nn.Conv2d(192, 160, 1)
        self.cccp2 = nn.Conv2d(160, 96, 1)
        self.conv2 = nn.Conv2d(96, 192, 5, padding=2)
        self.cccp3 = nn.Conv2d(192, 192, 1)
        self.cccp4 = nn.Conv2d(192, 192, 1)
        self.conv3 = nn.Conv2d(192, 192, 3, padding=1)
        self.cccp5 = nn.Conv2d(192, 192, 1)
        self.cccp6 = nn.Conv2d(192, outputs, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        x = relu(self.cccp2(relu(self.cccp1(relu(self.conv1(x))))))
        x = self.dropout(pool(x))
        x = relu(self.cccp4(relu(self.cccp3(relu(self.conv2(x))))))
        x = self.dropout(F.avg_pool2d(x, 3, 2, ceil_mode=True))
        x = relu(self.cccp6(relu(self.cccp5(relu(self.conv3(x))))))
        return x.mean((2, 3))
