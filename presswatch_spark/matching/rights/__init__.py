"""Declarations of sites about the use of their pages, as crawlers captured them; and those in force.

`signals` reads pages, headers, RSL and ODRL; `site_files` reads robots.txt, tdmrep.json and ai.txt.
"""
