"""Common Crawl's indexes: which rows can be a member's (`wanted`), and reading little more than those."""
