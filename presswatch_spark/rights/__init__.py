"""Declarations of sites about the use of their pages, as crawlers captured them.

The capture of a member's page or file gives `signals`, and a signal gives a row of `rights_signals`.
`in_force` turns rows into declarations about one page, and decides which was in force when the page was
captured. Pure Python: bytes in, values out.
"""
