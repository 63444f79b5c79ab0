"""One shard, from its bytes to its rows or, if it fails, to its entry in the log."""
