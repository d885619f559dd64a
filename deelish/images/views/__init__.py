"""Views: which part of an image is shown, by a recorded recipe."""
