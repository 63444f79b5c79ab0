"""Samples of a release: which shards are drawn, and what they say of the whole."""
