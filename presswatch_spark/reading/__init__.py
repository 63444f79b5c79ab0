"""Formats of shards: how each is recognised and read; `source.py` describes a source."""
