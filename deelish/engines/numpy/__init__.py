"""The NumPy engine, forward only: what the others are compared with."""
