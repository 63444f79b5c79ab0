"""Notices: what they say, what refuses them, and what became of them."""
