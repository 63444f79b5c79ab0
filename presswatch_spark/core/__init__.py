"""Modules that all packages use: errors, settings, times, texts, sessions of Spark."""
