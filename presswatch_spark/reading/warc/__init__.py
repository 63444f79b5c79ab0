"""WARC records as ranges of a buffer: headers, framing, damage.

`blocks` compares the digests of blocks with the declared ones; `pages` computes those of payloads.
"""
