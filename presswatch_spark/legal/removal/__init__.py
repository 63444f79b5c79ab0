"""Removal: follows claims until their bytes are gone, and keeps what every server answered, in a chain."""
