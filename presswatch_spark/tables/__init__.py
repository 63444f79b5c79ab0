"""The published tables: their schemas, the folder that holds them, and the digests that prove them."""
