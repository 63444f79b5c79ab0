"""Removal: states, the chain, and probes of servers that change."""
