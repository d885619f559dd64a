"""CIFAR-10's test images: the accuracy of a network on them."""


def accuracy(data, network):
    """Accuracy on the images of test.txt in the folder `data`, in the centre view."""
    items = [line.split() for line in (data / "test.txt").read_text().splitlines()]
    right = 0
    for start in range(0, len(items), 100):
        part = items[start : start + 100]
        best = network.classify([data / path for path, _ in part]).value.argmax(1)
        right += int(sum(best == [int(label) for _, label in part]))
    return right / len(items)
