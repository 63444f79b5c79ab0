"""The page on which a person judges claims: it is served on this machine alone, and keeps verdicts."""
