"""One distillation three ways: by deelish, by a hand-written loop of PyTorch, by torchdistill.

    python benchmarks/rivals.py CIFAR10 TEACHER [--images 10000] [--epochs 4] [--seeds 1]
        [--test-images 10000] [--work FOLDER] [--json]

CIFAR10 is a folder with train.txt, test.txt and the images of 32 x 32 pixels; TEACHER a GoogLeNet
for its ten classes at 96 pixels, trained and saved by deelish. The CIFAR-10 NIN learns from its
logits alone, at a temperature of 4, on the first images of each class: batches of 64, Adam at
0.001 after a warm-up, a cosine to 0, the same initial weights. A view is a random window of 28 of
32 pixels, mirrored or not, made 32 pixels wide for the student and 96 for the teacher;
tests show the central one. All run on the CPU, one after the other. PyTorch and torchdistill each
have a virtual environment, which venv and pip make here; in --work FOLDER these stay for the next
time. Two more rows are the same script of deelish. With "views=2" an image has two recorded views,
and the teacher sees each once, into a new cache. By itself deelish trains in bfloat16 where the
processor has it; with "float32" it computes as the others do.

Lines are those of user code that hold code or YAML; the networks, which deelish has, are counted
apart. Accuracy is that after the last epoch; nothing was chosen on the test images, which
--test-images cuts for a trial. Seconds are those of the training, and of the whole script. Peak
memory is that of the largest process: the two that load images for PyTorch and torchdistill are not
added. It runs on Linux, as the peak is read in its unit.
"""

import argparse
import ast
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tokenize
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from deelish import *
from deelish.networks import NetworkInNetworkCIFAR10

SCRIPTS = Path(__file__).with_name("rivals")
PYTORCH = ("torch>=2.6", "torchvision", "safetensors", "numpy", "pillow")
OWN = ("deelish", "torch", "safetensors", "numpy", "pillow")
LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


class Way(NamedTuple):
    """A script and the other files that its user wrote; what pip installs for it, if anything.

    arguments, settings: more for its command line and its environment variables.
    """

    files: tuple[str, ...]
    networks: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


WAYS = {
    "deelish": Way(("with_deelish.py",)),
    "deelish, views=2": Way(("with_deelish.py",), arguments=("2",)),
    "deelish, float32": Way(("with_deelish.py",), settings=(("DEELISH_PRECISION", "float32"),)),
    "pytorch": Way(("with_pytorch.py",), ("networks.py",), PYTORCH),
    "torchdistill": Way(
        ("with_torchdistill.py", "torchdistill.yaml"),
        ("networks.py",),
        (*PYTORCH, "torchdistill"),
    ),
}


def python_lines(text):
    """How many lines of Python hold code: no blank ones, no comments, no docstrings."""
    held, docstrings = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*LAYOUT, tokenize.ENDMARKER):
            held.update(range(token.start[0], token.end[0] + 1))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(held - docstrings)


def yaml_lines(text):
    """How many lines of YAML are neither blank nor a comment."""
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text.split("\n"))


def lines_of(names):
    """Lines of code and YAML in these files."""
    count = {".py": python_lines, ".yaml": yaml_lines}
    return sum(count[Path(name).suffix]((SCRIPTS / name).read_text()) for name in names)


def first_of_each(data, name, images, folder):
    """A list of the first images of each of ten classes, with whole paths."""
    seen, lines = Counter(), []
    for line in (data / name).read_text().splitlines():
        path, label = line.rsplit(maxsplit=1)
        seen[label] += 1
        if seen[label] <= images // 10:
            lines.append(f"{data / path} {label}\n")
    made = folder / name
    made.write_text("".join(lines))
    return made


def environment(way, folder):
    """The Python of a way: that of deelish is this one, the others get their own."""
    if not way.packages:
        return Path(sys.executable)
    place = folder / Path(way.files[0]).stem
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *way.packages], check=True)
    return python


