"""Documents made of a selection of claims: evidence, notices, removal, report, review."""
