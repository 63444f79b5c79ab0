"""Rows of JSONL and Parquet: columns by name, texts without a Python object per row."""
