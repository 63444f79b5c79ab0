"""Runs: read shards in waves, keep the results of each wave, and publish all of them or none."""
