"""Declarations of sites about the use of their pages, as crawlers captured them; and those in force."""
