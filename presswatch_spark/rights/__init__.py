"""What a site declared about the use of its pages, as crawlers captured it: one signal a declaration.

`signals_of` reads one capture; `members` says whose captures are of interest; `rows` makes table rows;
`relation` sets declarations against the moment of a page's capture. Pure Python: bytes in, values out.
"""
