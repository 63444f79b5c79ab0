"""Sealed evidence: a bag with claims and their records, which anyone can check for changes.

`verify`, which each bag contains, needs only Python: it defines leaves and roots of trees, and `bag` uses it.
"""
