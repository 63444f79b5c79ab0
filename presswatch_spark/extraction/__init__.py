"""What parses pages, in a process of its own: their text, main content, text under selectors; PDF."""
