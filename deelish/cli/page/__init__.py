"""The page of `deelish serve`: pictures in, the predictions of several networks side by side."""
