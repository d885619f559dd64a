"""Whole epochs from JPEG files: NIN trained on labels, by deelish and by torchvision's loader."""

from deelish import *
from speed.files import folder_of
from speed.work import LR, MEAN, MOMENTUM, Epoch

WORKERS = 2
# Side in pixels of the images that a view is cut from.
WHOLE = 256


class Ours(Epoch):
    """BatchTrain with the decoded-image cache in memory. notes: `waited`, as its history has it."""

    def __init__(self, setting):
        super().__init__(setting)
        self.session = Deel(engine="torch", precision="auto")
        self.type = self.session.engine.autocast_dtype or "float32"
        self.student = Network.load(setting.file("nin", ".safetensors"))
        self.sets = InputBatch(folder_of(setting), batch_size=setting.batch, keep="memory")

    def workout(self, x, t):
        """As a script has it."""
        self.student.classify(x)
        return self.student.backprop(t)

    def step(self):
        (row,) = BatchTrain(
            self.workout, epochs=1, optimizer="sgd", lr=LR, momentum=MOMENTUM, warmup=0
        )
        self.notes["waited"] = row["waited"]
        return len(self.sets.train.samples)


class Torchvision(Epoch):
    """ImageFolder and DataLoader with two workers, whose memory is not counted."""

    def __init__(self, setting):
        from torch.utils.data import DataLoader
        from torchvision.datasets import ImageFolder
        from torchvision.transforms import v2

        from speed.by_torch import Train

        super().__init__(setting)
        self.nin = Train(setting, "nin")
        view = v2.Compose(
            [
                v2.Resize((WHOLE, WHOLE)),
                v2.RandomCrop(setting.sizes["nin"]),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                blue_first,
                v2.Normalize(MEAN.ravel().tolist(), (1, 1, 1)),
            ]
        )
        self.batches = DataLoader(
            ImageFolder(folder_of(setting), view),
            setting.batch,
            shuffle=True,
            num_workers=WORKERS,
            persistent_workers=True,
        )

    def step(self):
        for x, labels in self.batches:
            self.nin.train(x, labels)
        return len(self.batches.dataset)


def blue_first(pixels):
    """RGB of 0 to 255 -> BGR, float32."""
    return pixels.flip(0).float()
