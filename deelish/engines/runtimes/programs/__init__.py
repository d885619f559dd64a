"""A file a runtime, which imports NumPy and that runtime alone: a process that runs one is small.

Each has a class `Program(path, threads)` with `input_shape`, (channels, height, width) or None
where the file does not state it, and `run`, from float32 (n, channels, height, width) to float32
logits (n, classes). It hides the layout of the input, its type and how many images it takes.
"""
