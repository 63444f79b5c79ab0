"""Views over the published tables: questions that are asked often, in SQL that both engines understand.

A view names tables and views before it. None holds anything that the tables do not say.
"""

import re
from collections.abc import Iterable, Mapping

from presswatch_spark.tables.schemas import SCHEMAS

LETTERS = """
    count(distinct page) as pages,
    count(distinct article_id) as articles,
    count(distinct case when letter = 'A' then page end) as pages_a,
    count(distinct case when letter = 'B' then page end) as pages_b,
    count(distinct case when letter = 'C' then page end) as pages_c,
    count(distinct case when letter = 'D' then page end) as pages_d,
    max(copied_words) as most_copied_words,
    count(*) as rows"""
"""What rows of `sightings` add up to. A page with rows of two letters counts for each."""

VIEWS: Mapping[str, str] = {
    "sightings": """
        select
            m.*, c.kind, coalesce(c.confidence, m.confidence) as letter,
            c.row_sha256 is not null as is_judged,
            concat(coalesce(m.document_url, ''), ' ', coalesce(m.text_sha256, m.row_sha256)) as page
        from matches m left join (
            select run_id, row_sha256, min(kind) as kind, max(confidence) as confidence
            from claims group by run_id, row_sha256
        ) as c on c.run_id = m.run_id and c.row_sha256 = m.row_sha256""",
    "pages": """
        select
            document_url, text_sha256,
            max(document_host) as document_host, max(document_domain) as document_domain,
            bool_or(own_site) as own_site, min(letter) as letter,
            count(distinct article_id) as articles, max(copied_words) as most_copied_words,
            max(document_words) as document_words,
            min(captured_at) as first_captured_at, max(captured_at) as last_captured_at,
            count(distinct release) as releases, count(distinct run_id) as runs, count(*) as rows
        from sightings group by document_url, text_sha256, page""",
    "by_host": f"""
        select document_host, max(document_domain) as document_domain, own_site, {LETTERS}
        from sightings group by document_host, own_site""",
    "by_title": f"select publisher_id, title_id, own_site, {LETTERS} from sightings"
    " group by publisher_id, title_id, own_site",
    "by_publisher": f"select publisher_id, own_site, {LETTERS} from sightings"
    " group by publisher_id, own_site",
    "articles": """
        select
            a.corpus_digest, a.corpus_digest = newest.corpus_digest as is_newest,
            a.publisher_id, a.title_id, a.article_id, a.cluster_id, a.url, a.headline, a.published_at,
            a.language, a.article_words,
            coalesce(seen.pages, 0) as pages, coalesce(seen.pages_elsewhere, 0) as pages_elsewhere,
            seen.letter, coalesce(seen.most_copied_words, 0) as most_copied_words,
            coalesce(looked.shards_complete, 0) as shards_complete,
            coalesce(looked.shards_incomplete, 0) as shards_incomplete
        from corpus_articles a
        join (select min(run_id) as run_id from corpus_articles group by corpus_digest) as brought
            on brought.run_id = a.run_id
        cross join (select max_by(corpus_digest, run_id) as corpus_digest from runs) as newest
        left join (
            select
                article_id, count(distinct page) as pages,
                count(distinct case when not own_site then page end) as pages_elsewhere,
                min(letter) as letter, max(copied_words) as most_copied_words
            from sightings where article_id is not null group by article_id
        ) as seen on seen.article_id = a.article_id
        left join (
            select
                corpus_digest, count(case when is_complete then 1 end) as shards_complete,
                count(case when not is_complete then 1 end) as shards_incomplete
            from (
                select r.corpus_digest, s.shard_uri, bool_or(s.status = 'complete') as is_complete
                from scan_log s join runs r on r.run_id = s.run_id group by r.corpus_digest, s.shard_uri
            ) as by_shard group by corpus_digest
        ) as looked on looked.corpus_digest = a.corpus_digest""",
    "trend": """
        select
            release, dataset, letter, kind, own_site,
            count(distinct page) as pages, count(distinct article_id) as articles,
            count(distinct document_host) as hosts, sum(copied_words) as copied_words, count(*) as rows
        from sightings group by release, dataset, letter, kind, own_site""",
    "new_since": """
        select
            s.publisher_id, s.title_id, s.article_id, s.document_url, s.page,
            min(r.started_at) as first_found_at, min(s.run_id) as first_run_id,
            min_by(s.row_sha256, concat(s.run_id, s.row_sha256)) as first_row, min(s.letter) as letter,
            max(s.copied_words) as most_copied_words, count(*) as rows
        from sightings s join runs r on r.run_id = s.run_id
        group by s.publisher_id, s.title_id, s.article_id, s.document_url, s.page""",
    "lineage": """
        select
            publisher_id, title_id, article_id, document_url, captured_at, text_sha256,
            array_sort(collect_set(concat(dataset, ' ', coalesce(release, '?')))) as datasets,
            count(distinct concat(dataset, ' ', coalesce(release, '?'))) as dataset_count,
            min(letter) as letter, max(copied_words) as most_copied_words, count(*) as rows
        from sightings where article_id is not null
        group by publisher_id, title_id, article_id, document_url, captured_at, text_sha256""",
    "shards": """
        select
            s.run_id, r.dataset, coalesce(s.release, r.release) as release, s.shard_uri, s.status, s.failure,
            s.documents, s.documents_skipped, s.matches, s.bytes_read, s.bytes_expected, s.seconds
        from scan_log s join runs r on r.run_id = s.run_id""",
    "spans": """
        select
            run_id, row_sha256, article_id, document_url, confidence, span.document_start, span.document_end,
            span.article_start, span.article_end, span.words, span.passage
        from (
            select run_id, row_sha256, article_id, document_url, confidence, explode(spans) as span
            from matches
        ) as all_spans""",
}

THERE_ARE = f"the tables are {', '.join(SCHEMAS)}; the views are {', '.join(VIEWS)}"
"""What to say to who names another."""


def in_order(names: Iterable[str]) -> list[str]:
    """Return tables and views, and all that they are made of, each behind what it is made of."""
    ordered = dict[str, None]()

    def add(name: str) -> None:
        if name in VIEWS and name not in ordered:
            for part in re.findall(r"(?:from|join) ([a-z_]+)", VIEWS[name]):
                add(part)
        ordered[name] = None

    for name in sorted(names):
        add(name)
    return [name for name in ordered if name in VIEWS or name in SCHEMAS]
