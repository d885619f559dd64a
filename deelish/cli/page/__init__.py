"""The page of `deelish serve`: pictures in, the answers of several networks side by side."""
