"""Makes the report, a page of HTML: gathers its content from the tables, and writes it in some languages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from presswatch_spark.claims.exposures import Exposed, load_exposures
from presswatch_spark.claims.narrative import ExplainedRow, case_of
from presswatch_spark.core.errors import OutputError, PresswatchError
from presswatch_spark.core.extras import library
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.notices.parties import Recipient, load_recipients
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.report.questions import QUESTIONS, Rows, ask
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.query.sql import engine_of
from presswatch_spark.scanning.runs.unfinished import unfinished_runs
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.objects import StorageOptions, write_object
from presswatch_spark.storage.uris import canonical
from presswatch_spark.tables.store import TableStore

SUFFIX = ".html"
EXAMPLES = 5
OF_CLAIMS, OF_ROWS = frozenset({"reservations", "reasons"}), frozenset({"reasons_of_rows"})
"""Names of `QUESTIONS` that are queried only if there are claims, or only if there are none."""


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

    Raises `OutputError` if a table differs from its published form, `BrokenCaseError`, or `CorpusError`.
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
    answers = ask(store, (name for name in QUESTIONS if name not in left_out), engine)
    say(sentence(N_("reading the examples again")))
    read_case = partial(case_of, order.tables, corpus_path=corpus, storage=storage, mirrors=order.mirrors)
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
            examples.append(read_case(row))
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
