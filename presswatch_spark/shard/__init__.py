"""One shard, from its bytes to its rows, or to what is said of it when that fails."""