def versions(way, python):
    """{package: version} in an environment."""
    names = [name.partition(">")[0] for name in way.packages or OWN]
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]), sep='\\n')"
    done = subprocess.run([python, "-c", code, *names], check=True, stdout=subprocess.PIPE)
    return dict(zip(names, done.stdout.decode().split(), strict=True))


def write_networks(teacher, seed, folder):
    """The files of the teacher and of the student's initial weights."""
    # The numpy engine keeps this process small: on Linux a child's peak starts from its parent's.
    with Deel(seed=seed, engine="numpy"):
        student = NetworkInNetworkCIFAR10().save(folder / f"student_{seed}.safetensors")
        return [Network.load(teacher).save(folder / "teacher.safetensors"), student]


def run(python, way, arguments, folder):
    """What one script gave: accuracy, seconds, seconds in all, peak in MB."""
    start, script = time.perf_counter(), SCRIPTS / way.files[0]
    output = folder / "output.txt"
    with tempfile.TemporaryDirectory(dir=folder) as cache, output.open("w") as file:
        settings = {**os.environ, "DEELISH_CACHE": cache, **dict(way.settings)}
        process = subprocess.Popen([python, script, *arguments], stdout=file, env=settings)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{script.name} ended with status {process.returncode}; its error is above")
    found = json.loads(output.read_text().splitlines()[-1])
    return {**found, "seconds_in_all": seconds, "peak_mb": usage.ru_maxrss / 1024}


def measure(options, folder):
    """{way: lines, and its figures of each seed}, and {tool: versions}."""
    data = options.data.resolve()
    lists = [
        first_of_each(data, "train.txt", options.images, folder),
        first_of_each(data, "test.txt", options.test_images, folder),
    ]
    pythons = {name: environment(way, folder) for name, way in WAYS.items()}
    used = {name.split(",")[0]: versions(way, pythons[name]) for name, way in WAYS.items()}
    rows = {
        name: {"lines": lines_of(way.files), "network_lines": lines_of(way.networks), "runs": []}
        for name, way in WAYS.items()
    }
    for seed in range(options.seeds):
        networks = write_networks(options.teacher, seed, folder)
        for name, way in WAYS.items():
            saved = folder / ("student.pt" if way.packages else "student.hdf5")
            arguments = [*networks, *lists, saved, str(options.epochs), str(seed), *way.arguments]
            made = run(pythons[name], way, arguments, folder)
            rows[name]["runs"].append(made)
            print(f"{name}, seed {seed}: {made['accuracy']:.1%}, {made['seconds']:.0f} s")
    return rows, used


def report(rows, used):
    """Print the table and the versions."""
    heads = ("lines", "networks", "accuracy", "spread", "seconds", "in all", "peak MB")
    print(f"\n{'':<18}" + "".join(f"{head:>10}" for head in heads))
    for name, row in rows.items():
        values = {key: [made[key] for made in row["runs"]] for key in row["runs"][0]}
        mean = {key: statistics.mean(each) for key, each in values.items()}
        spread = max(values["accuracy"]) - min(values["accuracy"])
        print(
            f"{name:<18}{row['lines']:>10}{row['network_lines'] or '-':>10}"
            f"{mean['accuracy']:>10.2%}{spread:>10.2%}{mean['seconds']:>10.1f}"
            f"{mean['seconds_in_all']:>10.1f}{mean['peak_mb']:>10.0f}"
        )
    print()
    for name, packages in used.items():
        print(f"{name}: " + ", ".join(" ".join(pair) for pair in packages.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("teacher", metavar="TEACHER", type=Path)
    parser.add_argument("--images", type=int, default=10000, help="training images")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--test-images", type=int, default=10000)
    parser.add_argument("--work", type=Path, help="a folder for lists, weights, environments")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        rows, used = measure(options, folder)
    report(rows, used)
    print(f"{options.images} images, last of {options.epochs} epochs, seeds: {options.seeds}")
    if options.json:
        print(json.dumps({"rows": rows, "versions": used}))


if __name__ == "__main__":
    sys.exit(main())
