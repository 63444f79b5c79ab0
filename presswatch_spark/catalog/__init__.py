"""Published tables where other engines look for tables: in an Iceberg catalog, or as tables of Athena."""
