"""Settings: their declarations, and the layers that set them.

Every number that a user may change (thresholds, tries, sizes, times) is a field in `config`; the module that
uses it only reads it.
"""
