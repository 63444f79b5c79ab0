"""What a scan costs, and the budget that stops it."""
