"""From a document to graded rows: sieve, URL match, verification, MinHash, grade."""
