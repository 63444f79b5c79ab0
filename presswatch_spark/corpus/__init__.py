"""Member articles as an immutable, memory-mapped value."""
