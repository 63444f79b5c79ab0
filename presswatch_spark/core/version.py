"""The version of this package: written into every run, and part of what makes two runs the same."""

__version__ = "0.2.0"
