"""Views over the published tables, in SQL for both engines, and errors of queries that both engines refuse.

A view is made of tables and other views; `in_order` sorts them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import did_you_mean, printable
from presswatch_spark.tables.column_values import CONFIDENCES
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore, column_batches

# A page is an address in a release; if the URL is unknown, the digest of the text replaces it.
_ADDRESS = "coalesce({row}document_url, {row}text_sha256, {row}row_sha256)"
_PAGE = f"concat(coalesce({{row}}release, ''), ' ', {_ADDRESS})"
# A capture is a page at a time, and a claim is an article on a page.
_CAPTURE = f"concat({_PAGE}, ' ', coalesce(cast(unix_micros({{row}}captured_at) as string), ''))"
# If only the site is known, the title replaces the article.
_SUBJECT = "coalesce({row}article_id, concat('title ', {row}title_id))"
_CLAIM = f"concat({_SUBJECT}, ' ', {_PAGE})"
# A record is the bytes of a capture in one file. If its place is unknown, the URL replaces it.
_RECORD = """concat({row}shard_uri, ' ',
    coalesce(cast({row}record_offset as string), ''), ' ', coalesce(cast({row}row_index as string), ''), ' ',
    case when {row}record_offset is null and {row}row_index is null
        then coalesce({row}document_url, '') else '' end)"""


RECORD = _RECORD.format(row="")
"""The key of a record, by the columns of `matches`."""


def keys(row: str = "", *, record: bool = True) -> str:
    """Return columns that identify address, page, capture, claim and, with `record`, record of a row.

    `row`: the prefix of the row's columns, such as `m.`.
    """
    columns = {"address": _ADDRESS, "page": _PAGE, "capture": _CAPTURE, "claim": _CLAIM}
    columns |= {"record": _RECORD} if record else {}
    return ", ".join(f"{key.format(row=row)} as {name}" for name, key in columns.items())


# Of several readings of a shard, the greatest weight counts: complete before partial, then the newest.
_READINGS = """
    select
        s.run_id, s.shard_uri, r.corpus_digest, r.records_planned is null as is_whole,
        concat(case s.status when 'complete' then '2' when 'partial' then '1' else '0' end, s.run_id)
            as weight
    from scan_log s join runs r on r.run_id = s.run_id"""
_BEST = f"""
    select corpus_digest, shard_uri, max(weight) as weight from ({_READINGS}) as of_corpora
    where is_whole group by corpus_digest, shard_uri"""

COUNT_COLUMNS = """
    count(distinct document_url) as addresses,
    count(distinct page) as pages,
    count(distinct capture) as captures,
    count(distinct record) as records,
    count(distinct claim) as claims,
    count(distinct article_id) as articles"""
"""The counts over rows of `sightings`. Unknown addresses are not counted."""


def _figures_by(key: str, source: str) -> str:
    pages = ", ".join(
        f"count(distinct case when page_letter = '{letter}' then page end) as pages_{letter.lower()}"
        for letter in CONFIDENCES
    )
    return f"""
        select
            {key}, max(document_domain) as document_domain, count(distinct document_host) as hosts,
            {COUNT_COLUMNS},
            {pages}, max(copied_words) as most_copied_words, count(*) as rows
        from (
            select *, min(letter) over (partition by {key}, page) as page_letter from {source}
        ) as with_letters group by {key}"""


def _pages_of(source: str) -> str:
    return f"""
        select
            release, document_url, min(text_sha256) as text_sha256,
            max(document_host) as document_host, max(document_domain) as document_domain,
            bool_or(own_site) as own_site, min(letter) as letter,
            count(distinct article_id) as articles, max(copied_words) as most_copied_words,
            max(document_words) as document_words,
            min(captured_at) as first_captured_at, max(captured_at) as last_captured_at,
            count(distinct capture) as captures, count(distinct record) as records,
            count(distinct text_sha256) as texts,
            count(distinct release) as releases, count(distinct run_id) as runs, count(*) as rows
        from {source} group by release, document_url, page"""


# The release that the user gave for all shards of a run: `runs.release` may come from shards.
_GIVEN_RELEASE = """nullif(regexp_extract(r.config, '"pdf":[^,]*,"release":"([^"]*)"[,}]', 1), '')"""

# Copied words of a page: at most the number of its own words, since articles may share words.
_COPIED = "least(s.copied_words, coalesce(s.document_words, s.copied_words))"


def _shares(names: str, owners: str, key: str, is_own: str, *, and_all: bool = False) -> str:
    """Return the view of each owner's share of the words that were read; a page counts once per owner.

    `names`: columns of `owners`. `key`: the column that names the owner of a row; with `and_all`, a row with
    null is added for all owners together. `is_own`: a condition for rows whose page is the owner's.
    """
    shard = "h.corpus_digest, h.dataset, h.release, h.rows_name_release"
    by_page = f"{shard}, s.{key}, s.page"
    return f"""
        select
            t.corpus_digest, whole.dataset, whole.release, whole.rows_name_release, {names},
            coalesce(part.own_pages, 0) as own_pages, coalesce(part.own_words, 0) as own_words,
            coalesce(part.own_pages_uncounted, 0) as own_pages_uncounted,
            coalesce(part.copying_pages, 0) as copying_pages, coalesce(part.copied_words, 0) as copied_words,
            coalesce(part.unplaced_pages, 0) as unplaced_pages,
            coalesce(part.unplaced_words, 0) as unplaced_words,
            whole.words, whole.shards_complete, whole.shards_incomplete,
            coalesce(part.own_words, 0) / nullif(whole.words, 0) as own_share,
            coalesce(part.copied_words, 0) / nullif(whole.words, 0) as copied_share
        from ({owners}) as t
        join (
            select
                corpus_digest, dataset, release, rows_name_release,
                case when count(*) = count(words) then sum(words) end as words,
                count(case when status = 'complete' then 1 end) as shards_complete,
                count(case when status <> 'complete' then 1 end) as shards_incomplete
            from shards_read group by corpus_digest, dataset, release, rows_name_release
        ) as whole on whole.corpus_digest = t.corpus_digest
        left join (
            select
                corpus_digest, dataset, release, rows_name_release, {key},
                count(case when is_own then 1 end) as own_pages,
                sum(case when is_own then document_words end) as own_words,
                count(case when is_own and document_words is null then 1 end) as own_pages_uncounted,
                count(case when not is_own and words_elsewhere > 0 then 1 end) as copying_pages,
                sum(case when not is_own then words_elsewhere end) as copied_words,
                count(case when not is_own and words_unplaced > 0 then 1 end) as unplaced_pages,
                sum(case when not is_own then words_unplaced end) as unplaced_words
            from (
                select
                    {by_page}, bool_or({is_own}) as is_own, max(s.document_words) as document_words,
                    max(case when not s.own_site and s.letter <> 'D' then {_COPIED} else 0 end)
                        as words_elsewhere,
                    max(case when s.own_site is null and s.letter <> 'D' then {_COPIED} else 0 end)
                        as words_unplaced
                from all_sightings s join shards_read h on h.run_id = s.run_id and h.shard_uri = s.shard_uri
                group by {f"grouping sets (({by_page}), ({shard}, s.page))" if and_all else by_page}
            ) as by_page group by corpus_digest, dataset, release, rows_name_release, {key}
        ) as part on part.corpus_digest = t.corpus_digest
            and coalesce(part.{key}, '') = coalesce(t.{key}, '')
            and coalesce(part.dataset, '') = coalesce(whole.dataset, '')
            and coalesce(part.release, '') = coalesce(whole.release, '')
            and part.rows_name_release = whole.rows_name_release"""


_TITLES = """
    select corpus_digest, publisher_id, title_id from corpus_articles
    union select h.corpus_digest, m.publisher_id, m.title_id
    from matches m join shards_read h on h.run_id = m.run_id and h.shard_uri = m.shard_uri"""

ALL_CURRENT = "select *, true as is_current from matches"
"""The view `all_matches` over runs of which no two read the same shard."""
VIEWS = {
    # A row is superseded by a better reading of its shard with the same corpus, or with another one that has
    # its article. Of runs that read only certain records, the newest that found it in its record counts.
    "all_matches": f"""
        select
            m.*,
            not coalesce(better.is_same_corpus, false) and newer.run_id is null
                and not coalesce(arrays_overlap(better.corpora, known.corpora), false) as is_current
        from matches m
        left join (
            select
                own.run_id, own.shard_uri, collect_set(best.corpus_digest) as corpora,
                bool_or(best.corpus_digest = own.corpus_digest) as is_same_corpus
            from ({_READINGS}) as own join ({_BEST}) as best
                on best.shard_uri = own.shard_uri and best.weight > own.weight
            group by own.run_id, own.shard_uri
        ) as better on better.run_id = m.run_id and better.shard_uri = m.shard_uri
        left join (
            select subject, collect_set(corpus_digest) as corpora
            from (
                select corpus_digest, article_id as subject from corpus_articles
                union all select distinct corpus_digest, concat('title ', title_id) from corpus_articles
            ) as subjects group by subject
        ) as known on known.subject = {_SUBJECT.format(row="m.")}
        left join (
            select distinct run_id, subject, record
            from (
                select
                    m.run_id, {_SUBJECT.format(row="m.")} as subject, {_RECORD.format(row="m.")} as record,
                    max(m.run_id) over (
                        partition by {_SUBJECT.format(row="m.")}, {_RECORD.format(row="m.")}
                    ) as newest_run_id
                from matches m join runs r on r.run_id = m.run_id where r.records_planned is not null
            ) as by_record where run_id < newest_run_id
        ) as newer on newer.run_id = m.run_id and newer.subject = {_SUBJECT.format(row="m.")}
            and newer.record = {_RECORD.format(row="m.")}""",
    # Claims are joined by two hashes of their keys: the keys themselves would not fit into memory.
    "all_sightings": f"""
        select
            m.*, c.kind, coalesce(c.confidence, m.confidence) as letter,
            c.one is not null as is_judged, {keys("m.")}
        from all_matches m left join (
            select
                xxhash64(concat(run_id, row_sha256)) as one, xxhash64(concat(row_sha256, run_id)) as other,
                min(kind) as kind, max(confidence) as confidence
            from claims
            group by xxhash64(concat(run_id, row_sha256)), xxhash64(concat(row_sha256, run_id))
        ) as c on c.one = xxhash64(concat(m.run_id, m.row_sha256))
            and c.other = xxhash64(concat(m.row_sha256, m.run_id))""",
    "sightings": "select * from all_sightings where is_current",
    "copies": """
        select * from sightings
        where article_id is not null and letter <> 'D' and own_site = false
            and coalesce(kind, 'copy') in ('copy', 'reprint')""",
    # Claims in another folder than `matches` all count.
    "claimed": f"""
        select c.*, {keys("c.", record=False)}
        from claims c left join (select run_id, row_sha256 from all_matches where not is_current) as old
            on old.run_id = c.run_id and old.row_sha256 = c.row_sha256
        where old.run_id is null""",
    "pages": _pages_of("sightings"),
    "copied_pages": _pages_of("copies"),
    "by_host": _figures_by("document_host, own_site", "sightings"),
    "by_title": _figures_by("publisher_id, title_id, own_site", "sightings"),
    "by_publisher": _figures_by("publisher_id, own_site", "sightings"),
    "copies_by_host": _figures_by("document_host", "copies"),
    "copies_by_title": _figures_by("publisher_id, title_id", "copies"),
    "articles": f"""
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
                corpus_digest, count(case when weight >= '2' then 1 end) as shards_complete,
                count(case when weight < '2' then 1 end) as shards_incomplete
            from ({_BEST}) as best group by corpus_digest
        ) as looked on looked.corpus_digest = a.corpus_digest""",
    "trend": f"""
        select
            release, dataset, letter, kind, own_site, {COUNT_COLUMNS},
            count(distinct document_host) as hosts, sum(copied_words) as copied_words, count(*) as rows
        from sightings group by release, dataset, letter, kind, own_site""",
    "new_since": """
        select
            s.publisher_id, s.title_id, s.article_id, s.document_url, min(s.page) as page,
            min(r.started_at) as first_found_at, min(s.run_id) as first_run_id,
            min_by(s.row_sha256, concat(s.run_id, s.row_sha256)) as first_row, min(s.letter) as letter,
            max(s.copied_words) as most_copied_words, count(*) as rows
        from all_sightings s join runs r on r.run_id = s.run_id
        group by s.publisher_id, s.title_id, s.article_id, s.document_url, s.address""",
    "lineage": """
        select
            publisher_id, title_id, article_id, document_url, captured_at, min(text_sha256) as text_sha256,
            array_sort(collect_set(source)) as datasets, count(distinct source) as dataset_count,
            min(letter) as letter, max(copied_words) as most_copied_words, count(*) as rows
        from (
            select *, concat(
                case when release like 'CC-MAIN-%' and dataset in ('wet', 'warc', 'arc') then 'common-crawl'
                    else coalesce(product, dataset) end, ' ', coalesce(release, '?')) as source
            from sightings where article_id is not null
        ) as by_source
        group by publisher_id, title_id, article_id, document_url, captured_at,
            case when document_url is null or captured_at is null then text_sha256 end""",
    # If rows name other releases than their shard (`rows_name_release`), the shard has no single release.
    "shards": f"""
        select
            run_id, dataset, case when not rows_name_release then named end as release, rows_name_release,
            shard_uri, status, failure, documents, documents_skipped, matches, bytes_read, bytes_expected,
            seconds, words
        from (
            select
                s.run_id, s.shard_uri, s.status, s.failure, s.documents, s.documents_skipped, s.matches,
                s.bytes_read, s.bytes_expected, s.seconds, s.words,
                coalesce(s.format, r.dataset) as dataset, coalesce(s.release, {_GIVEN_RELEASE}) as named,
                coalesce(own.first_release <> coalesce(s.release, {_GIVEN_RELEASE}, ''), false)
                    or coalesce(own.last_release <> coalesce(s.release, {_GIVEN_RELEASE}, ''), false)
                    as rows_name_release
            from scan_log s join runs r on r.run_id = s.run_id
            left join (
                select run_id, shard_uri, min(release) as first_release, max(release) as last_release
                from matches where release is not null group by run_id, shard_uri
            ) as own on own.run_id = s.run_id and own.shard_uri = s.shard_uri
        ) as with_names""",
    "shards_read": f"""
        select
            chosen.corpus_digest, s.dataset, s.release, s.rows_name_release, s.shard_uri, s.run_id, s.status,
            s.documents, s.words
        from shards s join ({_READINGS}) as own on own.run_id = s.run_id and own.shard_uri = s.shard_uri
        join ({_BEST}) as chosen on chosen.corpus_digest = own.corpus_digest
            and chosen.shard_uri = own.shard_uri and chosen.weight = own.weight""",
    "token_share": _shares(
        names="t.publisher_id, t.title_id",
        owners=_TITLES,
        key="title_id",
        is_own="s.url_match <> 'none'",
    ),
    "publisher_share": _shares(
        names="t.publisher_id",
        owners=f"""
            select corpus_digest, publisher_id from ({_TITLES}) as titles
            group by grouping sets ((corpus_digest, publisher_id), (corpus_digest))""",
        key="publisher_id",
        is_own="coalesce(s.own_site, false) or s.url_match <> 'none'",
        and_all=True,
    ),
    "spans": """
        select
            run_id, row_sha256, article_id, document_url, confidence, span.document_start, span.document_end,
            span.article_start, span.article_end, span.words, span.passage
        from (
            select run_id, row_sha256, article_id, document_url, confidence, explode(spans) as span
            from sightings
        ) as all_spans""",
}

THERE_ARE = f"the tables are {', '.join(SCHEMAS)}; the views are {', '.join(VIEWS)}"


@lru_cache(maxsize=8)
def was_read_again(store: TableStore, runs: tuple[str, ...]) -> bool:
    """Return whether published runs read a shard more than once; otherwise, all their rows are current."""
    if len(runs) < 2:
        return False
    batches = column_batches(store, "scan_log", runs, ["shard_uri"])
    # Hashes need little memory; if two collide, queries only take longer.
    shards = np.fromiter((hash(uri) for batch in batches for uri in batch[0].to_pylist()), np.int64)
    return len(np.unique(shards)) < len(shards)


def views_for(names: Iterable[str], store: TableStore, runs: Sequence[str] = ()) -> Mapping[str, str]:
    """Return the views over all runs or `runs`, for a query that has `names`.

    They look for superseded rows only if there can be any.
    """
    if "all_matches" not in in_order(names) or was_read_again(store, tuple(runs or store.published())):
        return VIEWS
    return VIEWS | {"all_matches": ALL_CURRENT}


def in_order(names: Iterable[str], views: Mapping[str, str] = VIEWS) -> list[str]:
    """Return tables and views with all their parts, each after its parts, by the definitions of the views."""
    ordered = dict[str, None]()

    def add(name: str) -> None:
        if name in views and name not in ordered:
            for part in re.findall(r"(?:from|join) ([a-z_]+)", views[name]):
                add(part)
        ordered[name] = None

    for name in sorted(names):
        add(name)
    return [name for name in ordered if name in views or name in SCHEMAS]


def refused(what: str, remedy: str = "") -> ConfigError:
    """Return the error for a refused query."""
    return ConfigError(printable(what), where="sql", remedy=remedy)


def no_query() -> ConfigError:
    """Return the error for a statement that is no query."""
    return refused("this is not a query", "write one that begins with select, from, with, describe or show")


def no_call(function: str) -> ConfigError:
    """Return the error for a call of a function that may read more than the tables."""
    return refused(f"a query may not call {function}()", "it reads only the tables")


def no_table(*parts: str) -> ConfigError:
    """Return the error for a name, given in its parts, that is no table or view of presswatch."""
    meant = did_you_mean(parts[-1], [*SCHEMAS, *VIEWS])
    return refused(f"there is no table {'.'.join(parts)}{meant}", THERE_ARE)
