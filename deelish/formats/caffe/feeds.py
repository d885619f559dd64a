"""The parameters of layers that feed, store or score data, as rows of `fields.Row`.

Source: caffe.proto of BVLC Caffe.
"""

from __future__ import annotations

from deelish.formats.caffe.fields import (
    FILLER,
    SHAPE,
    Field,
    Row,
    boolean,
    enum,
    integer,
    message,
    messages,
    real,
    reals,
    string,
    uint,
    uints,
)

# Fields that the data layers of 2014 had of their own, and that `transform_param` has today.
_OLD_TRANSFORM: dict[str, Field] = {
    "scale": real(2),
    "mean_file": string(3),
    "crop_size": uint(5),
    "mirror": boolean(6),
}

FEEDS: dict[str, Row] = {
    "accuracy_param": (
        102,
        27,
        "Accuracy",
        {"top_k": uint(1), "axis": integer(2), "ignore_label": integer(3)},
    ),
    "contrastive_loss_param": (
        105,
        40,
        "ContrastiveLoss",
        {"margin": real(1), "legacy_version": boolean(2)},
    ),
    "data_param": (
        107,
        11,
        "Data",
        {
            "source": string(1),
            **_OLD_TRANSFORM,
            "batch_size": uint(4),
            "rand_skip": uint(7),
            "backend": enum(8, "LEVELDB", "LMDB"),
            "force_encoded_color": boolean(9),
            "prefetch": uint(10),
        },
    ),
    "dummy_data_param": (
        109,
        26,
        "DummyData",
        {
            "data_filler": messages(1, FILLER),
            "shape": messages(6, SHAPE),
            "num": uints(2),
            "channels": uints(3),
            "height": uints(4),
            "width": uints(5),
        },
    ),
    "hdf5_data_param": (
        112,
        13,
        "HDF5Data",
        {"source": string(1), "batch_size": uint(2), "shuffle": boolean(3)},
    ),
    "hdf5_output_param": (113, 14, "HDF5Output", {"file_name": string(1)}),
    "hinge_loss_param": (
        114,
        29,
        "HingeLoss",
        {"norm": Field(1, "enum", words={1: "L1", 2: "L2"})},
    ),
    "image_data_param": (
        115,
        15,
        "ImageData",
        {
            "source": string(1),
            **_OLD_TRANSFORM,
            "batch_size": uint(4),
            "rand_skip": uint(7),
            "shuffle": boolean(8),
            "new_height": uint(9),
            "new_width": uint(10),
            "is_color": boolean(11),
            "root_folder": string(12),
        },
    ),
    "infogain_loss_param": (116, 16, "InfogainLoss", {"source": string(1), "axis": integer(2)}),
    "input_param": (143, None, "Input", {"shape": messages(1, SHAPE)}),
    "loss_param": (
        101,
        42,
        "InfogainLoss SigmoidCrossEntropyLoss SoftmaxWithLoss",
        {
            "ignore_label": integer(1),
            "normalize": boolean(2),
            "normalization": enum(3, "FULL", "VALID", "BATCH_SIZE", "NONE"),
        },
    ),
    "memory_data_param": (
        119,
        22,
        "MemoryData",
        {"batch_size": uint(1), "channels": uint(2), "height": uint(3), "width": uint(4)},
    ),
    "parameter_param": (145, None, "Parameter", {"shape": message(1, SHAPE)}),
    "python_param": (
        130,
        None,
        "Python",
        {
            "module": string(1),
            "layer": string(2),
            "param_str": string(3),
            "share_in_parallel": boolean(4),
        },
    ),
    "window_data_param": (
        129,
        20,
        "WindowData",
        {
            "source": string(1),
            **_OLD_TRANSFORM,
            "batch_size": uint(4),
            "fg_threshold": real(7),
            "bg_threshold": real(8),
            "fg_fraction": real(9),
            "context_pad": uint(10),
            "crop_mode": string(11),
            "cache_images": boolean(12),
            "root_folder": string(13),
        },
    ),
    "transform_param": (
        100,
        36,
        "Data ImageData MemoryData WindowData",
        {
            "scale": real(1),
            "mirror": boolean(2),
            "crop_size": uint(3),
            "mean_file": string(4),
            "mean_value": reals(5),
            "force_color": boolean(6),
            "force_gray": boolean(7),
        },
    ),
}
