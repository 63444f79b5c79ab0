"""Verification: which words of an article stand in a document, compared word by word."""
