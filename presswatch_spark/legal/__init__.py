"""Documents about a selection of claims: evidence, notices, removal, report, review."""
