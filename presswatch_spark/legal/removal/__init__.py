"""Removal: follows claims until their bytes are gone, and keeps the answers of servers in a chain."""
