"""How a corpus is built: articles are taken in, cut into parts, indexed, and sealed."""
