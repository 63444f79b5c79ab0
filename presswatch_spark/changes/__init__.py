"""Two runs side by side: what became of each copy, and where that cannot be said."""
