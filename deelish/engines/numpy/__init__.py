"""The NumPy engine, forward only: the tests compare the others with it."""
