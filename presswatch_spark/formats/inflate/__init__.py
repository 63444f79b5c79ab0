"""Stored bytes to inflated bytes and lines, honest about where they end."""
