"""Releases of datasets: which there are, what each has, and where its shards are. No pyspark here."""
