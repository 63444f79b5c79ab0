"""The storage of bytes: objects, plans of shards, folders, locks.

A new kind of storage is a module like `s3`, its scheme in `uris.canonical`, its store in `objects.store_of`.
"""
