"""The sieve, which finds the articles that each document may copy from, and its index."""
