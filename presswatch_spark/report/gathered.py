"""Gathers what the page says, once for both languages: answers of queries, examples, runs and versions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.queries.sql import engine_of
from presswatch_spark.report.examples import Example, examples_of
from presswatch_spark.report.exposures import Exposures, exposures_of
from presswatch_spark.report.questions import QUESTIONS, AnsweredQuestion, ask
from presswatch_spark.report.removals import FollowedCase, NoticeRecipient, followed
from presswatch_spark.runs.unfinished import unfinished_runs
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import canonical
from presswatch_spark.tables.store import TableStore
from presswatch_spark.version import __version__

OF_CLAIMS = frozenset({"reservations", "reasons"})
OF_CHANGES = frozenset({"changes"})
OF_ROWS_ALONE = frozenset({"reasons_of_rows"})


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the page says of `tables`, which are an absolute path or a URI, as `corpus` is.

    `answers` are by the name of their question; one about claims or changes is missing where there are none.
    `claims`: the row of `derivations` that published the claims, None if there are none. `unfinished`: runs
    that were begun and not published. `removal`: how the case stands, None if none was given.
    `titles` and `publishers`: names by id, empty without a corpus.
    """

    tables: str
    made_at: datetime
    engine: str
    tool_version: str
    answers: Mapping[str, AnsweredQuestion]
    claims: Mapping[str, Any] | None
    runs: Sequence[Mapping[str, Any]]
    unfinished: int
    examples: Sequence[Example]
    removal: FollowedCase | None
    exposure: Exposures
    titles: Mapping[str, str]
    publishers: Mapping[str, str]
    corpus: str | None = None
    mirrors: Sequence[Mirror] = ()

    def rows(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Return the rows of an answer; none of a question that was not asked."""
        found = self.answers.get(name)
        return found.rows if found else ()

    def first(self, name: str) -> Mapping[str, Any]:
        """Return the one row of an answer."""
        return self.answers[name].rows[0]


def gather(
    tables: str,
    storage: StorageOptions,
    *,
    case: str | None = None,
    recipients: Sequence[NoticeRecipient] = (),
    corpus: str | None = None,
    mirrors: Sequence[Mirror] = (),
    engine: str = "auto",
    say: Callable[[str], None] = lambda news: None,
) -> Gathered:
    """Ask all questions of the tables, and read the examples again from their files.

    Args:
        case: a case of removal, whose places are counted, for each of `recipients`.
        corpus: the corpus of the scan: names of titles and publishers, and texts of articles.
        mirrors: where the files of the datasets lie today.
        engine: one of `engines.ENGINES`.
        say: gets the name of each stage when it begins.

    Raises:
        OutputError: `tables` is no folder of tables, or one of them is not as it was published.
        BrokenCaseError: the case is not as it was written.
        CorpusError: there is no sound corpus.
    """
    store = TableStore.open(tables, storage)
    chosen = engine_of(store, engine)
    claims = _judgement(store)
    left_out = (OF_ROWS_ALONE if claims else OF_CLAIMS) | (
        frozenset() if store.made("changes") else OF_CHANGES
    )
    say("asking the tables")
    answers = ask(store, (name for name in QUESTIONS if name not in left_out), chosen)
    say("reading the examples again")
    registry = Corpus.open(corpus, check=False, storage=storage).registry if corpus else None
    return Gathered(
        tables=canonical(tables),
        made_at=datetime.now(UTC),
        engine=chosen,
        tool_version=__version__,
        answers=answers,
        claims=claims,
        runs=sorted(store.rows("runs"), key=lambda run: str(run["run_id"])),
        unfinished=sum(1 for _ in unfinished_runs(store)),
        examples=examples_of(answers["examples"].rows, tables, corpus, storage, mirrors),
        removal=followed(case, storage, recipients) if case else None,
        exposure=exposures_of(store, chosen, storage),
        titles={title.id: title.name for title in registry.titles.values()} if registry else {},
        publishers={each.id: each.name for each in registry.publishers} if registry else {},
        corpus=canonical(corpus) if corpus else None,
        mirrors=tuple(mirrors),
    )


def _judgement(store: TableStore) -> Mapping[str, Any] | None:
    """Return the row that published the newest claims."""
    made = store.made("claims")
    rows = [row for row in store.rows("derivations") if row["run_id"] in made[-1:]]
    return rows[0] if rows else None
