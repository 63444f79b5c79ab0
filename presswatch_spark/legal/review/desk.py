"""The desk of a reviewer: the claims to judge, filters that select among them, and the file of verdicts."""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from threading import Lock
from typing import Self
from urllib.parse import urlencode

from presswatch_spark.claims.reviews import VERDICTS, Review, reviews_in, whole_lines
from presswatch_spark.claims.row_facts import ExplainedRow, explained_row
from presswatch_spark.claims.selection import LICENSED, newest_claims, require_claims
from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from presswatch_spark.core.translation import LANGUAGES, Translator
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.host_limits import forget_hosts
from presswatch_spark.storage.locks_and_leases import GuardedObject
from presswatch_spark.storage.objects import ConflictError, StorageOptions, canonical, shown_uri
from presswatch_spark.tables.column_values import CONFIDENCES
from presswatch_spark.tables.confidence_reasons import REASONS
from presswatch_spark.tables.declarations import Claim
from presswatch_spark.tables.store import TableStore

NONE, DISPUTED, ANY = "none", "disputed", "any"
STATES = (NONE, *VERDICTS, DISPUTED)
HOSTS_OFFERED = 300
"""Most hosts that the filter offers; any other can be typed."""
KEPT = 16
"""Cases to keep in memory: a page of 200,000 words and its article take about 3 MB."""
TRIES = 50
"""Attempts to write a verdict while other processes write to the same file."""
_secret = partial(secrets.token_urlsafe, 32)
_READ = [
    "row_sha256", "run_id", "kind", "confidence", "document_host", "title_id", "reasons", "review",
    "copied_words",
]  # fmt: skip
"""Columns of the claims that the desk lists, and filters."""


class ReviewFile(GuardedObject):
    """A file of verdicts on disk or S3, by its canonical URI. Verdicts are only appended."""

    @classmethod
    def of(cls, path: str, storage: StorageOptions) -> Self:
        """Return the file at a path, which need not exist yet; `ConfigError` if its name is not `.jsonl`."""
        uri = canonical(path)
        if not uri.endswith(".jsonl"):
            raise ConfigError(
                "verdicts are added to JSONL only",
                where=shown_uri(path),
                remedy="pass a file that ends in .jsonl",
            )
        return cls(uri, storage)

    def __str__(self) -> str:
        return shown_uri(self.uri)

    def reviews(self) -> list[Review]:
        """Return all verdicts, in the order in which they were added; `ConfigError` lists mistakes."""
        found = self.read()
        return reviews_in(self.uri, found.data) if found else []

    def add(self, row: str, verdict: str, reviewer: str, note: str) -> Review:
        """Append a verdict, and return it once it is stored.

        The whole file is replaced, but only if it has not changed since it was read. Raises `OutputError` if
        an existing verdict on the row has a later time and would override this one, or other processes never
        stop writing; `ConfigError` if the file has mistakes; `StorageError` if it cannot be written.
        """
        for _ in range(TRIES):
            found, now = self.read(), datetime.now(UTC)
            data = found.data if found else b""
            if any(each.row_sha256 == row and each.at >= now for each in reviews_in(self.uri, data)):
                raise OutputError(
                    "a verdict on this row is dated in the future, and would count instead of yours",
                    where=str(self),
                    remedy="correct the clock of this machine",
                )
            added = Review(row, verdict, reviewer, now, note)
            kept = whole_lines(self.uri, data)
            missing_end = b"\n" if kept and not kept.endswith(b"\n") else b""
            whole = kept + missing_end + added.line()
            try:
                self.write(whole, found, private=True)
            except ConflictError:
                continue
            return added
        raise OutputError("other processes kept writing", where=str(self), remedy="save the verdict again")


def by_row(reviews: Iterable[Review]) -> dict[str, list[Review]]:
    """Return the verdicts of each row, oldest first; for equal times, in the order of the file."""
    found = dict[str, list[Review]]()
    for review in sorted(reviews, key=lambda each: each.at):
        found.setdefault(review.row_sha256, []).append(review)
    return found


def states_of(verdicts: Mapping[str, list[Review]]) -> dict[str, str]:
    """Return the state of each row: its newest verdict, or `disputed` if reviewers' newest ones differ."""
    return {
        row: DISPUTED
        if len({review.verdict for review in {each.reviewer: each for each in given}.values()}) > 1
        else given[-1].verdict
        for row, given in verdicts.items()
    }


