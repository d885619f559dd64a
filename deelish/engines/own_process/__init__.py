"""A process of its own for a library that could end the one that trains."""
