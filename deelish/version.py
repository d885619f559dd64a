"""The version of deelish."""

__version__ = "0.1.0"
