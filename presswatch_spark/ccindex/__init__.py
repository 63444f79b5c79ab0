"""Common Crawl's columnar index: which of its rows can be of interest, and reading no more than those."""
