"""Kernels over bytes: how characters fold, what a word is, what a shingle is."""
