"""Reports on a run in progress: events, metrics, progress."""
