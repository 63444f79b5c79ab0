"""Spark: the session, its Java, its workers, and what it raises."""
