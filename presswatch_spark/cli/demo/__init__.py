"""The demo: a small press and a small web, written for this project, and a scan of their shards."""
