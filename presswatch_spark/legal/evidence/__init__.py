"""Sealed evidence: a bag with claims and their records, which anyone can check for changes."""
