"""Claims: what can be held against a page, by what right, since when, and why."""
