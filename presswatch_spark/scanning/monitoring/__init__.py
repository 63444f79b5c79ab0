"""Reports on a run while it goes on: events, metrics, progress."""
