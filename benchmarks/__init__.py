"""Measurements: rates, quality, and other people's tools on the same texts."""
