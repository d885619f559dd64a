"""What other libraries call the arguments of deelish's verbs, for errors that name ours."""

from __future__ import annotations

# By ours, the words of others. Ours may come with a value, where that is what the word says.
_BY_OURS: dict[str, str] = {
    # Networks
    "labels": "num_classes n_classes nb_classes classes class_names categories names outputs",
    "outputs": "num_classes n_classes nb_classes classes num_output num_outputs",
    "modelpath": "pretrained weights checkpoint checkpoint_path ckpt model_path caffemodel file"
    " filename filepath",
    "in_size": "size imgsz img_size input_size image_size input_shape resolution",
    "size": "in_size imgsz img_size input_size image_size input_shape crop_size resolution",
    "dropout": "drop_rate dropout_rate dropout_ratio",
    "rows": "layers plan",
    "hidden": "hidden_size hidden_sizes hidden_layers widths",
    # Pixels
    "order": "channels in_chans in_channels color colour mode channel_order",
    "scale=1 / (255 * std)": "std",
    "crop": "crop_pct crop_ratio crop_fraction center_crop",
    "crop_mode": "resize_mode",
    "interpolation": "resample resampling",
    "preprocessing": "transform transforms preprocess processor",
    # BatchTrain
    "lr": "learning_rate rate base_lr lr0 max_lr eta",
    "epochs": "epoch num_epochs n_epochs nb_epoch nb_epochs max_epochs num_train_epochs",
    "optimizer": "opt optim optimiser solver solver_type",
    "schedule": "scheduler lr_scheduler lr_schedule lr_policy lr_scheduler_type sched",
    "warmup": "warmup_epochs warmup_steps warmup_ratio warmup_fraction",
    "lr_mult": "freeze frozen lr_scale lr_multipliers param_groups",
    "checkout": "callback callbacks",
    "on_nan": "terminate_on_nan detect_anomaly nan_policy",
    "weight_decay": "wd decay l2",
    "betas": "beta1 beta2 momentum",
    # InputBatch
    "batch_size": "bs batch batchsize",
    "padding": "pad padding_mode random_crop shift translate",
    "mirror": "flip hflip fliplr horizontal_flip random_flip",
    "augment": "augmentation augmentations auto_augment aa",
    "mix='mixup'": "mixup",
    "mix='cutmix'": "cutmix",
    "keep='memory'": "cache",
    "train": "dataset data train_data train_dataset images",
    "val": "valid validation val_data validation_data test",
    "root": "root_dir data_dir base_dir prefix",
    # backprop
    "distill": "distil teacher teacher_logits soft_labels soft_targets kd",
    "t": "labels label target targets y",
    "temperature": "T temp tau",
    "alpha": "lambda_ lam lambd",
    "weight": "lambda_ lam lambd kd_weight distill_weight",
    "loss": "criterion loss_fn loss_type loss_function",
    "hint": "hints features layers",
    "label_smoothing": "smoothing smooth label_smooth ls smoothing_factor",
    "standardise": "standardize normalize zscore",
    # Deel
    "gpu": "device device_id gpu_id gpus cuda",
    "precision": "dtype amp mixed_precision fp16 bf16",
    "engine": "backend framework",
    "seed": "random_seed random_state manual_seed",
    "compile": "jit",
    # Compare, Show, and methods of a network
    "test": "val valid validation test_data dataset data images",
    "student": "students model models",
    "teacher": "teachers",
    "fits": "device target",
    "save": "path file filename filepath output html",
    "path": "file filename filepath source",
    "source": "image images img path file model x",
    "x": "image images img input inputs source logits",
    "inputs": "x input data feed",
    "blobs": "outputs layers names",
    "layer": "layer_name name blob",
    "top": "topk top_k k n tops",
    # Teachers
    "average": "mode method reduction",
    "net": "model network teacher",
    "decay": "momentum ema ema_decay alpha beta",
    # Layer, register_layer
    "type": "kind layer_type op",
    "bottom": "bottoms input inputs",
    "torch": "forward function fn func",
}


def _by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for ours, words in _BY_OURS.items():
        for word in words.split():
            found.setdefault(word, []).append(ours)
    return {word: tuple(ours) for word, ours in found.items()}


# The words of others, with ours; a verb takes some of them.
WORDS = _by_word()

_READERS = ("batch_size", "threads read the images without it; leave it out")
_VIEWS = (
    "augment",
    "each network prepares its own pixels, from views by crop=, mirror= and augment=; leave it out",
)
# What no argument is needed for: an argument by which the verb is known, and what to do.
BY_ITSELF: dict[str, tuple[str, str]] = {
    "shuffle": ("mirror", "every epoch has its own order of the training images; leave it out"),
    **dict.fromkeys(("num_workers", "workers", "num_threads", "n_jobs"), _READERS),
    **dict.fromkeys(("transform", "transforms"), _VIEWS),
}

# The methods of others by what to do here; none of them is a method of a network.
_BY_CURE: dict[str, str] = {
    "call BatchTrain(workout), where workout calls backprop(t)": "fit fit_generator train_on_batch"
    " train_step training_step train_one_epoch",
    "pass optimizer= and lr= to BatchTrain": "configure_optimizers",
    "leave it out, backprop(t) is a whole update": "zero_grad step backward",
    "pass lr_mult={'conv1': 0} to BatchTrain": "freeze unfreeze requires_grad_",
    "call classify(x), or batch_feature(x) of a teacher": "predict predict_on_batch predict_step",
    "call Compare(teacher, student, test='data/test.txt')": "evaluate score",
    "leave it out, each verb sets the mode it needs": "train eval",
    "call save('net.safetensors')": "state_dict save_weights save_pretrained",
    "call Network.load(path), or pass modelpath=": "load_state_dict load_weights from_pretrained",
    "open the session with Deel(gpu=0, precision='bfloat16')": "to cuda cpu half bfloat16",
    "call ShowLayers()": "named_parameters named_modules children modules",
    "call feature(x, layer='conv1')": "forward_features get_layer",
    "call export('net.onnx')": "to_onnx onnx export_onnx",
}
METHODS = {word: cure for cure, words in _BY_CURE.items() for word in words.split()}
