"""Sequences of numbers, words or characters: lists of them, and their batches."""
