"""What claims are made of: the columns of `matches` that decide, and what is known beside them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.known_texts import KnownTexts
from presswatch_spark.claims.licences import Licences
from presswatch_spark.claims.press import PressList
from presswatch_spark.claims.reservations import Moment
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Match

ORDER = ("article_id", "row_sha256", "run_id")
"""How rows come to be judged; rows without article first."""

_PLAIN = (
    "run_id", "row_sha256", "dataset", "release", "document_url", "document_host", "document_domain",
    "text_sha256", "captured_at", "article_id", "title_id", "publisher_id", "article_url",
    "article_published_at", "article_time_zone", "article_words", "article_sha256", "url_match", "grade",
    "copied_words",
    "longest_run_words", "confidence", "confidence_reasons", "own_site", "site_title_id", "credits_others",
    "run_rarity", "shared_words", "ownership", "record_damage", "in_main_content",
)  # fmt: skip
USED = (*_PLAIN, "spans", "document_credits")
"""Columns of `matches` that are read."""

ONE_BY_ONE = {"batch_readahead": 1, "fragment_readahead": 1}
"""How batches of a large table are read: those that are read ahead would take a GB."""

_INT64S = pa.list_(pa.int64())
INPUT = pa.schema(
    [Match.schema.field(name).remove_metadata().with_nullable(True) for name in _PLAIN]
    + [pa.field("credits_read", pa.bool_()), pa.field("starts", _INT64S), pa.field("ends", _INT64S)]
)
"""Rows as they are sorted and judged: of spans, the characters of the article; of credits, whether any were
looked for."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known beside the rows, as every process of an engine gets it.

    `corpus` is a folder or URI, with its `digest`. `reviews`: verdicts by `row_sha256`. `signals`: rows of
    `rights_signals`, and `pages` the captures of members' own pages that were read. `as_of`: the day that
    mandates and rights are judged for.
    """

    corpus: str
    digest: str
    config: ScanConfig
    press: PressList
    as_of: date
    licences: Licences = field(default_factory=Licences)
    known: KnownTexts = field(default_factory=lambda: KnownTexts.load(()))
    reviews: Mapping[str, str] = field(default_factory=dict)
    signals: pa.Table | None = None
    pages: Sequence[Moment] = ()

    @property
    def storage(self) -> StorageOptions:
        """How storage is reached."""
        return self.config.storage


def input_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Turn batches of `USED` columns into batches of `INPUT`."""
    for batch in batches:
        yield input_batch(batch)


def input_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Turn a batch of `USED` columns into one of `INPUT`."""
    spans = batch["spans"]
    lengths = pc.fill_null(pc.list_value_length(spans), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    values = spans.flatten()
    starts, ends = (
        pa.ListArray.from_arrays(offsets, pc.struct_field(values, name))
        for name in ("article_start", "article_end")
    )
    columns = [batch[name].cast(INPUT.field(name).type) for name in _PLAIN]
    return pa.RecordBatch.from_arrays(
        [*columns, pc.is_valid(batch["document_credits"]), starts, ends], schema=INPUT
    )


def article_groups(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Yield sorted rows as tables of about so many rows or more: the rows of an article stay together.

    Rows without article are judged each by itself, so they may be cut anywhere.
    """
    waiting, count = list[pa.RecordBatch](), 0
    for batch in batches:
        if not len(batch):
            continue
        waiting.append(batch)
        count += len(batch)
        if count < rows:
            continue
        table = pa.Table.from_batches(waiting)
        last = _begin_of_last_article(table)
        if last:
            yield table.slice(0, last)
            rest = table.slice(last)
            waiting, count = rest.combine_chunks().to_batches() if len(rest) else [], len(rest)
    if waiting:
        yield pa.Table.from_batches(waiting)


def _begin_of_last_article(table: pa.Table) -> int:
    """Return where the rows of the last article begin; the end of the table if these have no article."""
    ids = table["article_id"]
    last = ids[len(ids) - 1]
    if not last.is_valid:
        return len(table)
    return int(pc.index(ids, last).as_py())
