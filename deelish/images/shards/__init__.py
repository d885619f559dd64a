"""Tar shards in WebDataset's layout, read at any offset."""
