"""Campaigns: many releases scanned one after the other, over months, into one folder of tables.

A campaign's file says what is asked for. What is done, only the published runs say: there is no second list
that could disagree with them.
"""
