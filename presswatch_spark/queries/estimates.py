"""Estimates of releases, from the published tables of samples: DuckDB counts, `sampling` extrapolates."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from presswatch_spark.judgement.grading import CONFIDENCES, GRADES
from presswatch_spark.queries.sql import answer_of
from presswatch_spark.sampling.design import design_of
from presswatch_spark.sampling.extrapolation import Measure, Occurrences, SampleEstimate, estimate
from presswatch_spark.sampling.intervals import Floats
from presswatch_spark.tables.store import TableStore

ROWS: Mapping[str, str] = {
    "matches": "true",
    **{f"matches, grade {name}": f"grade = '{name}'" for name in GRADES},
    **{f"matches, confidence {name}": f"confidence = '{name}'" for name in CONFIDENCES},
}
"""Rows that are counted; of a title or publisher, all together."""
DOCUMENTS: Mapping[str, str] = {
    "documents with matches": "true",
    "documents with matches, own sites": "own_site",
    "documents with matches, elsewhere": "not own_site",
    "documents with matches, site unknown": "own_site is null",
}
ARTICLES: Mapping[str, str] = {"articles": "true", "articles, confidence A or B": "confidence in ('A', 'B')"}
# A document is a record of a shard, wherever it is captured again. Without a place, its URL identifies it.
COUNTS = """
    select owner, shard_uri, {sums} from (
        select {owner} as owner, shard_uri, record_offset, row_index,
            case when record_offset is null and row_index is null then record_id end as id,
            case when record_offset is null and row_index is null then document_url end as url,
            {counted}
        from matches group by all
    ) as documents group by all"""
OCCURRENCES = """
    select owner, shard_uri, count(*), count(*) filter (where number = 1),
        count(*) filter (where files = 1), count(*) filter (where files = 2)
    from (
        select owner, shard_uri, count(*) over (partition by owner, article_id) as files,
            row_number() over (partition by owner, article_id order by shard_uri) as number
        from (
            select distinct {owner} as owner, article_id, shard_uri from matches
            where article_id is not null and {chosen}
                and shard_uri in (select shard_uri from scan_log where status = 'complete')
        ) as pairs
    ) as counted group by all"""


def estimate_of(store: TableStore, run_id: str, by: str | None = None) -> SampleEstimate:
    """Estimate the contents of a release from the sample that a published run read.

    `by`: `title_id` or `publisher_id`, to estimate for each with a match in the sample, too.

    Raises:
        InputError: the run is no sample, or too little of it was read; see `design_of`.
    """
    (run,) = store.read("runs", run_id).to_pylist()
    columns = ["shard_uri", "status", "documents", "text_bytes"]
    log = store.read("scan_log", run_id, columns=columns).to_pylist()
    design, lines = design_of(run, log), {line["shard_uri"]: line for line in log}

    def counted(query: str) -> dict[str | None, Floats]:
        """Return the rows of a query in each file of the sample, by title or publisher."""
        places, found = {uri: place for place, uri in enumerate(design.files)}, dict[str | None, Floats]()
        rows: Iterator[tuple[Any, ...]] = answer_of(store, query, "duckdb", [run_id]).rows
        for of, uri, *values in rows:
            # Matches in shards that were not read to their end are part of no total.
            if uri in places:
                found.setdefault(of, np.zeros((len(places), len(values))))[places[uri]] = values
        return found

    measures = [
        Measure(name, None, np.array([lines[uri][column] for uri in design.files], np.float64))
        for column, name in (("documents", "documents"), ("text_bytes", "bytes of text"))
    ]
    articles = list[Occurrences]()
    for owner in ("null", *([by] if by else ())):
        kinds = [*ROWS.values(), *DOCUMENTS.values()]
        inner = [f"count(*) filter (where {rows}) as n{n}" for n, rows in enumerate(ROWS.values())]
        inner += [f"bool_or({kind}) as d{n}" for n, kind in enumerate(DOCUMENTS.values())]
        sums = [f"sum(n{n})" for n in range(len(ROWS))]
        sums += [f"count(*) filter (where d{n})" for n in range(len(DOCUMENTS))]
        rows = counted(COUNTS.format(owner=owner, sums=", ".join(sums), counted=", ".join(inner)))
        owners = sorted(of for of in rows if of is not None) if by == owner else [None]
        for of in owners:
            values = rows.get(of, np.zeros((len(design.files), len(kinds))))
            names = enumerate((*ROWS, *DOCUMENTS))
            measures += [
                Measure(name, of, values[:, place])
                for place, name in names
                if of is None or name == "matches" or name in DOCUMENTS
            ]
        for name, chosen in ARTICLES.items():
            pairs = counted(OCCURRENCES.format(owner=owner, chosen=chosen))
            for of in owners:
                values = pairs.get(of, np.zeros((len(design.files), 4)))
                _, seen, once, twice = (int(total) for total in values.sum(axis=0))
                files = int(np.count_nonzero(values[:, 0]))
                articles.append(Occurrences(name, of, seen, files, once, twice // 2, values[:, 2]))
    return estimate(run, design, measures, articles)
