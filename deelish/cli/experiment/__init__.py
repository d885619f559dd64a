"""From a folder of photographs to a script of a dozen lines that distils a small model."""
