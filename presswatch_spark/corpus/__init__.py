"""The corpus: articles, their index and signatures, as a memory-mapped value that never changes.

`store` opens it, `layout` lists its files. `building` makes it; nothing else here imports that.
"""
