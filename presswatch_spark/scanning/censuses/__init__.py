"""The census: which pages of the members a release's index holds."""
