"""The decoded-image cache: pixels in memory or on disk."""
