"""Declarations of sites about the use of their pages, as crawlers captured them.

The capture of a member's page or file gives `signals`, rows of `rights_signals`; `in_force` decides which
declaration was in force when a page was captured.
"""
