"""Rows of a bucket where they meet: numbers of pairs, and the pairs that need no judgement.

Numbers are joined in a fraction of the time that strings take. They are equal where texts are: Arrow's
dictionaries give them, and no hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.buckets import Numbers
from presswatch_spark.changes.inputs import SIDES
from presswatch_spark.changes.packing import with_digits
from presswatch_spark.changes.rows import COMPARED, PAIR, pair_columns
from presswatch_spark.errors import OutputError

FOUND = ("state", "doubt", "before", "after")
"""What is found of a change; `before` and `after` are numbers of rows."""

_ROOM = 1 << 62
_NUMBERED = ("text_sha256", "article_sha256")


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a bucket holds of both runs, each in one piece.

    `rows`: of each of `SIDES`, rows of `dealing.KEPT` and `rows.pair_columns`. `pairs`: of each of
    these, and of `earlier`, the number of each row's pair. `same`: numbers of rows in both, pair by pair: of
    pairs with one row in each run, of one text and one article.
    """

    rows: Mapping[str, pa.RecordBatch]
    pairs: Mapping[str, Numbers]
    same: tuple[Numbers, Numbers]

    @classmethod
    def of(cls, tables: Mapping[str, pa.Table]) -> "Meeting":
        """Number the pairs of a bucket's `before_rows`, `after_rows` and `earlier`, and find the same."""
        rows = {side: _with_pairs(_whole(tables[f"{side}_rows"])) for side in SIDES}
        met = [*rows.values(), *map(_coded, tables["earlier"].to_batches())]
        numbers = _dense(_numbers([[batch[name] for batch in met] for name in PAIR]))
        bounds = np.cumsum([len(batch) for batch in rows.values()])
        pairs = dict(zip((*SIDES, "earlier"), np.split(numbers, bounds), strict=True))
        return cls(rows, pairs, _same(rows, pairs))

    def judged(self, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """Return the inputs of `states.steps`, without the rows that are the same; pairs are named `pair`.

        `sighting` is the number of a row in `rows`.
        """
        found = dict(tables)
        for side, same in zip(SIDES, self.same, strict=True):
            rows, left = self.rows[side], np.ones(len(self.rows[side]), np.bool_)
            left[same] = False
            numbers = np.flatnonzero(left)
            taken = rows.select(COMPARED.names).take(pa.array(numbers))
            chosen = pa.table({name: with_digits(taken[name]) for name in COMPARED.names})
            chosen = chosen.append_column("sighting", pa.array(numbers))
            found[f"{side}_rows"] = chosen.append_column("pair", pa.array(self.pairs[side][left]))
        found["earlier"] = found["earlier"].append_column("pair", pa.array(self.pairs["earlier"]))
        for name in _NUMBERED:
            _number(found, name)
        return found

    def persisting(self) -> pa.Table:
        """Return the changes of `same`, as `FOUND`; `states.steps` would find the same."""
        before, after = map(pa.array, self.same)
        states = pa.repeat("persists", len(before))
        return pa.table([states, pa.nulls(len(before), pa.string()), before, after], FOUND)


def _with_pairs(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Add the columns of pairs to those of rows; `article` as codes."""
    columns = pair_columns(rows)
    columns["article"] = columns["article"].dictionary_encode()
    for name in ("article", "document", "known_url"):
        rows = rows.append_column(name, columns[name])
    return rows


def _coded(keys: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows of `KEYS` with codes where `_with_pairs` has them."""
    columns = {name: keys[name].dictionary_encode() for name in PAIR[:-1]}
    return pa.RecordBatch.from_pydict(columns | {"document": keys["document"]})


def _whole(rows: pa.Table) -> pa.RecordBatch:
    batches = rows.unify_dictionaries().combine_chunks().to_batches()
    if len(batches) > 1:
        raise OutputError(
            f"{len(rows):,} rows of few articles are more than DuckDB is given at once",
            where="matches",
            remedy="give the same command with --engine spark",
        )
    return batches[0] if batches else pa.RecordBatch.from_pylist([], rows.schema)


def _same(rows: Mapping[str, pa.RecordBatch], pairs: Mapping[str, Numbers]) -> tuple[Numbers, Numbers]:
    """Return the rows of pairs that each run has once, with one text of the document and of the article."""
    first, second = (rows[side] for side in SIDES)
    before, after = (pairs[side] for side in SIDES)
    count = 1 + max((int(numbers.max()) for numbers in (before, after) if len(numbers)), default=0)
    once = (np.bincount(before, minlength=count) == 1) & (np.bincount(after, minlength=count) == 1)
    place = np.zeros(count, np.int64)
    place[after] = np.arange(len(after))
    here = np.flatnonzero(once[before])
    there = place[before[here]]
    same = np.ones(len(here), np.bool_)
    for name in _NUMBERED:
        one, two = first[name].take(pa.array(here)), second[name].take(pa.array(there))
        alike = pc.fill_null(pc.equal(one, two), False)
        neither = pc.and_(pc.is_null(one), pc.is_null(two))
        same &= pc.or_(alike, neither).to_numpy(zero_copy_only=False)
    return here[same], there[same]


def _numbers(columns: Sequence[Sequence[pa.Array]]) -> Numbers:
    """Return a number for each row of columns, which come in parts; it is the same where all columns are."""
    numbers, size = np.zeros(sum(map(len, columns[0])), np.int64), 1
    for parts in columns:
        coded = coded_as_one(parts)
        values = len(coded.dictionary) + 1
        if size > _ROOM // values:
            numbers = _dense(numbers)
            size = len(numbers)
        numbers = numbers * values + pc.fill_null(coded.indices, values - 1).to_numpy()
        size *= values
    return numbers


def coded_as_one(parts: Sequence[pa.Array]) -> pa.DictionaryArray:
    """Return strings, or codes of strings, that come in parts as codes of one dictionary."""
    whole = pa.chunked_array(parts)
    if pa.types.is_dictionary(whole.type):
        return whole.unify_dictionaries().combine_chunks()
    return whole.combine_chunks().dictionary_encode()


def _dense(numbers: Numbers) -> Numbers:
    """Return other numbers, equal where these are, from 0 on without a gap."""
    dense: Numbers = pa.array(numbers).dictionary_encode().indices.to_numpy().astype(np.int64)
    return dense


def _number(tables: dict[str, pa.Table], name: str) -> None:
    """Put numbers in the place of a column of all tables that have it; null is null."""
    having = [key for key, rows in tables.items() if name in rows.column_names]
    coded = coded_as_one([chunk for key in having for chunk in tables[key][name].chunks])
    first = 0
    for key in having:
        rows = tables[key]
        part = coded.indices.slice(first, len(rows)).cast(pa.int64())
        first += len(rows)
        tables[key] = rows.set_column(rows.schema.get_field_index(name), name, part)
