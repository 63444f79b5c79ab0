"""The page on which a person judges claims; it runs on this machine alone, and keeps verdicts."""
