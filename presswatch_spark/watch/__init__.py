"""Looking for new releases, and starting the scan of each once. No pyspark here."""
