"""Published tables for other engines, in an Iceberg catalog or by DDL."""

KINDS = ("glue", "rest", "sql")
DDL_ENGINES = ("athena", "spark", "trino", "duckdb")
NAME = "presswatch"
"""Name of the catalog in pyiceberg's settings, and of our tables in a catalog that is an SQL database."""
