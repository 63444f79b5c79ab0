"""Samples of a release: the draw of shards and the estimates from it (`design`), and `intervals`."""
