"""Rows of the table `changes` as files get them: sorted, with both sightings in the place of their numbers.

What has few values goes as codes from files of `matches` into those of `changes`.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.inputs import SIDES
from presswatch_spark.changes.meeting import FOUND, Meeting, coded_as_one
from presswatch_spark.changes.packing import packed_of, with_digits
from presswatch_spark.changes.rows import plain
from presswatch_spark.tables.schemas import columns_without_run
from presswatch_spark.tables.schemas.derived_tables import SIGHTING
from presswatch_spark.tables.sorted_files import GROUP_ROWS

FEW = 64
"""Codes of a dictionary that costs a file less than it takes to see which are used."""


def table_rows(
    columns: Mapping[str, pa.Array], meeting: Meeting, runs: tuple[str, str]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `changes`, in order, a row group at once.

    Args:
        columns: what `identified` returns.
        meeting: what the numbers are of.
        runs: the ids of both runs.
    """
    articles = columns["article_id"]
    keys = pa.table([_ranks(articles), columns["document_url"], columns["change_sha256"]], ["0", "1", "2"])
    order = pc.sort_indices(keys, [(name, "ascending", "at_start") for name in keys.column_names])
    schema = columns_without_run("changes")
    for first in range(0, len(order), GROUP_ROWS):
        rows = order.slice(first, GROUP_ROWS)
        group: dict[str, pa.Array] = {name: _taken(column, rows) for name, column in columns.items()}
        for side, run in zip(SIDES, runs, strict=True):
            sighting = _sightings(group[side], meeting.rows[side])
            group[f"copied_words_{side}"] = sighting.field("copied_words")
            group[side] = sighting
            group[f"{side}_run_id"] = _repeated(run, len(rows))
        group["change_sha256"] = with_digits(group["change_sha256"])
        for name in ("publisher_id", "title_id", "article_id"):
            group[name] = _compact(group[name])
        yield pa.RecordBatch.from_arrays([group[name] for name in schema.names], schema.names)


def identified(found: pa.Table, meeting: Meeting) -> dict[str, pa.Array]:
    """Return the columns of `FOUND`, the ids of the pair of each change, its URL, and its digest."""
    first, second = (meeting.rows[side] for side in SIDES)
    columns = {name: found[name].combine_chunks() for name in FOUND}
    before, after = (columns[side] for side in SIDES)
    of_second = pc.add(after, len(first))
    either = pc.coalesce(before, of_second)
    for name in ("publisher_id", "title_id", "article"):
        columns[name] = _taken(coded_as_one([first[name], second[name]]), either)
    articles = columns.pop("article")
    digests = [_taken(meeting.rows[side]["row_sha256"], columns[side]) for side in SIDES]
    ids = columns["publisher_id"], columns["title_id"], articles
    columns["change_sha256"] = _digests([columns["state"], columns["doubt"], *ids, *digests])
    columns["article_id"] = _null_if_empty(articles)
    urls = pa.concat_arrays([first["document_url"], second["document_url"]])
    newest = _taken(urls, pc.coalesce(of_second, before))
    # A later sighting may have none where the earlier one has something that is no URL.
    columns["document_url"] = pc.coalesce(newest, urls.take(before)) if newest.null_count else newest
    for name in ("state", "doubt"):
        columns[name] = columns[name].dictionary_encode()
    return columns


def _digests(parts: Sequence[pa.Array]) -> pa.Array:
    """Return the digest of each change, packed, as `states` has it for Spark; null parts are empty."""
    joined = pc.binary_join_element_wise(*(pc.fill_null(plain(part), "") for part in parts), "\n")
    texts = joined.cast(pa.binary()).to_pylist()
    return packed_of(b"".join(sha256(text).digest() for text in texts), parts[0])


def _null_if_empty(codes: pa.DictionaryArray) -> pa.DictionaryArray:
    empty = pc.index(codes.dictionary, "").as_py()
    indices = pc.if_else(pc.equal(codes.indices, empty), None, codes.indices)
    return pa.DictionaryArray.from_arrays(indices, codes.dictionary)


def _ranks(codes: pa.DictionaryArray) -> pa.Array:
    """Return the place of each value among all in order; null for null."""
    order = pc.array_sort_indices(codes.dictionary).to_numpy()
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return pa.array(ranks).take(codes.indices)


def _sightings(numbers: pa.Array, rows: pa.RecordBatch) -> pa.Array:
    """Return the rows of these numbers as structs; null for null."""
    columns = [with_digits(_compact(_taken(rows[field.name], numbers))) for field in SIGHTING]
    fields = [field.with_type(column.type) for field, column in zip(SIGHTING, columns, strict=True)]
    return pa.StructArray.from_arrays(columns, fields=fields, mask=pc.is_null(numbers))


def _taken(column: pa.Array, numbers: pa.Array) -> pa.Array:
    """Return what stands at these numbers, of which each is one of a row; null for null."""
    return pc.take(column, numbers, boundscheck=False)


def _repeated(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([text]))


def _compact(column: pa.Array) -> pa.Array:
    """Leave values without a code out of a dictionary; files would get them all. Other columns stay."""
    if not pa.types.is_dictionary(column.type) or len(column.dictionary) <= FEW:
        return column
    values, without = len(column.dictionary), column.null_count
    codes = pc.fill_null(column.indices, values).to_numpy()
    used = np.zeros(values + 1, np.bool_)
    used[codes] = True
    used[values] = False
    places = np.cumsum(used, dtype=np.int32) - np.int32(1)
    left = pa.array(places[codes], mask=codes == values if without else None)
    return pa.DictionaryArray.from_arrays(left, column.dictionary.filter(pa.array(used[:values])))
