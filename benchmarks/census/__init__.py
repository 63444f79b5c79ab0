"""The census over a generated index: rows against a full scan's, bytes read, time, memory.

python -m benchmarks.census --rows 1000000 --partitions 4 --row-groups 27
"""
