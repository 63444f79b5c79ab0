"""One file a format; `base.py` says what a source is."""
