"""Spark: the session, its Java, its workers, and its errors."""
