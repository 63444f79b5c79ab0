"""The way back from a row, or a written pointer, to the record in its shard, and its comparison with the row.

`pointer` is the place of a record, and `records` reads it. `checks` compares it with its row; `audit` does so
for many rows, `fetch` for one that a person wants to see. `upstream` leads from a row of a dataset to the
record that it was made from. `record_plans` plans the scan of records that rows lead to.
"""
