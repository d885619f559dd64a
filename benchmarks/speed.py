"""The speed table: deelish beside the alternatives on the same work, and the ratios between them.

    python benchmarks/speed.py [--rounds 5] [--batch 32] [--threads N] [--seconds 1]
        [--rows ROW ...] [--size PIXELS] [--json]

Each side of a row runs in a process of its own, with as many threads as the others. The sides take
turns, round by round; a first round warms up. Images a second are medians, and "deelish is" is the
median over the rounds of deelish's images a second as a multiple of that side's. Peak memory is
that of the side's process. A side whose package is not there is left out, with the reason.

GoogLeNet at 224 pixels with its main classifier, and NIN at 227, hold the same initial weights on
all sides. A batch goes from uint8 pixels in memory to logits in NumPy, or through one update of SGD
with momentum. PyTorch is the loop that most users write: float32, its own layout, its own LRN and
allocator, the teacher under no_grad. The expert's has channels last, inference_mode, autocast to
bfloat16 where the processor multiplies in it, and a fused optimiser; "compiled" sends what only
predicts through torch.compile, as Deel(compile=True) does. OpenVINO has the latency hint and a
batch of a fixed size. deelish runs as BatchTrain runs it, with the verbs of a script: "deelish"
with its own choices, in the precision that is named, "float32" with Deel(precision="float32"). "By
hand" is the same distillation on deelish's modules without its verbs. Distillation is from the
teacher's logits alone, at a temperature of 4; cached logits come from deelish's teacher cache on
disk, those of PyTorch from memory. There the teacher runs once, before the rounds, which is in the
peak memory.

An epoch from files is BatchTrain with keep="memory" beside torchvision's ImageFolder and DataLoader
with two workers, whose memory is not counted, on JPEG files of 500 x 375 pixels. Files to pixels is
deelish's loader with one thread beside Pillow, in images a second of the processor's time.

"Of floor" is the fraction of the time that the row's multiply-adds would take at the best rate of
the machine's convolutions (3 x 3, 512 channels, channels last), forward or with gradients, in the
type of the side; they are measured first. With --json the last line is an object:

    distill_vs_expert, distill_vs_plain, distill_vs_chainer    deelish's images a second over theirs
    distill_by_openvino_vs_expert             the same with Teacher(..., runtime="openvino")
    student_step_vs_expert                    NIN on labels, in the expert's precision
    stored_vs_labels                          NIN from cached logits over NIN from labels
    forward_fp32_vs_openvino, forward_bf16_vs_openvino          GoogLeNet, both in one type
    forward_fp32_vs_onnxruntime, forward_bf16_vs_onnxruntime    GoogLeNet
    nin_step_of_floor                         1 is the floor
    jpeg_wait_first, jpeg_wait_later          fraction of an epoch that waited for images
    decode_per_core, decode_worst_pixel       images a second; of 255, beside Pillow
    overhead                                  0.02: the language takes 2 % more than by hand

A number that was not measured is null. --rows names rows, all by themselves: googlenet-forward,
nin-forward, googlenet-step, nin-step, distill, epoch, decode. It runs on Linux, and needs 12 GB of
memory for batches of 32, as the sides of a row live at the same time.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

from speed import table
from speed.options import at_least, versions
from speed.rows import OURS, ROWS
from speed.setting import Setting
from speed.sides import Side, measure, notes_of

PACKAGES = ("deelish", "torch", "torchvision", "chainer", "onnxruntime")
PACKAGES += ("openvino", "opencv-python-headless", "numpy", "pillow")
SIZES = {"googlenet": 224, "nin": 227}


def options_of_the_user():
    count = at_least(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=count, default=5)
    parser.add_argument("--batch", type=count, default=32)
    parser.add_argument("--threads", type=count, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=1, help="the least that a round takes")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--size", type=at_least(64), help="of all networks' images, for a trial")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return parser.parse_args()


def best_rates(setting, rounds):
    """The best of all rounds: multiply-adds a second by "float32 forward" and so on."""
    (floor,) = measure([Side("convolutions", "floor:Rates")], setting, rounds).values()
    return {key: max(note[key] for note in floor.notes) for key in floor.notes[0]}


def head(options, chosen, setting):
    """Write what the rows need and print what they ran on; returns their costs and the floor."""
    models = notes_of(Side("the networks", "models:Models"), setting)
    installed = [f"Python {platform.python_version()}", *versions(PACKAGES)]
    print(f"{models['machine']}\n{', '.join(installed)}")
    print(f"batches of {options.batch}, {options.threads} threads, medians of {options.rounds}")
    floor = {}
    if any(row.work for row in chosen.values()):
        floor = best_rates(setting, options.rounds)
        rates = (f"{key} {2e-9 * rate:,.0f}" for key, rate in floor.items())
        print(f"convolutions, GFLOP/s: {', '.join(rates)}")
    if any(row.files for row in chosen.values()):
        files = notes_of(Side("files", "files:Files"), setting)
        print(f"{files['files']} JPEG files of {files['kb']:.0f} kB", flush=True)
    return models, floor


def run(options, folder):
    """Measure and print; returns the ratios."""
    sizes = SIZES if options.size is None else dict.fromkeys(SIZES, options.size)
    setting = Setting(options.batch, options.threads, options.seconds, folder, sizes)
    chosen = {name: ROWS[name] for name in options.rows}
    costs, floor = head(options, chosen, setting)
    found, fractions, worst = {}, {}, None
    for name, row in chosen.items():
        found[name] = measure(row.sides, setting, options.rounds)
        fractions[name] = table.fractions_of_floor(row, found[name], costs, floor)
        print("\n".join(table.lines(row, found[name], fractions[name])))
        if name == "epoch":
            first, later = table.waits(found)
            print(f"  deelish waited for images {first:.1%} of the first epoch, {later:.1%} later")
        if name == "decode":
            worst = notes_of(Side("pixels", "decode:Worst"), setting)["worst"]
            print(f"  largest difference of a pixel: {worst} of 255")
        sys.stdout.flush()
    return table.ratios(found, fractions.get("nin-step", {}).get(OURS), worst)


def main():
    options = options_of_the_user()
    with tempfile.TemporaryDirectory() as name:
        ratios = run(options, Path(name))
    if options.json:
        print(json.dumps({k: v if v is None else round(v, 4) for k, v in ratios.items()}))


if __name__ == "__main__":
    main()
