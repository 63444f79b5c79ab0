"""What a run leaves: waves, their publication, and the tables that readers see."""
