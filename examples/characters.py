"""A language model of characters teaches a smaller one; bits a character, beside bzip2's.

    python examples/characters.py TEXT [--epochs 6] [--seeds 3]

TEXT is a text file, each line of which is a sequence; python data/verses.py writes one of 31,103
verses. The teacher is an LSTM of 448 units, the students are LSTMs of 128. They learn the next
character at each step from the text alone, or from the text and the teacher's distribution at each
step, with as many updates. The teacher's logits are cached, 0.6 GB of them. Every 20th line is for
the test: bits a character are those on these lines after the last epoch, their line breaks counted.
bzip2 compresses the whole text. The lists and the networks are written into the folder characters.
"""

import argparse
import bz2
import math
import statistics
from pathlib import Path

from deelish import *

OUT = Path("characters")
TEST = 20


def lists(text):
    """The lines for training and for the test, as .tsv files."""
    lines = [line.replace("\t", " ") for line in text.read_text().splitlines() if line.strip()]
    parts = {"train": [], "test": []}
    for number, line in enumerate(lines):
        parts["train" if number % TEST else "test"].append(line)
    for name, part in parts.items():
        (OUT / f"{name}.tsv").write_text("\n".join(part) + "\n")
    return bz2.compress("\n".join([*lines, ""]).encode()), sum(len(line) + 1 for line in lines)


def recurrent(name, form, embedding, units):
    tokens = len(form.vocabulary)
    rows = [
        Layer("embed", "Embed", input_dim=tokens, num_output=embedding),
        Layer("lstm", "LSTM", ("embed", "cont"), num_output=units),
        # Axes are time, batch and units: scores at each step.
        Layer("score", "InnerProduct", num_output=tokens, axis=2),
    ]
    return Network(rows, sequences=form, name=name)


def learn(network, epochs, teacher=None):
    """Train on the text, and on a teacher's distributions; bits a character on the test lines."""

    def workout(x, t):
        network.classify(x)
        if teacher is None or not deel.training:
            return network.backprop(t)
        logits = teacher.batch_feature(x)
        return network.backprop(t, distill=logits, alpha=0.5)

    deel = network.context
    how = {"optimizer": "adamw", "lr": 4e-3, "weight_decay": 0.01}
    return BatchTrain(workout, epochs=epochs, **how)[-1]["val_loss"] / math.log(2)


def dataset():
    """The lists; their vocabulary is that of all lines, so that the test has no other."""
    texts = [(OUT / f"{name}.tsv").read_text() for name in ("train", "test")]
    lines = OUT / "train.tsv", OUT / "test.tsv"
    return InputBatch(
        *lines, batch_size=64, tokens="characters", vocabulary=sorted(set("".join(texts))), views=1
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", metavar="TEXT", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument(
        "--seeds", type=int, choices=range(1, 10), default=3, help="of the students"
    )
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    compressed, characters = lists(options.text)
    found = {"teacher": [], "alone": [], "distilled": []}
    with Deel():
        teacher = recurrent("Teacher", dataset().sequences, 64, 448)
        found["teacher"].append(learn(teacher, options.epochs))
        teacher.save(OUT / "teacher.hdf5")
    for seed in range(options.seeds):
        for name in ("alone", "distilled"):
            with Deel(seed=seed):
                student = recurrent("Student", dataset().sequences, 32, 128)
                taught = None if name == "alone" else Network.load(OUT / "teacher.hdf5")
                found[name].append(learn(student, options.epochs, taught))
                student.save(OUT / f"{name}.hdf5")

    with Deel():
        print(f"\n{'':<10}{'bits a character':>17}{'spread':>8}{'parameters':>12}")
        for name, bits in found.items():
            parameters = Network.load(OUT / f"{name}.hdf5").parameters
            spread = max(bits) - min(bits)
            print(f"{name:<10}{statistics.mean(bits):>17.3f}{spread:>8.3f}{parameters:>12,}")
        print(f"{'bzip2':<10}{8 * len(compressed) / characters:>17.3f}")


if __name__ == "__main__":
    main()
