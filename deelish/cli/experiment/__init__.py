"""From a folder of photographs to a script of twenty lines that distils a small model."""
