"""The way from releases to published rows: shards, samples, costs, runs on Spark, campaigns."""
