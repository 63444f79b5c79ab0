"""The corpus: articles, their index and signatures, as a memory-mapped value that never changes.

`store` opens it and reads its articles, `layout` lists its files. `building` makes it, and nothing else here
imports that.
"""
