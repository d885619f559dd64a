"""The decoded-image cache: pixels kept in memory or on disk."""
