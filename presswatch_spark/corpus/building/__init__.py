"""Building of a corpus: articles are taken in, cut into parts, indexed, and sealed."""
