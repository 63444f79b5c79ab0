"""The sieve: one pass over the bytes of documents names the articles that each may copy from."""
