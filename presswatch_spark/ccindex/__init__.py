"""Common Crawl's indexes: which of their rows can be of interest, and reading little more than those."""
