"""Samples of a release: the draw of their shards and estimates from them (`design`), and `intervals`."""
