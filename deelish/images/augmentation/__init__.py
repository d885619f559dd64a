"""Augmentation: named changes of a view's pixels, each drawn from the view's recorded seed."""
