"""Building of a corpus: articles are read, cut into parts and indexed; then the manifest is written."""
