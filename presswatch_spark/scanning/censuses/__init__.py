"""The census: which of the members' pages the index of a release lists."""
