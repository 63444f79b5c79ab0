"""The error that says why nothing can be made of a page."""

from __future__ import annotations


class RefusedError(ValueError):
    """A page of which nothing can be made; the message is a sentence without text of the page."""
