"""The demo: a small press and a small web, written for this project, and the shards made of them."""
