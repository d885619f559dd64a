"""Views: which part of an image a batch shows, and what it is mixed with."""
