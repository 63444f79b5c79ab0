"""Campaigns: many releases scanned one after the other, over months, into one folder of tables."""
