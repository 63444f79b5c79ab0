"""The published tables: schemas, the folder that holds them, their writer, and digests that prove them."""

WATCH_FOLDER = "_watch"
"""Where `presswatch watch` keeps its claims, beside the tables."""
