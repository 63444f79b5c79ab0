"""Parsers of pages, in a process of their own: a page's text, main content, text under selectors; PDF."""
