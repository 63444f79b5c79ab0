"""WARC records as ranges of a buffer: headers, framing, damage."""
