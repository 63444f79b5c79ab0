"""Finds copied passages of member press articles in Common Crawl, C4 and OSCAR."""

__version__ = "0.1.0"
