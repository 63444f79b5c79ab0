"""Common Crawl's indexes: which rows can be a member's (`wanted`), and how to read little else."""
