"""Published tables for other engines, in an Iceberg catalog."""

KINDS = ("glue", "rest", "sql")
NAME = "presswatch"
"""Name of the catalog in pyiceberg's settings, and of our tables in a catalog that is an SQL database."""
