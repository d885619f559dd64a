"""The models among which a student for a device is chosen."""

from __future__ import annotations

from dataclasses import dataclass

# What all of them have in common; int8 keeps such networks as they are.
CURATED = (
    "the candidates are models of timm with published weights at 224 pixels, ReLU or ReLU6 and no"
    " squeeze-excitation, which int8 runs faster and hardly changes"
)
ACCURACY_PIXELS = 224


@dataclass(frozen=True)
class Candidate:
    """A model by name, and its published top-1 accuracy on ImageNet at 224 pixels, in percent."""

    name: str
    accuracy: float


# The most accurate first. The accuracies are those of timm's results-imagenet.csv, and of the model
# cards of MobileNetV4 (e2400, e500 and e3000, all of them r224), which the file lacks.
CANDIDATES = (
    Candidate("timm/mobilenetv4_conv_medium", 79.1),
    Candidate("timm/mobilenetv2_120d", 77.3),
    Candidate("timm/mobilenetv2_140", 76.5),
    Candidate("timm/efficientnet_lite0", 75.5),
    Candidate("timm/mobilenetv2_110d", 75.1),
    Candidate("timm/mobilenetv4_conv_small", 73.8),
    Candidate("timm/mobilenetv2_100", 73.0),
    Candidate("timm/mobilenetv2_050", 66.0),
    Candidate("timm/mobilenetv4_conv_small_050", 64.8),
)
# The one whose milliseconds are published for most devices.
REFERENCE = "timm/mobilenetv2_100"
