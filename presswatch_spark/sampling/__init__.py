"""Samples of a release: how their shards are drawn (`design`), and what they say of it (`extrapolation`)."""
