"""One distillation by deelish, by PyTorch, plain and by an expert, and by other tools.

    python benchmarks/rivals.py CIFAR10 TEACHER [--images 10000] [--epochs 4] [--seeds 1]
        [--test-images 10000] [--timm CHECKOUT] [--work FOLDER] [--json]

CIFAR10 is a folder with train.txt, test.txt and the images of 32 x 32 pixels; TEACHER a GoogLeNet
for its ten classes at 96 pixels, trained and saved by deelish. The CIFAR-10 NIN learns from its
logits alone, at a temperature of 4, on the first images of each class: batches of 64, Adam at
0.001 after a warm-up, a cosine to 0, the same initial weights. A view is a random window of 28 of
32 pixels, mirrored or not, made 32 pixels wide for the student and 96 for the teacher;
tests show the central one. All run on the CPU, one after the other, each in a process of its own.

    deelish             trains in bfloat16 where the processor has it; with "float32" it computes
                        as PyTorch does by itself. With "views=2" an image has two recorded views,
                        and the teacher sees each once, into a new cache
    pytorch             the loop that a user writes
    expert              channels last, the teacher in inference mode, autocast to bfloat16, batches
                        resized at once; "compiled" puts the teacher through torch.compile
    torchdistill        its box for distillation, and its YAML
    timm                its train.py with --kd-model-name, in a git checkout of
                        pytorch-image-models that --timm names, with the options of the expert
    lightly-train       another job, as it takes no teacher but DINOv2 and DINOv3: the student
                        learns features of DINOv2, whose weights it downloads, and a linear probe
                        has the labels of all images

The others have virtual environments, which venv and pip make here. What pip cannot install, and
a script of theirs that fails, is left out with the reason. In --work FOLDER environments and
finished rows stay: the same command goes on from them after a stop. A row is measured again where
the script, the lists, the teacher or a version is another one; a changed deelish of the same
version is not seen, and needs a new FOLDER.

Lines are those of user code that hold code or YAML; the networks, which deelish has, are counted
apart. Accuracy is that after the last epoch; nothing was chosen on the test images, which
--test-images cuts for a trial. Seconds are those of the training, and of the whole script. Peak
memory is that of the largest process: the two that load images for the others are not added. It
runs on Linux, as the peak is read in its unit.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from kept import first_of_each, make_folder, write_list
from rival_runs import environments, material, table
from rival_runs.lines import lines_of
from rival_runs.training import digest, kept, run
from rival_runs.ways import SCRIPTS, WAYS, LeftOut, program_of
from speed.options import at_least


def part_of(whole):
    """A type for argparse: how many images of a list, as many of each class."""

    def number(text):
        if not text.isdecimal() or not 10 <= int(text) <= whole or int(text) % 10:
            raise argparse.ArgumentTypeError(
                f"{text!r}: give a multiple of 10, from 10 to {whole}: as many of each class"
            )
        return int(text)

    return number


class Bench:
    """What all rows of one run share.

    Attributes:
        rows: {way: its lines, and the figures of each seed}.
        used: {way: versions of its packages}.
        left_out: {way: why it has no row}.
    """

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.rows, self.used, self.left_out, self.pythons = {}, {}, {}, {}
        material.check_data(options.data)
        data, parts = options.data.resolve(), (options.images, options.test_images)
        self.lists = [
            write_list(folder / name, first_of_each(data, name, images // material.CLASSES))
            for name, images in zip(material.LISTS, parts, strict=True)
        ]

    def without(self, name, reason):
        """A way that cannot be measured; deelish itself has to be."""
        if not WAYS[name].packages:
            sys.exit(str(reason))
        self.left_out[name] = str(reason)
        self.rows.pop(name, None)
        self.used.pop(name, None)
        print(f"{name}: left out, as {reason}", flush=True)

    def prepare(self, name, way):
        """The environment of a way, and its row without figures."""
        try:
            program_of(way, self.options.timm)
            self.pythons[name] = environments.environment(way, self.folder)
        except LeftOut as reason:
            self.without(name, reason)
            return
        self.used[name] = environments.versions(way, self.pythons[name])
        lines = {"lines": lines_of(way.files), "network_lines": lines_of(way.networks)}
        self.rows[name] = {**lines, "runs": []}

    def measure(self, name, seed, networks):
        """The figures of one way and seed, in its row."""
        way, python = WAYS[name], self.pythons[name]
        program = program_of(way, self.options.timm)
        saved = self.folder / ("student.pt" if way.packages else "student.hdf5")
        arguments = [*networks, *self.lists, saved, str(self.options.epochs), str(seed)]
        arguments += [*way.arguments, *program]
        facts = self.facts(name, seed, program)
        try:
            made = kept(self.folder, facts, lambda: run(python, way, arguments, self.folder))
        except LeftOut as reason:
            self.without(name, reason)
            return
        self.rows[name]["runs"].append(made)
        print(f"{name}, seed {seed}: {made['accuracy']:.1%}, {made['seconds']:.0f} s", flush=True)

    def facts(self, name, seed, program):
        """All that the figures of a row depend on, but the code of deelish."""
        way = WAYS[name]
        files = [SCRIPTS / file for file in (*way.files, *way.networks)]
        return {
            "row": name,
            "seed": seed,
            "epochs": self.options.epochs,
            "way": [way.arguments, way.settings],
            "versions": self.used[name],
            "files": digest(*files, *program, *self.lists, self.options.teacher),
        }

    def measure_all(self):
        """All rows that can be measured here."""
        networks = [
            material.write_networks(self.options.teacher, seed, self.folder)
            for seed in range(self.options.seeds)
        ]
        for name, way in WAYS.items():
            self.prepare(name, way)
        for seed, files in enumerate(networks):
            for name in list(self.rows):
                self.measure(name, seed, files)


def options_of_the_user():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("teacher", metavar="TEACHER", type=Path)
    parser.add_argument("--images", type=part_of(50_000), default=10_000, help="training images")
    parser.add_argument("--epochs", type=at_least(1), default=4)
    parser.add_argument("--seeds", type=at_least(1), default=1)
    parser.add_argument("--test-images", type=part_of(10_000), default=10_000)
    parser.add_argument("--timm", metavar="CHECKOUT", type=Path, help="holds train.py")
    parser.add_argument("--work", type=Path, help="a folder for environments and finished rows")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser.parse_args()


def main():
    options = options_of_the_user()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.work or Path(temporary)).resolve()
        make_folder("--work", folder)
        bench = Bench(options, folder)
        bench.measure_all()
    notes = {name: way.note for name, way in WAYS.items()}
    print("\n".join(table.lines(bench.rows, notes, bench.used, bench.left_out)))
    print(f"{options.images} images, last of {options.epochs} epochs, seeds: {options.seeds}")
    if options.json:
        found = {"rows": bench.rows, "versions": bench.used, "left_out": bench.left_out}
        print(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
