"""Pairs of an article and a document in two runs: their rows in a form to compare, and their states in SQL.

docs/reference/tables-derived.md has the rules. The queries of `steps` read these tables, all but the last for
each of `before` and `after`:

- `before_rows`: `COMPARED`, where `sighting` may also be the row's number.
- `before_own`: `title_id` and `document` of rows with an article on its title's own site.
- `before_articles`: `ARTICLES` of the corpus, empty unless corpora differ.
- `earlier`: `KEYS` of all runs before both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.matching.judgement.urls import normalise_url
from presswatch_spark.matching.verify.verification import SPANS_AT_LEAST
from presswatch_spark.query.changes.known_absence import ComparedRun, Doubt, difference_of, doubts_of
from presswatch_spark.query.sql import literal
from presswatch_spark.tables.declarations import SIGHTING
from presswatch_spark.tables.store import TableStore, column_batches

SIDES = ("before", "after")
TABLE = "corpus_articles"
GAP_CHARACTERS = 8
"""Ranges of an article with a smaller gap between them are joined: most such gaps are punctuation."""

PAIR = ("publisher_id", "title_id", "article", "document")
"""The key of a pair; `article` is empty for rows that name only a title's site."""
IDENTITY = ("publisher_id", "title_id", "article_id", "document_url", "text_sha256")
"""Columns of `matches` from which a row's key is derived."""
USED = tuple(dict.fromkeys((*IDENTITY, "article_sha256", "spans", *(field.name for field in SIGHTING))))
"""Columns of `matches` that are compared, or become part of a sighting."""

KEYS = pa.schema([(name, pa.string()) for name in PAIR])
_KIND_OF = {"copied_words": pa.int32(), "longest_run_words": pa.int32(), "ranges": pa.list_(pa.int64())}
_KIND_OF |= {**dict.fromkeys(("known_url", "own_site", "many"), pa.bool_()), "sighting": SIGHTING}
_OF_ROW = (
    "known_url", "copied_words", "longest_run_words", "text_sha256", "article_sha256",
    "row_sha256", "ranges", "many", "doubt", "sighting",
)  # fmt: skip
_COLUMNS = (*_OF_ROW[:-1], "own_site", "sighting")
COMPARED = pa.schema([*KEYS, *((name, _KIND_OF.get(name, pa.string())) for name in _COLUMNS)])
"""Columns of rows to compare. `ranges`: start and end of each copied range of the article.

`known_url`: `document` is a URL, not the digest of a text. `many`: the copy may have more spans than the row
keeps. `doubt`: reason why the other run may have missed such a row. `sighting`: the row's other columns.
"""


STATES = ("gone", "reduced", "altered", "moved", "persists", "new", "reappeared", "unknown")
ARTICLES = pa.schema(
    [
        *((name, pa.string()) for name in ("article_id", "title_id", "publisher_id", "article_sha256")),
        ("suppressed_shingles", pa.int32()),
    ]
)
"""The articles of a corpus; `suppressed_shingles` is null in runs of older versions."""
STORED = ("pairs", "moves")
"""Steps that several others read: their results are stored."""
GUARANTEED_WORDS = 11
"""Passages with at least this number of copied words are found with every corpus."""

_OTHER = {"before": "after", "after": "before"}


def compared(batch: pa.RecordBatch, doubts: Mapping[str, str | None]) -> pa.RecordBatch:
    """Convert a batch with the columns of `USED` into one of `COMPARED`; `doubts`: by shard."""
    spans, shards = batch["spans"], batch["shard_uri"].dictionary_encode()
    names = shards.dictionary.to_pylist()
    reasons = [doubts.get(name, Doubt.NOT_IN_LOG.of(names=name)) for name in names]
    columns = _pair_columns(batch) | {
        "ranges": ranges_of(spans),
        "many": pc.fill_null(pc.greater_equal(pc.list_value_length(spans), SPANS_AT_LEAST), False),
        "doubt": pa.array(reasons, pa.string()).take(shards.indices),
        "sighting": pa.StructArray.from_arrays(
            [batch[field.name].cast(field.type) for field in SIGHTING], fields=list(SIGHTING)
        ),
    }
    arrays = [columns[f.name] if f.name in columns else batch[f.name].cast(f.type) for f in COMPARED]
    return pa.RecordBatch.from_arrays(arrays, schema=COMPARED)


