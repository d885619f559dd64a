"""Torch modules for small devices: one exported program, and its converters in their processes."""
