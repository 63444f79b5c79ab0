"""Where bytes come from and where tables go: objects, shard plans, published tables."""
