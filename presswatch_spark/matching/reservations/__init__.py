"""Declarations of sites about the use of their pages, as crawlers captured them; and those in force.

`signals` reads pages, headers, and documents of RSL, ODRL and XMP; `site_files` robots.txt,
tdmrep.json and ai.txt. `verdicts` gives each value its verdict (`noai`, preferences, agents and their
uses); `in_force` derives the reservation at a moment.
"""
