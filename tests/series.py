"""Lists of sequences and networks that read them, for tests."""

import numpy as np

from deelish import InputBatch, Layer, Network

WORDS = ["the", "cat", "sleeps", "dog", "runs"]


def write(folder, name, lines):
    """A .tsv file of these lines; its path."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def texts(count, seed=0):
    """Lines of words, of several lengths."""
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, draw.integers(1, 5))) for _ in range(count)]


def numbers(count, fields=1, seed=0):
    """Lines of numbers with the label "up" or "down", the sign of their sum."""
    draw = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        values = draw.normal(size=(fields, draw.integers(2, 7))).round(2)
        columns = [" ".join(map(str, column)) for column in values]
        lines.append("\t".join([*columns, "up" if values.sum() > 0 else "down"]))
    return lines


def dataset(folder, lines, **choices):
    """InputBatch of some lines, of which the last third is for validation."""
    count = len(lines) * 2 // 3
    train = write(folder, "train.tsv", lines[:count])
    return InputBatch(train, write(folder, "val.tsv", lines[count:]), **choices)


def language_model(form, units=8, name="Model"):
    """A network that gives the next token."""
    tokens = len(form.vocabulary)
    rows = [
        Layer("embed", "Embed", input_dim=tokens, num_output=4),
        Layer("lstm", "LSTM", ("embed", "cont"), num_output=units),
        Layer("score", "InnerProduct", num_output=tokens, axis=2),
    ]
    return Network(rows, sequences=form, name=name)


def classifier(form, labels=("up", "down"), units=8, name="Classifier"):
    """A network that gives the class of a sequence."""
    rows = [
        Layer("lstm", "LSTM", ("data", "cont"), num_output=units),
        Layer("last", "LastStep"),
        Layer("score", "InnerProduct", num_output=2),
    ]
    return Network(rows, sequences=form, labels=labels, name=name)
