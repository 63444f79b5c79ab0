"""The desk of a reviewer: the claim that is shown, its neighbours, and the claims that are left."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from presswatch_spark.claims.reviews import Review
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import OutputError
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.review.access import Session
from presswatch_spark.review.docket import ANY, LETTERS, STATES, CaseReader, Docket, DocketClaim, Filters
from presswatch_spark.review.verdicts import NONE, ReviewFile, by_row, states_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.translation import LANGUAGES, Translator

HOSTS_OFFERED = 300
"""Hosts that the filter offers; any other can be typed."""


@dataclass(frozen=True, slots=True)
class DeskQuery:
    """The request of an address: filters, language, a row to show, or the row after which to continue."""

    filters: Filters
    language: str
    row: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], language: str) -> "DeskQuery":
        """Return the request of a query; unknown values are replaced by the defaults.

        Args:
            language: the language if the query names none.
        """
        usual = Filters()
        letter, verdict = query.get("letter", usual.letter), query.get("verdict", usual.verdict)
        filters = Filters(
            letter if letter in (*LETTERS, ANY) else usual.letter,
            verdict if verdict in (*STATES, ANY) else usual.verdict,
            *(query.get(name, "").strip() for name in ("host", "title", "reason")),
        )
        said = query.get("lang", language)
        return cls(
            filters, said if said in LANGUAGES else language, query.get("row", ""), query.get("after", "")
        )

    def address(self, **changes: str) -> str:
        """Return the address of the same filters and language, with changes."""
        values = {**asdict(self.filters), "lang": self.language, **changes}
        return f"/?{urlencode({name: value for name, value in values.items() if value})}"


@dataclass(frozen=True, slots=True)
class DeskPage:
    """The claim that is shown, None if no claim is left; the rows of its neighbours, and numbers.

    `number`: its place among the `count` claims that previous and next lead through. `left` of `all` claims
    of the filters are without a verdict. `verdicts`: those on its row, oldest first.
    """

    claim: DocketClaim | None
    previous: str | None
    next: str | None
    number: int
    count: int
    left: int
    all: int
    verdicts: Sequence[Review]
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of a review; the command explains them. `titles`: names of titles by id."""

    docket: Docket
    file: ReviewFile
    reader: CaseReader
    reviewer: str
    titles: Mapping[str, str]
    language: str
    session: Session

    def show(self, asked: DeskQuery) -> DeskPage:
        """Return the page of an address; `is_known` is False if it requests a row that is no claim here."""
        verdicts, docket = by_row(self.file.read()), self.docket
        states = docket.select(asked.filters, states_of(verdicts))
        matching = [at for at, state in states.items() if asked.filters.verdict in (ANY, state)]
        if asked.row in docket.positions:
            position: int | None = docket.positions[asked.row]
        else:
            last = docket.positions.get(asked.after, -1)
            position = next((at for at in matching if at > last), matching[0] if matching else None)
        # A reviewer who goes back finds the claims just judged, though the filter leaves them out by now.
        judged = {docket.positions[each.row_sha256] for each in self.session.judged}
        queue = sorted({*matching, *(judged & states.keys()), *([] if position is None else [position])})
        place = queue.index(position) if position is not None else -1
        rows = [docket.claims[at].row_sha256 for at in queue]
        return DeskPage(
            claim=docket.claims[position] if position is not None else None,
            previous=rows[place - 1] if place > 0 else None,
            next=rows[place + 1] if 0 <= place < len(rows) - 1 else None,
            number=place + 1,
            count=len(rows),
            left=sum(state == NONE for state in states.values()),
            all=len(states),
            verdicts=verdicts.get(rows[place], ()) if position is not None else (),
            is_known=not asked.row or asked.row in docket.positions,
        )

    def judge(self, row: str, verdict: str, note: str, seen: int) -> bool:
        """Write a verdict on a row; return whether there were more verdicts by then than the `seen` ones.

        Raises:
            PresswatchError: it was not written; among others, if verdicts of this session are gone.
        """
        gone = {*self.session.judged} - {*self.file.read()} if self.session.judged else ()
        if gone:
            raise OutputError(
                f"verdicts of this review that are no longer in the file: {len(gone):,}",
                where=str(self.file),
                remedy="put the file back from a copy; or end this review, and start it again",
            )
        added = self.file.add(row, verdict, self.reviewer, note)
        self.session.judged.append(added)
        return len(by_row(self.file.read())[row]) - 1 > seen

    def choices(self, language: str) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return the values that filters offer, each with its name in a language."""
        docket, _ = self.docket, Translator(language)
        labels = {code: _(reason.label) for code, reason in REASONS.items()}
        return {
            "hosts": [(host, host) for host in docket.host_names[:HOSTS_OFFERED]],
            "titles": [(title, self.titles.get(title, title)) for title in docket.title_ids],
            "reasons": [(code, labels.get(code, code)) for code in docket.codes],
        }


def open_desk(
    path: str,
    reviews: str,
    reviewer: str,
    storage: StorageOptions,
    corpus: str | None = None,
    tables: str | None = None,
    mirrors: Sequence[Mirror] = (),
    *,
    language: str = "fr",
) -> Desk:
    """Open a review of the claims at `path`.

    Args:
        path: claims or a case of removal, and `tables`: see `Docket.open`.
        reviews: the JSONL file that verdicts are added to.
        corpus: the corpus of the scans; None: articles and names of titles are not at hand.

    Raises:
        InputError: there are no claims, or no rows that they rest on.
        ConfigError: the file of verdicts has mistakes, or is no JSONL.
        CorpusError: there is no sound corpus.
    """
    file = ReviewFile.of(reviews, storage)
    file.read()
    docket = Docket.open(path, storage, tables)
    registry = Corpus.open(corpus, check=False, storage=storage).registry if corpus else None
    return Desk(
        docket=docket,
        file=file,
        reader=CaseReader(docket, corpus, storage, mirrors),
        reviewer=reviewer,
        titles={title.id: title.name for title in registry.titles.values()} if registry else {},
        language=language,
        session=Session(),
    )
