"""The memo's Raspberry Pi: who answers in its memory, loaded as in 2016 and as today.

    python benchmarks/edge.py [--devices NAME ...] [--networks NAME ...] [--ways NAME ...]
        [--googlenet FILE] [--student FILE ...] [--folder FOLDER] [--rounds 10] [--seconds 900]
        [--no-free] [--json]
    python benchmarks/edge.py --qemu qemu-aarch64 --arm-root ROOT --arm-packages SITE
        [--student FILE ...] [--folder FOLDER] [--json]

AlexNet, ResNet-152, VGG-16, GoogLeNet and two students each load and answer in a process of their
own, with one thread, whose memory is limited by RLIMIT_DATA to what the system leaves of the
device's: 200 MiB less than it has. Of a Raspberry Pi 3's 1,024 MiB Linux sees 925, and a system
without a desktop is assumed to take 100. RLIMIT_DATA counts the memory that a process owns, and no
pages of files. "peak" is the most that was resident, those pages included. Where a process fails,
it is started again without a limit, and the row, with a star, shows what it would need.

As in 2016: a .caffemodel by OpenCV's dnn, which stands for Caffe, and by Chainer's CaffeFunction,
with the compiled protobuf and with that in Python, which pip installed on ARM; and a chain of
Chainer with an .npz, by deelish. As today: deelish on PyTorch, and an .onnx of deelish, float32 and
int8, in the runtimes that are installed. Times are medians of single images, of this machine and
not of the device. CPU time is the honest one where the machine is busy.

Weights are initial ones, of the size and speed of published ones, after one update for the
normalisations; --googlenet names published weights. The students are Network in Network and timm's
MobileNetV4-small after four updates by GoogLeNet on generated images: no accuracy is claimed. With
--student the students are files that deelish saved. Int8 is calibrated on generated images. Each
float output is compared with deelish's own.

With --qemu the int8 students answer on this machine and on an emulated ARM processor, and the
outputs are compared. docs/edge.md says how to get ROOT and SITE. It runs on Linux, and needs 6 GB
of disk, and 10 GB of memory for what fails within the limit, which --no-free leaves out.
"""

import argparse
import json
import platform
import tempfile
from pathlib import Path

from edge_sides import arm, table
from edge_sides.measure import measure, named, written
from edge_sides.sides import NETWORKS, PACKAGES, STUDENTS, WAYS
from speed.options import at_least, versions

# MiB of memory, of which the system takes 200.
DEVICES = {"raspberry-pi-3": 1024, "raspberry-pi-zero-2": 512}
SYSTEM = 200


def options_of_the_user():
    count = at_least(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*NETWORKS, *STUDENTS]
    parser.add_argument("--devices", nargs="+", choices=DEVICES, default=["raspberry-pi-3"])
    parser.add_argument("--networks", nargs="+", choices=names, default=names)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--googlenet", metavar="FILE", type=Path, help="published weights")
    parser.add_argument("--student", metavar="FILE", type=Path, nargs="+", default=[])
    parser.add_argument("--folder", type=Path, help="keeps the files for the next time")
    parser.add_argument("--rounds", type=count, default=10, help="images that are timed")
    parser.add_argument("--seconds", type=count, default=900, help="before a process is killed")
    parser.add_argument("--no-free", action="store_true", help="never without a limit")
    parser.add_argument("--qemu", help="the emulator of ARM: qemu-aarch64")
    parser.add_argument("--arm-root", type=Path, help="an aarch64 Python 3.13 and its libraries")
    parser.add_argument("--arm-packages", type=Path, help="unpacked wheels: NumPy, onnxruntime")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    for path in [*options.student, *filter(None, [options.googlenet])]:
        if not path.is_file():
            parser.error(f"{path}: there is no such file")
    if options.qemu and (words := arm.problem(options)):
        parser.error(words)
    return options


def one_device(device, networks, options):
    """Print a device's table; what each way measured, by network."""
    mib = DEVICES[device] - SYSTEM
    print(f"\n{device}: {mib} MiB for a process\n{table.HEAD}", flush=True)
    results = {}
    for network in networks:
        print(table.title(network), flush=True)
        results[network.name] = {}
        for key in options.ways:
            made = measure(WAYS[key], network, mib, options)
            print(table.line(WAYS[key].title, made, mib), flush=True)
            results[network.name][key] = table.as_json(made)
    return results


def in_folder(folder, options):
    """Everything, with files in a folder."""
    rows, students = named(options)
    rows = students if options.qemu else [*rows, *students]
    networks = [written(*row, folder, options.googlenet) for row in rows]
    if options.qemu:
        return arm.compare(networks, options)
    installed = [f"Python {platform.python_version()}", *versions(PACKAGES)]
    print(f"{platform.machine()}, one thread, {', '.join(installed)}")
    return {device: one_device(device, networks, options) for device in options.devices}


def main():
    options = options_of_the_user()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        results = in_folder(options.folder.resolve(), options)
    else:
        with tempfile.TemporaryDirectory() as name:
            results = in_folder(Path(name), options)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
