"""Published tables where other engines look for tables: in an Iceberg catalog, or as tables of Athena."""

KINDS = ("glue", "rest", "sql")
NAME = "presswatch"
"""How pyiceberg's settings call the catalog, and how catalogs in SQL tell theirs from others."""
