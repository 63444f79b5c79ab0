"""The way back from a row, or a written pointer, to the record in its shard, and their comparison."""
