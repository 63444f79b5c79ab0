"""Makes the report, a page of HTML: gathers its content from the tables, and writes it in some languages.

Each question is one query, which the report shows with its answer. Both engines understand them. Most read
the view `copies`: rows whose page is known to be a third party's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from presswatch_spark.claims.exposures import Exposed, load_exposures
from presswatch_spark.claims.row_facts import ExplainedRow, explained_row
from presswatch_spark.core.errors import OutputError, PresswatchError
from presswatch_spark.core.extras import library
from presswatch_spark.core.locators import EMBEDDED_SOURCES
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.notices.parties import Recipient, load_recipients
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.query.sql import answers_of, engine_of
from presswatch_spark.query.views import COUNT_COLUMNS
from presswatch_spark.scanning.runs.unfinished import unfinished_runs
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.objects import StorageOptions, write_object
from presswatch_spark.storage.uris import canonical
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
SUFFIX = ".html"
EXAMPLES = 5
OF_CLAIMS, OF_ROWS = frozenset({"reservations", "reasons"}), frozenset({"reasons_of_rows"})
"""Names of `QUESTIONS` that are queried only if there are claims, or only if there are none."""

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


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """The sources of a report.

    `case`: a removal case, whose places are counted for each recipient of notices. `corpus`: that of the
    scan, for names and texts. `mirrors`: present places of datasets' files. `engine`: one of `sql.ENGINES`.
    """

    tables: str
    storage: StorageOptions
    case: str | None = None
    corpus: str | None = None
    mirrors: Sequence[Mirror] = ()
    engine: str = "auto"


@dataclass(frozen=True, slots=True)
class Gathered:
    """The content of the report, for all languages. `order`: its sources, as absolute paths or URIs.

    `answers`: by question; without claims or changes, the questions about them have none. `claims`: the row
    of `derivations` that published the claims. `unfinished`: number of runs that were begun and not
    published. `examples`: rows that the report explains in full, or the reason why one could not be read.
    `exposed`: rows with the exposures of their datasets; `exposures`: their totals. `titles`, `publishers`:
    names by id, empty without a corpus.
    """

    order: ReportOrder
    made_at: datetime
    engine: str
    tool_version: str
    answers: Mapping[str, Rows]
    claims: Mapping[str, Any] | None
    runs: Sequence[Mapping[str, Any]]
    unfinished: int
    examples: Sequence[ExplainedRow | str]
    removal: CaseStatus | None
    recipients: Sequence[Recipient]
    exposed: Exposed
    exposures: Sequence[Mapping[str, Any]]
    titles: Mapping[str, str]
    publishers: Mapping[str, str]

    def rows(self, name: str) -> Rows:
        """Return the rows of an answer; no rows if the question was not asked."""
        return self.answers.get(name, ())

    def first(self, name: str) -> Mapping[str, Any]:
        """Return the one row of an answer."""
        return self.answers[name][0]


def make_report(
    order: ReportOrder, pages: Mapping[str, str], say: Callable[[Sentence], None] = lambda news: None
) -> None:
    """Write the report about published tables.

    `pages`: the file of each language (`fr`, `en`), on disk or `s3://`; it is replaced. `say` gets the name
    of each stage when it begins. Raises `ConfigError` without a library of the extra `legal`, `OutputError`
    if a page cannot be written, and the errors of `gather`.
    """
    for name in ("jinja2", "altair", "vl_convert"):
        library(name, "report")
    from presswatch_spark.legal.report.page import page_of

    for path in pages.values():
        # Browsers show a file as a page only if its name ends so.
        if not path.endswith(SUFFIX):
            raise OutputError("the report is an HTML file", where=path, remedy=f"call it PAGE{SUFFIX}")
    found = gather(order, say)
    for language, path in pages.items():
        say(sentence(N_("writing the page ({language})"), language=language))
        uri = canonical(path)
        with disk_errors(uri):
            write_object(uri, page_of(found, language).encode(), order.storage, private=True)


def gather(order: ReportOrder, say: Callable[[Sentence], None] = lambda news: None) -> Gathered:
    """Query the tables for all questions, and read the examples again from their shards.

    Raises the errors of `answers_of`, `OutputError` if a table differs from its published form,
    `BrokenCaseError`, or `CorpusError`.
    """
    storage, corpus = order.storage, order.corpus
    store = TableStore.open(order.tables, storage)
    engine = engine_of(store, order.engine)
    newest = store.made("claims")[-1:]
    claims = next((row for row in store.rows("derivations") if row["run_id"] in newest), None)
    left_out = OF_ROWS if claims else OF_CLAIMS
    if not store.made("changes"):
        left_out |= {"changes"}
    say(sentence(N_("querying the tables")))
    asked = [name for name in QUESTIONS if name not in left_out]
    found = answers_of(store, [QUESTIONS[name] for name in asked], engine)
    answers = {
        name: [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        for name, answer in zip(asked, found, strict=True)
    }
    say(sentence(N_("reading the examples again")))
    registry = Corpus.open(corpus, check=False, storage=storage).registry if corpus else None
    exposed = Exposed.of(store, load_exposures(None, storage), engine)
    # Candidates come strongest first. Put the strongest one of each article before all others.
    candidates = answers["examples"]
    strongest = {each["article_id"]: str(each["row_sha256"]) for each in reversed(candidates)}.values()
    rows = sorted((str(each["row_sha256"]) for each in candidates), key=lambda row: row not in strongest)
    examples = list[ExplainedRow | str]()
    for row in rows[:EXAMPLES]:
        # An example that cannot be read must not prevent the report.
        try:
            examples.append(explained_row(order.tables, row, corpus, storage, order.mirrors))
        except PresswatchError as error:
            examples.append(str(error))
    return Gathered(
        order=replace(order, tables=canonical(order.tables), corpus=corpus and canonical(corpus)),
        made_at=datetime.now(UTC),
        engine=engine,
        tool_version=__version__,
        answers=answers,
        claims=claims,
        runs=sorted(store.rows("runs"), key=lambda run: str(run["run_id"])),
        unfinished=sum(1 for _ in unfinished_runs(store)),
        examples=examples,
        removal=CaseStatus.of(RemovalCase.open(order.case, storage)) if order.case else None,
        recipients=tuple(load_recipients().values()) if order.case else (),
        exposed=exposed,
        exposures=list(exposed.totals()),
        titles={title.id: title.name for title in registry.titles.values()} if registry else {},
        publishers={each.id: each.name for each in registry.publishers} if registry else {},
    )
