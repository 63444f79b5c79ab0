"""Samples of a release: the draw of their shards (`design`), and estimates from them (`extrapolation`)."""
