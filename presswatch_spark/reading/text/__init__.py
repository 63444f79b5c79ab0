"""Kernels over bytes: folding of characters, words, and shingles."""
