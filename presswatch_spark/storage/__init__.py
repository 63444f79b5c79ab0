"""The storage of bytes: objects, plans of shards, folders, locks."""
