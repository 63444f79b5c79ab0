"""Sealed corpora: what a scan needs of a corpus, as hashes that only the holder of a key can calculate."""
