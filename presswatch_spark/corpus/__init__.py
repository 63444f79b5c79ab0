"""The corpus: articles, their index and signatures, as a memory-mapped value that never changes."""
