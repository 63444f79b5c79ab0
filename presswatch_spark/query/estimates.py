"""Estimates of releases from the published tables of samples: DuckDB counts, `sampling` extrapolates."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from presswatch_spark.query.sql import QueryResult, answers_of
from presswatch_spark.scanning.sampling import (
    Floats,
    Measure,
    Occurrences,
    SampleEstimate,
    design_of,
    estimate,
)
from presswatch_spark.tables.column_values import CONFIDENCES, GRADES
from presswatch_spark.tables.store import TableStore

ROWS: Mapping[str, str] = {
    "matches": "true",
    **{f"matches, grade {name}": f"grade = '{name}'" for name in GRADES},
    **{f"matches, confidence {name}": f"confidence = '{name}'" for name in CONFIDENCES},
}
"""Measures of rows, each with its condition; for a title or publisher, only all rows together."""
DOCUMENTS: Mapping[str, str] = {
    "documents with matches": "true",
    "documents with matches, own sites": "own_site",
    "documents with matches, elsewhere": "not own_site",
    "documents with matches, site unknown": "own_site is null",
}
ARTICLES: Mapping[str, str] = {"articles": "true", "articles, confidence A or B": "confidence in ('A', 'B')"}
# Numbers replace the URIs of shards: millions of groups by URIs would take more than DuckDB's memory.
SHARDS_READ = """
    with read as (
        select shard_uri, row_number() over () as shard from scan_log where status = 'complete'
    )"""
ROW_COUNTS = "select {owner} as owner, shard_uri, {counts} from matches group by all"
# Count each record of a shard as one document. A record without a place is identified by its id and URL.
DOCUMENT_COUNTS = f"""{SHARDS_READ}
    select owner, shard_uri, {{counts}} from (
        select {{owner}} as owner, shard, record_offset, row_index,
            case when record_offset is null and row_index is null then record_id end as id,
            case when record_offset is null and row_index is null then document_url end as url,
            {{kinds}}
        from matches join read using (shard_uri) group by all
    ) as documents join read using (shard) group by all"""
# Articles in any number of files, in one and in two, each counted in its first file. From the last two,
# `estimate` concludes how many articles the sample lacks.
ARTICLE_COUNTS = f"""{SHARDS_READ}
    select owner, shard_uri, count(*), count(*) filter (where files = 1), count(*) filter (where files = 2)
    from (
        select owner, min(shard) as shard, count(*) as files from (
            select distinct {{owner}} as owner, article_id, shard from matches join read using (shard_uri)
            where article_id is not null and {{chosen}}
        ) as pairs group by owner, article_id
    ) as articles join read using (shard) group by all"""


def estimate_of(store: TableStore, run_id: str, by: str | None = None) -> SampleEstimate:
    """Estimate the contents of a release from the sample that a published run read; raises as `design_of`.

    `by`: `title_id` or `publisher_id`, to estimate also for each of them with a match in the sample.
    """
    (run,) = store.read("runs", run_id).to_pylist()
    # Check the table first, so that an error names damage whatever the run is.
    store.files("matches", run_id)
    columns = ["shard_uri", "status", "documents", "text_bytes"]
    log = store.read("scan_log", run_id, columns=columns).to_pylist()
    design, lines = design_of(run, log), {line["shard_uri"]: line for line in log}

    def counted(answer: QueryResult) -> defaultdict[str | None, Floats]:
        """Return the counts of an answer in each file of the sample, by owner; 0 if it has none."""
        places, (_, _, *counts) = {uri: place for place, uri in enumerate(design.files)}, answer.columns
        found = defaultdict[str | None, Floats](lambda: np.zeros((len(places), len(counts))))
        rows: Iterator[tuple[Any, ...]] = answer.rows
        for owner, uri, *values in rows:
            # Totals exclude matches in shards that were not read to their end.
            if uri in places:
                found[owner][places[uri]] = values
        return found

    measures = [
        Measure(name, None, np.array([lines[uri][column] for uri in design.files], np.float64))
        for column, name in (("documents", "documents"), ("text_bytes", "bytes of text"))
    ]
    articles = list[Occurrences]()
    for column in ("null", *([by] if by else ())):
        of_rows = [f"count(*) filter (where {rows})" for rows in ROWS.values()]
        of_rows += [f"count(article_id) filter (where {rows})" for rows in ARTICLES.values()]
        kinds = ", ".join(f"bool_or({kind}) as d{n}" for n, kind in enumerate(DOCUMENTS.values()))
        of_documents = ", ".join(f"count(*) filter (where d{n})" for n in range(len(DOCUMENTS)))
        queries = [ROW_COUNTS.format(owner=column, counts=", ".join(of_rows))]
        queries += [DOCUMENT_COUNTS.format(owner=column, counts=of_documents, kinds=kinds)]
        queries += [ARTICLE_COUNTS.format(owner=column, chosen=chosen) for chosen in ARTICLES.values()]
        rows, documents, *occurrences = map(counted, answers_of(store, queries, "duckdb", [run_id]))
        owners = sorted(each for each in rows if each is not None) if by == column else [None]
        for owner in owners:
            measures += [
                Measure(name, owner, rows[owner][:, i])
                for i, name in enumerate(ROWS)
                if owner is None or name == "matches"
            ]
            measures += [Measure(name, owner, documents[owner][:, i]) for i, name in enumerate(DOCUMENTS)]
        # In `rows`, the counts of articles follow those of rows.
        for place, (name, firsts) in enumerate(zip(ARTICLES, occurrences, strict=True), len(ROWS)):
            for owner in owners:
                seen, once, twice = (int(total) for total in firsts[owner].sum(axis=0))
                files = int(np.count_nonzero(rows[owner][:, place]))
                articles.append(Occurrences(name, owner, seen, files, once, twice, firsts[owner][:, 1]))
    return estimate(run, design, measures, articles)
