"""The way from a row, or a written pointer, back to the record in its shard, and their comparison.

`fetch` also compares a payload with the digest that its record declares.
"""
