"""From releases to published rows: shards, samples, costs, runs on Spark, campaigns."""
