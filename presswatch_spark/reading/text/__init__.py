"""Kernels over bytes: folding of characters, words, and shingles.

What separates words is in the table `folding-*.txt`, made by tests/reference/folding.py, which `word_kernels`
applies.
"""
