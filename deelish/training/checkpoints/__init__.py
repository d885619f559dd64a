"""Checkpoints: a training that was stopped goes on where it was, to the bit."""