@dataclass(slots=True)
class Session:
    """The secrets of a review, and the verdicts given in it (`judged`), oldest first.

    `token` opens the page once; then the browser gets `cookie`; each HTML form contains `form`.
    """

    token: str = field(default_factory=_secret)
    cookie: str = field(default_factory=_secret)
    form: str = field(default_factory=_secret)
    is_open: bool = False
    judged: list[Review] = field(default_factory=list)

    def opens(self, token: str) -> bool:
        """Open the session and return True if the token is right and was not used before."""
        is_right = same(token, self.token) and not self.is_open
        self.is_open = self.is_open or is_right
        return is_right

    def knows(self, cookie: str) -> bool:
        """Return whether the session is open and the cookie is its own."""
        return same(cookie, self.cookie) and self.is_open


def same(given: str, secret: str) -> bool:
    """Return whether a text is the secret, in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


@dataclass(frozen=True, slots=True)
class DeskQuery:
    """The query of an address: filters, language, a row to show, or the row after which to continue.

    Letter or verdict `any`, and an empty text, select all claims.
    """

    language: str
    letter: str = "C"
    verdict: str = NONE
    host: str = ""
    title: str = ""
    reason: str = ""
    row: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], language: str) -> Self:
        """Parse a query; defaults and `language` replace unknown values."""
        choices = {"letter": (*CONFIDENCES, ANY), "verdict": (*STATES, ANY)}
        chosen = {name: query[name] for name, known in choices.items() if query.get(name) in known}
        texts = {name: query.get(name, "").strip() for name in ("host", "title", "reason", "row", "after")}
        named = query.get("lang", language)
        return cls(named if named in LANGUAGES else language, **chosen, **texts)

    def select(self, claim: Claim) -> bool:
        """Return whether a claim passes all filters but that for the verdict."""
        return (
            self.letter in (ANY, claim.confidence)
            and (not self.host or self.host == claim.document_host)
            and (not self.title or self.title == claim.title_id)
            and (not self.reason or self.reason in claim.reasons)
        )

    def address(self, **changes: str) -> str:
        """Return the address with the same filters and language, with changes."""
        filters = {name: getattr(self, name) for name in ("letter", "verdict", "host", "title", "reason")}
        values = {**filters, "lang": self.language, **changes}
        return f"/?{urlencode({name: value for name, value in values.items() if value})}"


@dataclass(frozen=True, slots=True)
class DeskPage:
    """The shown claim (None if none is left), the rows of its neighbours, and numbers.

    `number`: its place among `count` claims, through which `previous` and `next` lead. `left` of `all`
    claims that pass the filters have no verdict. `verdicts`: on its row, oldest first. `is_known`: False if
    the requested row is no claim here.
    """

    claim: Claim | None
    previous: str | None
    next: str | None
    number: int
    count: int
    left: int
    all: int
    verdicts: Sequence[Review]
    is_known: bool


@dataclass(frozen=True)
class Desk:
    """A review; `presswatch review` explains its parts.

    `claims`: the claims without a licence, sorted by host and by copied words, most first; `licensed`: number
    of the others. `titles`: names of titles by id. `explain`: reads the case of a row, as `explained_row`.
    """

    claims: Sequence[Claim]
    licensed: int
    file: ReviewFile
    reviewer: str
    titles: Mapping[str, str]
    explain: Callable[[str], ExplainedRow]
    language: str
    session: Session = field(default_factory=Session)
    _kept: OrderedDict[str, ExplainedRow] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Return the position of each claim by its `row_sha256`."""
        return {claim.row_sha256: position for position, claim in enumerate(self.claims)}

    def show(self, asked: DeskQuery) -> DeskPage:
        """Return the page for a query."""
        verdicts = by_row(self.file.reviews())
        given = states_of(verdicts)
        # Without a verdict in the file, the verdict with which the claim was made counts.
        states = {
            position: given.get(claim.row_sha256, claim.review or NONE)
            for position, claim in enumerate(self.claims)
            if asked.select(claim)
        }
        matching = [at for at, state in states.items() if asked.verdict in (ANY, state)]
        if asked.row in self.positions:
            position: int | None = self.positions[asked.row]
        else:
            last = self.positions.get(asked.after, -1)
            position = next((at for at in matching if at > last), matching[0] if matching else None)
        # Keep the claims of this session in the queue, so that the reviewer can go back to them, although
        # their new verdicts do not pass the filter.
        judged = {self.positions[each.row_sha256] for each in self.session.judged}
        queue = sorted({*matching, *(judged & states.keys()), *([] if position is None else [position])})
        place = queue.index(position) if position is not None else -1
        rows = [self.claims[at].row_sha256 for at in queue]
        return DeskPage(
            claim=self.claims[position] if position is not None else None,
            previous=rows[place - 1] if place > 0 else None,
            next=rows[place + 1] if 0 <= place < len(rows) - 1 else None,
            number=place + 1,
            count=len(rows),
            left=sum(state == NONE for state in states.values()),
            all=len(states),
            verdicts=verdicts.get(rows[place], ()) if position is not None else (),
            is_known=not asked.row or asked.row in self.positions,
        )

    def judge(self, row: str, verdict: str, note: str, seen: int) -> bool:
        """Write a verdict on a row; return whether others' came since the reviewer had `seen` that many.

        Raises `PresswatchError` if it was not written, such as after the loss of verdicts of this session.
        """
        gone = {*self.session.judged} - {*self.file.reviews()} if self.session.judged else ()
        if gone:
            raise OutputError(
                f"verdicts of this review that are no longer in the file: {len(gone):,}",
                where=str(self.file),
                remedy="put the file back from a copy; or end this review, and start it again",
            )
        added = self.file.add(row, verdict, self.reviewer, note)
        self.session.judged.append(added)
        reviewers = [each.reviewer for each in self.file.reviews() if each.row_sha256 == row]
        return any(each != self.reviewer for each in reviewers[seen:])

    def case(self, row: str) -> ExplainedRow:
        """Return the case of a row; thread-safe; raises the errors of `explained_row`.

        A case whose page could not be read names the reason, and is not cached.
        """
        with self._lock:
            if row not in self._kept:
                forget_hosts()
                case = self.explain(row)
                if case.page is None:
                    return case
                self._kept[row] = case
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(row)
            return self._kept[row]

    def choices(self, language: str) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return the values that filters offer, each with its label in a language."""
        _ = Translator(language)
        hosts = sorted({claim.document_host for claim in self.claims if claim.document_host is not None})
        titles = sorted({claim.title_id for claim in self.claims})
        codes = sorted({code for claim in self.claims for code in claim.reasons})
        return {
            "hosts": [(host, host) for host in hosts[:HOSTS_OFFERED]],
            "titles": [(title, self.titles.get(title, title)) for title in titles],
            "reasons": [(code, _(REASONS[code].label) if code in REASONS else code) for code in codes],
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
    """Open a review of the claims at `path`, a folder of claims, or a removal case, which names its folder.

    `reviews`: the JSONL file of verdicts. `corpus`: for articles and names of titles. `tables`: the folder of
    the scans; default: the one that the case names, or `path`. Raises `InputError` without claims or their
    rows, `ConfigError` if the file of verdicts has mistakes, `CorpusError`, or `BrokenCaseError`.
    """
    file = ReviewFile.of(reviews, storage)
    file.reviews()
    case = RemovalCase.at(path, storage)
    claims_at = str(case.about["claims"]) if case else path
    tables = tables or (str(case.about["tables"]) if case else path)
    judged, store = TableStore.open(claims_at, storage), TableStore.open(tables, storage)
    require_claims(judged)
    if not store.files("matches"):
        raise InputError(
            "the rows that the claims rest on are not here",
            where=str(store.root),
            remedy="pass the folder that the claims were made from with --tables",
        )
    found = newest_claims(judged, columns=_READ)
    if case:
        named = {target.row_sha256 for target in case.targets()}
        found = {row: claim for row, claim in found.items() if row in named}
    claims = [claim for claim in found.values() if claim.kind != LICENSED]
    claims.sort(key=lambda claim: (claim.document_host or "", -claim.copied_words, claim.row_sha256))
    registry = Corpus.open(corpus, check=False, storage=storage).registry if corpus else None
    return Desk(
        claims=claims,
        licensed=len(found) - len(claims),
        file=file,
        reviewer=reviewer,
        titles={title.id: title.name for title in registry.titles.values()} if registry else {},
        explain=partial(
            explained_row, tables, corpus_path=corpus, storage=storage, mirrors=mirrors, claims=claims_at
        ),
        language=language,
    )
