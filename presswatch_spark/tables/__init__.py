"""The published tables: schemas, the folder with their files, their writer, and digests that prove them."""

WATCH_FOLDER = "_watch"
"""The folder of `presswatch watch` for its leases, next to the tables."""
