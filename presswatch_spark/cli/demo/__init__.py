"""Makes a small press and a small web, written for this project, and scans their shards."""
