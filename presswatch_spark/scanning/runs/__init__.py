"""Runs: shards are read in waves, what a wave found is kept, and the whole is published or nothing is."""
