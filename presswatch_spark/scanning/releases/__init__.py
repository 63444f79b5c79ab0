"""Releases of datasets: their names, their forms, and the places of their shards. No pyspark here."""
