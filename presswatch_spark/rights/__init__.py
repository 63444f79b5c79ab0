"""Declarations of sites about the use of their pages, as crawlers captured them.

A capture that is a member's (`signal_rows`) gives signals (`signals`), and a signal gives a row of
`rights_signals`. Rows become declarations about one page (`declared`); `relation` says which declaration was
in force when the page was captured. Pure Python: bytes in, values out.
"""
