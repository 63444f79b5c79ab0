"""Verification of the words that an article and a document share, compared word by word."""
