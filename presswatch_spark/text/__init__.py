"""Pure kernels over bytes: what a word is, and what a shingle is."""
