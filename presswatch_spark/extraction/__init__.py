"""Parsers in a process of their own: a page's main content, the text under selectors; PDF."""
