"""What all sides agree on beside batches and threads."""

# timm's names, as train.py makes its teacher by name. Weights do not matter to the speed.
TEACHER = "efficientnet_lite0"
STUDENTS = {"mobilenetv4_conv_small": "MobileNetV4-small", "resnet18": "ResNet-18"}
PRECISIONS = ("float32", "bfloat16")
SIZE = 224
TEMPERATURE, LR = 4, 1e-4