def keys_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Convert a batch with the columns of `IDENTITY` into one of `KEYS`."""
    columns = _pair_columns(batch)
    return pa.RecordBatch.from_arrays([columns[name] for name in KEYS.names], schema=KEYS)


def _pair_columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    urls = batch["document_url"].dictionary_encode()
    normal = [url and normalise_url(url) for url in urls.dictionary.to_pylist()]
    forms = pa.array(normal, pa.string()).take(urls.indices)
    return {
        "publisher_id": batch["publisher_id"],
        "title_id": batch["title_id"],
        "article": pc.fill_null(batch["article_id"], ""),
        # Use the normal form of URLs: a new scheme or tracking parameter must not look like a removal.
        # Without a valid URL, use the digest of the text: a placeholder such as "n/a" may be in many rows.
        "document": pc.coalesce(forms, batch["text_sha256"]) if forms.null_count else forms,
        "known_url": pc.is_valid(forms),
    }


def ranges_of(spans: pa.Array) -> pa.Array:
    """Return the ranges of an article that spans cover, joined across small gaps: start, end, start, …"""
    lengths = pc.fill_null(pc.list_value_length(spans), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = spans.flatten()
    starts, ends = (
        pc.struct_field(values, name).to_numpy(zero_copy_only=False)
        for name in ("article_start", "article_end")
    )
    rows = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((starts, rows))
    starts, ends = starts[order], ends[order]
    # Greatest end of each span and those before it in its row. Adding the row times a stride beyond all ends
    # lets one running maximum serve all rows: it never exceeds the row's own values.
    stride = int(ends.max(initial=0)) + 1
    reached = np.maximum.accumulate(rows * stride + ends) - rows * stride
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]) | (starts[1:] > reached[:-1] + GAP_CHARACTERS)
    cuts = np.column_stack((starts[first], reached[np.roll(first, -1)])).astype(np.int64)
    counts = np.bincount(rows[first], minlength=len(lengths))
    offsets = np.concatenate(([0], 2 * np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(cuts.ravel()))


@dataclass(frozen=True, slots=True)
class Inputs:
    """Two published runs of `store`, `before` and `after`, and their differences.

    `earlier`: the runs before both. `doubts`: for each of `SIDES`, by shard, reasons why the other run may
    have missed what that run found. `difference`: a reason why an unaltered copy may look altered, such as
    other settings; None if only shards and corpora differ. `corpora`: for each of `SIDES`, the digest of its
    corpus; None if both are equal, or the tables lack its articles. `hiding`: whether that corpus may leave
    shingles out of its index. `rows`: number of rows of all these runs.
    """

    store: TableStore
    runs: Mapping[str, str]
    earlier: tuple[str, ...]
    doubts: Mapping[str, Mapping[str, str | None]]
    difference: str | None
    same_corpus: bool
    corpora: Mapping[str, str | None]
    hiding: Mapping[str, bool]
    rows: int

    @classmethod
    def of(cls, store: TableStore, before: str, after: str) -> Self:
        """Read the facts of two published runs, without their rows."""
        ids = {"before": before, "after": after}
        runs = {side: ComparedRun.of(store, run_id, side) for side, run_id in ids.items()}
        first, second = runs.values()
        earlier = tuple(run_id for run_id in store.published() if run_id < before and run_id != after)
        digests = {side: run.row["corpus_digest"] for side, run in runs.items()}
        same = digests["before"] == digests["after"]
        read = {before, after, *earlier}
        return cls(
            store,
            runs=ids,
            earlier=earlier,
            doubts={"before": doubts_of(first, second), "after": doubts_of(second, first)},
            difference=difference_of(first.row, second.row),
            same_corpus=same,
            corpora={
                side: digest if not same and next(articles_of(store, digest), None) else None
                for side, digest in digests.items()
            },
            hiding={side: run.row["corpus_suppressed"] != 0 for side, run in runs.items()},
            rows=sum(row["matches"] for row in store.rows() if row["run_id"] in read),
        )


def articles_of(store: TableStore, corpus_digest: str) -> Iterator[pa.RecordBatch]:
    """Yield the articles of a corpus from the tables, as `ARTICLES`; some may occur twice."""
    columns = [*ARTICLES.names, "corpus_digest"]
    for batch in column_batches(store, TABLE, store.published(), columns):
        chosen = batch.filter(pc.equal(batch["corpus_digest"], corpus_digest)).select(ARTICLES.names)
        if len(chosen):
            yield chosen


def steps(inputs: Inputs) -> dict[str, str]:
    """Return the queries of all steps by their names, in order; the last one is `changes`."""
    # `moves`: pair copies that are at one URL before with copies of the same text at another URL after.
    gone, came = (
        f"""
            select *, row_number() over (
                partition by publisher_id, title_id, article, {side}_text_sha256 order by document
            ) as nth
            from pairs
            where {other}_row_sha256 is null and {side}_known_url and {side}_copied_words > 0"""
        for side, other in ("ba", "ab")
    )
    same = _same("l", "c", (*PAIR[:-1], "nth"))
    after = ", ".join(f"c.a_{name}" for name in _OF_ROW)
    moves = f"""
        select l.publisher_id, l.title_id, l.article, l.document, c.document as new_document, {after}
        from ({gone}) as l join ({came}) as c
            on {same} and l.b_text_sha256 = c.a_text_sha256"""
    return {
        "before_pairs": _strongest("before"),
        "after_pairs": _strongest("after"),
        "before_sites": "select distinct title_id, document from before_own",
        "after_sites": "select distinct title_id, document from after_own",
        "pairs": _joined(),
        "earlier_pairs": f"select distinct {', '.join(PAIR)} from earlier",
        "moves": moves,
        "judged": _judged(inputs),
        "changes": _changes(inputs),
    }


def text(value: str | None) -> str:
    """Return a literal of SQL; null for None."""
    return "cast(null as string)" if value is None else literal(value)


def _strongest(side: str) -> str:
    # Keep one row per pair, the one with the most copied words; any doubt of a row is a doubt of the pair.
    pair, same = ", ".join(PAIR), _same("t", "r", PAIR)
    of_row = ", ".join(f"r.{name}" for name in PAIR)
    # Sort only pairs with several rows, which are few.
    return f"""
        with twice as (select {pair} from {side}_rows group by {pair} having count(*) > 1)
        select r.*, doubt as pair_doubt, 1 as place from {side}_rows r anti join twice t on {same}
        union all
        select * from (
            select r.*, min(doubt) over (partition by {of_row}) as pair_doubt, row_number() over (
                partition by {of_row}
                order by copied_words desc, longest_run_words desc, row_sha256 desc
            ) as place
            from {side}_rows r semi join twice t on {same}
        ) as ranked where place = 1"""


def _same(one: str, two: str, names: Sequence[str]) -> str:
    return " and ".join(f"{one}.{name} = {two}.{name}" for name in names)


def _joined() -> str:
    merged = ", ".join(f"coalesce(b.{name}, a.{name}) as {name}" for name in PAIR)
    sides = ", ".join(
        f"{side}.{'pair_doubt' if name == 'doubt' else name} as {side}_{name}"
        for side in "ba"
        for name in _OF_ROW
    )
    return f"select {merged}, {sides} from before_pairs b full join after_pairs a on {_same('b', 'a', PAIR)}"


def _judged(inputs: Inputs) -> str:
    old = _same("m", "p", PAIR)
    new = f"{_same('n', 'p', PAIR[:-1])} and n.new_document = p.document"
    pair = ", ".join(f"p.{name}" for name in PAIR)
    names = ", ".join(ARTICLES.names[:-1])
    joins, doubts = [], []
    for side, nameless in (("before", Doubt.NAMELESS_BEFORE), ("after", Doubt.NAMELESS_AFTER)):
        other, letter = _OTHER[side], side[0]
        joins.append(
            f"left join {other}_sites s{letter} on p.article = '' and s{letter}.title_id = p.title_id"
            f" and s{letter}.document = p.document"
        )
        reasons = [f"p.{letter}_doubt"]
        if not inputs.same_corpus:
            # If two runs wrote the articles of a corpus, the row of an older version has null here.
            articles = (
                f"select {names}, max(suppressed_shingles) as suppressed_shingles"
                f" from {other}_articles group by {names}"
            )
            joins.append(f"left join ({articles}) as x{letter} on x{letter}.article_id = p.article")
            reasons.append(_doubt_of_article(inputs, side))
        reasons.append(f"case when not p.{letter}_known_url then {text(nameless)} end")
        reasons.append(
            f"case when s{letter}.document is not null then {text(Doubt.IN_PLACE.of(run=other))} end"
        )
        doubts.append(f"coalesce({', '.join(reasons)}) as {letter}_absence")
    before = ", ".join(f"p.b_{name}" for name in _OF_ROW)
    after = ", ".join(f"coalesce(p.a_{name}, m.a_{name}) as a_{name}" for name in _OF_ROW)
    return f"""
        select {pair}, m.new_document is not null as has_moved,
            {before}, {after}, {", ".join(doubts)}
        from pairs p
            left join moves m on {old}
            left join moves n on {new}
            {" ".join(joins)}
        where n.document is null"""


def _doubt_of_article(inputs: Inputs, side: str) -> str:
    # Why the other run, with a different corpus (its articles: `x`), may have missed a copy of `side`.
    other, letter = _OTHER[side], side[0]
    x, row = f"x{letter}", f"p.{letter}_"
    hidden = text(Doubt.HIDDEN.of(run=other) if inputs.hiding[other] else None)
    if inputs.corpora[other] is None:
        return f"case when {row}row_sha256 is not null then {text(Doubt.UNLISTED.of(run=other))} end"

    def of_article(doubt: Doubt) -> str:
        before, after = doubt.of(article="\n", run=other).split("\n")
        return f"concat({text(before)}, p.article, {text(after)})"

    return f"""case
        when {row}copied_words = 0 then {text(Doubt.BY_URL.of(run=other))}
        when {x}.article_id is null then {of_article(Doubt.NO_ARTICLE)}
        when {x}.title_id <> p.title_id or {x}.publisher_id <> p.publisher_id
            then {of_article(Doubt.OTHER_OWNER)}
        when {x}.article_sha256 is distinct from {row}article_sha256
            then {of_article(Doubt.OTHER_TEXT)}
        when {row}longest_run_words < {GUARANTEED_WORDS} then {text(Doubt.SHORT.of(words=GUARANTEED_WORDS))}
        when {x}.suppressed_shingles > 0 then {of_article(Doubt.SUPPRESSED)}
        when {x}.suppressed_shingles is null then {hidden}
    end"""


def _changes(inputs: Inputs) -> str:
    same_text = "b_text_sha256 = a_text_sha256"
    same_article = "b_article_sha256 is not distinct from a_article_sha256"
    alike = f"a_copied_words = b_copied_words and (not ({same_article}) or b_ranges = a_ranges)"
    fewer = f"""case when a_copied_words = 0 and coalesce({text(inputs.difference)}, b_absence) is not null
        then 'unknown' else 'reduced' end"""
    state = f"""case
        when has_moved then 'moved'
        when a_row_sha256 is null then case when b_absence is null then 'gone' else 'unknown' end
        when b_row_sha256 is null then case when e.publisher_id is null then 'new' else 'reappeared' end
        when {same_text} or ({alike}) then 'persists'
        when a_copied_words < b_copied_words then {fewer}
        else 'altered'
    end"""
    elsewhere = "case when a_copied_words = 0 then b_absence else b_doubt end"
    many = "a_copied_words = b_copied_words and (a_many or b_many)"
    doubt = f"""case
        when has_moved or a_row_sha256 is null then b_absence
        when b_row_sha256 is null then a_absence
        when not ({same_article}) then {text(Doubt.ARTICLE_CHANGED)}
        when {same_text} then null
        when {many} then {text(Doubt.MANY_SPANS)}
        when {alike} then null
        else coalesce({text(inputs.difference)}, {elsewhere})
    end"""
    rows = "coalesce(b_row_sha256, ''), coalesce(a_row_sha256, '')"
    digested = f"state, coalesce(doubt, ''), publisher_id, title_id, article, {rows}"
    return f"""
        select state, doubt, publisher_id, title_id, article, document, b_sighting as before,
            a_sighting as after, sha2(concat_ws(chr(10), {digested}), 256) as change_sha256
        from (
            select j.*, {state} as state, {doubt} as doubt
            from judged j left join earlier_pairs e on j.b_row_sha256 is null and {_same("e", "j", PAIR)}
        ) as stated"""
