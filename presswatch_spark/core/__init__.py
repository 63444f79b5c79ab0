"""What every package uses: errors, settings, times, texts, sessions of Spark."""
