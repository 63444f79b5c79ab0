"""The questions of the report: each is one query, which the report shows with its answer.

Both engines understand them. Most read the view `copies`: rows whose page is known to be a third party's.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from presswatch_spark.core.model import EMBEDDED_SOURCES
from presswatch_spark.query.sql import answers_of
from presswatch_spark.query.views import COUNT_COLUMNS
from presswatch_spark.tables.store import TableStore

BARS = 15
"""Most hosts, publishers or sources that a chart shows."""
ROWS = 300
"""Most rows in a table of the report: more than a person reads."""
HOSTS = 500
CANDIDATES = 40
"""Hosts that examples are chosen from."""

_NEWEST_CORPUS = "select max_by(corpus_digest, run_id) as corpus_digest from runs"

Rows = Sequence[Mapping[str, Any]]

QUESTIONS: Mapping[str, str] = {
    # In brief.
    "found": f"""
select {COUNT_COLUMNS.strip()},
    count(distinct document_host) as hosts
from copies""",
    "embedded": f"""
select count(distinct page) as pages from copies where text_source in {EMBEDDED_SOURCES}""",
    "letters": "select letter, count(*) as pages from copied_pages group by letter order by letter",
    "places": """
select place, count(distinct page) as pages, count(distinct article_id) as articles
from (
    select page, article_id, case
        when letter = 'D' then 'not_used'
        when kind = 'licensed' then 'licensed'
        when kind in ('own_page', 'own_page_copy') or own_site then 'own'
        when own_site is null then 'unknown'
        else 'elsewhere' end as place
    from sightings
) as placed
group by place order by place""",
    "judged": "select is_judged, count(*) as rows from sightings group by is_judged order by is_judged",
    "read": """
select corpus_digest, dataset, release, rows_name_release, count(*) as shards,
    count(case when status = 'complete' then 1 end) as complete,
    count(case when status = 'partial' then 1 end) as partial,
    count(case when status = 'failed' then 1 end) as failed,
    sum(documents) as documents
from shards_read
group by corpus_digest, dataset, release, rows_name_release
order by corpus_digest, dataset, release, rows_name_release""",
    "changes": """
select before_run_id, after_run_id, state, count(*) as pairs, count(distinct article_id) as articles
from changes
group by before_run_id, after_run_id, state
order by after_run_id desc, before_run_id desc, state""",
    # Charts.
    "hosts": f"""
select document_host as host, addresses, pages, pages_a, pages_b, pages_c
from copies_by_host order by pages desc, host limit {BARS}""",
    "releases": f"""
select c.publisher_id, c.dataset, c.release,
    count(distinct c.page) as pages, count(distinct c.article_id) as articles
from copies c join (
    select publisher_id, count(distinct page) as pages from copies
    group by publisher_id order by pages desc, publisher_id limit {BARS}
) as most on most.publisher_id = c.publisher_id
group by c.publisher_id, c.dataset, c.release order by c.publisher_id, c.release, c.dataset""",
    "years": """
select year(article_published_at) as year, count(distinct article_id) as articles,
    count(distinct page) as pages
from copies
group by year(article_published_at) order by year""",
    "lineage": """
select dataset, dataset_count, count(*) as copies
from (
    select explode(datasets) as dataset, dataset_count from lineage where letter <> 'D'
) as seen
group by dataset, dataset_count order by dataset, dataset_count""",
    "token_share": f"""
select p.publisher_id, p.dataset, p.release, p.rows_name_release, p.own_words, p.copied_words, p.words,
    1e6 * p.own_share as own_in_a_million, 1e6 * p.copied_share as copied_in_a_million
from publisher_share p join ({_NEWEST_CORPUS}) as newest on newest.corpus_digest = p.corpus_digest
where p.words > 0
order by copied_in_a_million desc, p.publisher_id, p.dataset, p.release, p.rows_name_release limit {BARS}""",
    "reservations": """
select reservation, count(distinct page) as pages, count(distinct article_id) as articles
from claimed
where kind in ('copy', 'reprint') and confidence <> 'D' and article_id is not null
    and document_host is not null
group by reservation order by reservation""",
    # Tables.
    "titles": f"""
select coalesce(t.publisher_id, f.publisher_id) as publisher_id, coalesce(t.title_id, f.title_id) as title_id,
    t.articles, coalesce(f.articles, 0) as articles_copied, coalesce(f.addresses, 0) as addresses,
    coalesce(f.pages, 0) as pages, coalesce(f.pages_a, 0) as pages_a, coalesce(f.pages_b, 0) as pages_b,
    coalesce(f.pages_c, 0) as pages_c, coalesce(f.hosts, 0) as hosts
from (
    select publisher_id, title_id, count(distinct article_id) as articles
    from articles where is_newest group by publisher_id, title_id
) as t full outer join copies_by_title as f on f.title_id = t.title_id
order by pages desc, title_id limit {ROWS}""",
    "all_hosts": f"""
select document_host as host, addresses, pages, pages_a, pages_b, pages_c, articles, most_copied_words
from copies_by_host order by pages desc, host limit {HOSTS}""",
    "news": f"""
select min(c.letter) as letter, c.document_url, max(c.headline) as headline, c.title_id,
    max(c.copied_words) as most_copied_words, min(r.started_at) as first_found_at
from copies c join (
    select article_id, address, min(run_id) as run_id from all_sightings group by article_id, address
) as earliest on earliest.article_id = c.article_id and earliest.address = c.address
join runs r on r.run_id = earliest.run_id
join (select max(run_id) as run_id from runs) as newest on newest.run_id = r.run_id
group by c.article_id, c.title_id, c.document_url, c.address
order by letter, most_copied_words desc, c.document_url, c.article_id limit {ROWS}""",
    "reasons": """
select reason, count(distinct page) as pages, count(*) as rows
from (
    select page, explode(reasons) as reason from claimed
    where confidence = 'C' and kind in ('copy', 'reprint') and article_id is not null
        and document_host is not null
) as each_reason
group by reason order by pages desc, reason""",
    "reasons_of_rows": """
select reason, count(distinct page) as pages, count(*) as rows
from (
    select page, explode(confidence_reasons) as reason from copies where letter = 'C'
) as each_reason
group by reason order by pages desc, reason""",
    "for_a_person": f"""
select document_url, title_id, headline, copied_words, article_coverage, row_sha256
from copies where letter = 'C'
order by copied_words desc, row_sha256, run_id limit {ROWS}""",
    # Examples.
    "examples": f"""
select document_host, min_by(row_sha256, weight) as row_sha256, min_by(article_id, weight) as article_id,
    min(weight) as weight
from (
    select document_host, row_sha256, article_id,
        concat(letter, lpad(cast(1000000000 - copied_words as string), 10, '0'), row_sha256) as weight
    from copies where document_host is not null
) as weighed
group by document_host order by weight limit {CANDIDATES}""",
    # Method.
    "runs": """
select run_id, finished_at, tool_version, table_digest, corpus_digest, config_digest
from runs order by run_id""",
}


def ask(store: TableStore, names: Iterable[str], engine: str) -> dict[str, Rows]:
    """Run the queries of some `QUESTIONS`; return their rows by name. Raises the errors of `answers_of`."""
    asked = list(names)
    answers = answers_of(store, [QUESTIONS[name] for name in asked], engine)
    return {
        name: [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        for name, answer in zip(asked, answers, strict=True)
    }
