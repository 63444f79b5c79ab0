"""One shard, from its bytes to its rows, or to its entry in the log when that fails."""
