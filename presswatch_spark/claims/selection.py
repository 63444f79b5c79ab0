"""Selection: the claims of a document (evidence, notice, removal case, report), their pages and readings.

A `ClaimSource` supplies the facts: tables, a removal case, or a sealed bag (`legal.evidence.sources`). A
*page* is an address in a release: its URL, or the digest of its text if the URL is unknown. A *capture* is
a page at a time. A *record* is the bytes of a capture in one file. A *claim* is an article on a page; if only
the site is known, the title replaces the article. `query.views` has the same keys in SQL.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any

import pyarrow.compute as pc

from presswatch_spark.claims.reviews import given_rows
from presswatch_spark.core.errors import InputError, PresswatchError
from presswatch_spark.core.terminal import counted
from presswatch_spark.matching.reservations.in_force import InForce
from presswatch_spark.query.pointers.audit import Audit, rows_with
from presswatch_spark.query.pointers.pointer import Mirror, mirrored, on_site
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import SHA256, scheme_of, shown_uri
from presswatch_spark.tables.declarations import Claim, Match, RightsSignal, Target
from presswatch_spark.tables.store import TableStore

Key = tuple[Any, ...]

LETTERS = ("A", "B")
"""Letters of claims that are selected by default."""
LICENSED = "licensed"
ROWS_NAMED = 3

REMOVED, UNREAD, UNSEALED = "removed", "read by no scan", "different from their rows in the bag"
WORDLESS, DOUBTFUL = "without copied words", "doubtful"
"""Reasons for leaving out places; `LICENSED` is another one."""
LISTED = "listed for another claim"
"""Reason why a target gives no place of its own: another target is in the same record. It is not counted."""

SIDES: Mapping[str, tuple[str, ...]] = {"both": ("before", "after"), "before": ("before",)}
"""By reservation in force at a capture, the sides of the capture whose declarations state it."""

DISK, COPY, PLACE = "disk", "copy", "place"
"""Origins of the bytes of a reading: a local disk, a copy at another address, or the named file itself."""


@dataclass(frozen=True, slots=True)
class RecordReading:
    """A successful reading of a record: its bytes matched the row. `file`: a URI, empty if unknown."""

    at: datetime
    file: str

    def source(self, file: str) -> str:
        """Return `place` if the bytes came from `file` itself, `disk` if from a local file, else `copy`."""
        if not self.file or scheme_of(self.file) == "file":
            return DISK
        return PLACE if on_site(self.file) == on_site(shown_uri(file)) else COPY


def page_of(row: Match | Target) -> Key:
    """Return the key of a row's page."""
    address = row.document_url if row.document_url is not None else row.text_sha256
    return row.release, row.row_sha256 if address is None else address


def capture_of(row: Match) -> Key:
    """Return the key of a row's capture."""
    return *page_of(row), row.captured_at


def record_of(row: Match) -> Key:
    """Return the key of a row's record; if its place in the file is unknown, the URL is part of the key."""
    place = row.shard_uri, row.record_offset, row.row_index
    return (*place, row.document_url) if place[1:] == (None, None) else place


def article_on_page(row: Match | Target) -> Key:
    """Return the key of a row's claim."""
    return row.article_id, None if row.article_id else row.title_id, *page_of(row)


def claims_of_targets(targets: Iterable[Target]) -> dict[str, Key]:
    """Return the claims of the rows of a case, by `row_sha256`."""
    own = (target for target in targets if target.place == "record")
    return {target.row_sha256: article_on_page(target) for target in own}


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """Counts over some rows. Unknown addresses and hosts are not counted."""

    rows: int
    addresses: int
    pages: int
    captures: int
    records: int
    claims: int
    articles: int
    hosts: int

    @classmethod
    def of(cls, rows: Collection[Match], hosts: Iterable[str | None]) -> "ClaimFigures":
        """Count rows of `matches`, and the distinct pages, captures and so on; `hosts`: of the rows."""
        urls, articles = (row.document_url for row in rows), (row.article_id for row in rows)
        keys = map(page_of, rows), map(capture_of, rows), map(record_of, rows), map(article_on_page, rows)
        return cls(len(rows), *(len({*each} - {None}) for each in (urls, *keys, articles, hosts)))


@dataclass(frozen=True, slots=True)
class Choice:
    """The claims to select: those of `rows` (by `row_sha256`), or those with these letters."""

    rows: frozenset[str] = frozenset()
    confidences: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str | None, confidences: Sequence[str], storage: StorageOptions) -> "Choice":
        """Read a file of rows, or take letters; raises the errors of `rows_in`."""
        return cls(frozenset(rows_in(path, storage)) if path else frozenset(), tuple(confidences))

    def __bool__(self) -> bool:
        """Return whether rows or letters are named."""
        return bool(self.rows or self.confidences)


@dataclass(frozen=True, slots=True)
class Selection:
    """Claims of a source and their rows of `matches`, both by `row_sha256`.

    `store`: the tables of the rows; `judged`: the tables of the claims. `declared`: the declarations in force
    at the capture of each row. `licensed`: number of claims left out because a licence covers their page.
    """

    source: "ClaimSource"
    store: TableStore
    judged: TableStore
    claims: Mapping[str, Claim]
    rows: Mapping[str, Match]
    declared: Mapping[str, InForce]
    licensed: int

    @property
    def runs(self) -> list[str]:
        """Return the runs that found the rows."""
        return sorted({row.run_id for row in self.rows.values()})

    def signals(self) -> list[RightsSignal]:
        """Return the rows of `rights_signals` that the declarations in force come from, each once."""
        sides = [side for each in self.declared.values() for side in (each.before, each.after)]
        signals = (side.row for side in sides if side and side.row)
        return list({signal.row_sha256: signal for signal in signals}.values())

    def figures(self) -> ClaimFigures:
        """Return the figures of all claims."""
        return self._figures(self.rows.values())

    def figures_by_letter(self) -> dict[str, ClaimFigures]:
        """Return the figures by letter; a page counts with the letter of its strongest row."""
        strongest = dict[Key, str]()
        for row in self.rows.values():
            letter, page = self.claims[row.row_sha256].confidence, page_of(row)
            strongest[page] = min(letter, strongest.get(page, letter))
        return self.figures_by(lambda row: strongest[page_of(row)])

    def figures_by(self, key: Callable[[Match], str]) -> dict[str, ClaimFigures]:
        """Return the figures by a key of rows, in order of the key."""
        groups = groupby(sorted(self.rows.values(), key=key), key)
        return {name: self._figures(list(rows)) for name, rows in groups}

    def _figures(self, rows: Collection[Match]) -> ClaimFigures:
        hosts = (row.document_host or self.claims[row.row_sha256].document_host for row in rows)
        return ClaimFigures.of(rows, hosts)


def rows_of_claims(store: TableStore, claims: Collection[str]) -> dict[str, Match]:
    """Return the rows of `matches` for claims, by `row_sha256`; `InputError` if some are missing."""
    found = list(rows_with(store, "row_sha256", claims))
    # A digest may occur several times: keep the row of the newest run, there of the weakest letter, then of
    # the first shard. The dict keeps the last one.
    found.sort(key=lambda row: row.shard_uri, reverse=True)
    found.sort(key=lambda row: (row.run_id, str(row.confidence)))
    rows = {row.row_sha256: row for row in found}
    require_rows(set(claims) - rows.keys(), str(store.root))
    return rows


def chosen_claims(judged: TableStore, choice: Choice) -> tuple[dict[str, Claim], int]:
    """Return the chosen claims by `row_sha256`, and the number of those left out as licensed.

    Raises `InputError` if there are no claims, a wanted row has none, or only licensed ones are chosen.
    """
    require_claims(judged)
    letters = pc.field("confidence").isin(choice.confidences or LETTERS)
    wanted = pc.field("row_sha256").isin(sorted(choice.rows)) if choice.rows else letters
    found = newest_claims(judged, wanted)
    if lost := choice.rows - found.keys():
        raise InputError(
            f"selected rows without a claim ({len(lost):,}): {', '.join(sorted(lost)[:ROWS_NAMED])}",
            where=str(judged.root),
            remedy="make the claims again, or remove these rows",
        )
    left = {row: claim for row, claim in found.items() if claim.kind != LICENSED}
    # Licences cover hosts, so licensed pages have a known URL: count distinct claims by it.
    out = (found[row] for row in found.keys() - left.keys())
    licensed = len({(each.article_id, each.title_id, each.release, each.document_url) for each in out})
    if not left:
        reason = f"contains only licensed claims ({licensed:,})" if licensed else "is empty"
        raise InputError(
            f"no claim is left to follow: the selection {reason}",
            where=str(judged.root),
            remedy="choose other --rows, or other letters with --confidence",
        )
    return left, licensed


def is_refuted(claim: Claim) -> bool:
    """Return whether a licence covers the page, or a person's verdict is against the claim."""
    return claim.kind == LICENSED or claim.review == "no_claim"


@dataclass(frozen=True, slots=True)
class ClaimPlace:
    """A record with words of a claim's article: its target in a case, and its row of `matches`.

    `target`: names the claim for which it was selected. `claim`: the claim of its own row, if there is one.
    `file`: the public address of its file. `readings`: readings of its record after the scan.
    """

    target: Target
    row: Match
    claim: Claim | None
    file: str
    readings: tuple[RecordReading, ...] = ()

    @property
    def host(self) -> str | None:
        """Return the host of its page, if its own claim states it."""
        return self.claim.document_host if self.claim else None

    @property
    def reading(self) -> RecordReading | None:
        """Return the reading to cite: the newest of the place itself, else the newest of a copy, if any."""
        own, readings = self.file, self.readings
        return max(readings, key=lambda each: (each.source(own) == PLACE, each.at), default=None)

    @property
    def is_doubtful(self) -> bool:
        """Return whether its own claim is missing or too weak for a notice."""
        claim = self.claim
        if claim is None or claim.confidence == "D" or is_refuted(claim):
            return True
        return claim.confidence == "C" and claim.review != "claim"

    @property
    def order(self) -> tuple[str, int, int, str]:
        """Return its sort key: by file and place in the file."""
        places = self.row.record_offset, self.row.row_index
        offset, number = (-1 if each is None else each for each in places)
        return self.file, offset, number, self.row.row_sha256


@dataclass(frozen=True, slots=True)
class PlaceSelection:
    """The places that a letter may name: each once, sorted by file and place in the file.

    `reasons`: the reason for leaving out each other target, by its digest. `licensed`: number of claims that
    a licence leaves out. `mirrors`: public addresses of files that were scanned from a copy.
    """

    source: "ClaimSource"
    places: tuple[ClaimPlace, ...]
    reasons: Mapping[str, str]
    licensed: int
    mirrors: tuple[Mirror, ...]

    @property
    def left_out(self) -> Mapping[str, int]:
        """Return the number of places left out, by reason; for `licensed`, number of claims."""
        counts = Counter(reason for reason in self.reasons.values() if reason != LISTED)
        return {**({LICENSED: self.licensed} if self.licensed else {}), **counts}


class ClaimSource(ABC):
    """A folder from which claims and their places are selected.

    `kind`: `case`, `tables` or `bag`. `where`: its path. `claims_at`: the folder of the claims. `audit`:
    checks its rows. `judged`: the tables of the claims; None if a bag has them itself, as `own_claims` with
    `own_inputs`. `seal`: `bag_root`, `claims_root` and `sealed_at` of a bag; empty for other sources.
    """

    kind: str
    where: str
    claims_at: str
    audit: Audit
    judged: TableStore | None = None
    own_claims: Mapping[str, Claim] = MappingProxyType({})
    own_inputs: Mapping[str, Any] = MappingProxyType({})
    seal: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def select_claims(self, choice: Choice) -> Selection:
        """Select claims with their rows of `matches`; `InputError` if there are none."""

    @abstractmethod
    def targets(self, choice: Choice) -> tuple[Sequence[Target], dict[str, str], int]:
        """Return the targets of the chosen claims, reasons for leaving out some, and licensed claims.

        Reasons are by `target_sha256`.
        """

    @abstractmethod
    def matches(self, texts: Collection[str]) -> Iterable[Match]:
        """Return the rows of `matches` of documents with these texts (SHA-256)."""

    def readings(self, row: str, target: str) -> tuple[RecordReading, ...]:
        """Return the readings of a record, by its row of `matches` and its target; tables record none."""
        return ()

    @abstractmethod
    def declared(self, reservations: Mapping[str, str]) -> Iterator[RightsSignal]:
        """Yield the declarations by which the reservations of rows (by `row_sha256`) were in force."""

    def claims(self, rows: Collection[str]) -> dict[str, Claim]:
        """Return the claims of those rows that have one, by `row_sha256`."""
        if self.judged:
            return newest_claims(self.judged, pc.field("row_sha256").isin(sorted(rows)))
        return {row: self.own_claims[row] for row in rows if row in self.own_claims}

    def chosen_among(self, rows: Collection[str], choice: Choice) -> set[str]:
        """Return the chosen ones of `rows`, the claims of a case or bag; all of them without a choice.

        Letters are those of today. Raises `InputError` if a wanted row is not among `rows`.
        """
        if lost := choice.rows - set(rows):
            what = f"rows that are not in the {self.kind}: {', '.join(sorted(lost)[:ROWS_NAMED])}"
            raise InputError(what, remedy="remove them from --rows")
        chosen = set(choice.rows or rows)
        if letters := choice.confidences:
            return {row for row, claim in self.claims(chosen).items() if claim.confidence in letters}
        return chosen

    def read_again(self, places: Sequence[ClaimPlace], mirrors: Sequence[Mirror]) -> list[str]:
        """Read places again; return the `row_sha256` of those that match their rows."""
        checks = replace(self.audit, mirrors=mirrors).verdicts(place.row for place in places)
        return sorted({check.row.row_sha256 for check in checks if check.failure is None})

    def has_licences(self) -> bool:
        """Return whether the claims were made with a file of licences; False if that is unknown."""
        inputs = self.own_inputs
        try:
            if self.judged:
                run, rows = self.judged.made("claims")[-1], self.judged.rows("derivations")
                (inputs,) = [parse_json(row["inputs"]) for row in rows if row["run_id"] == run]
            return inputs["licences_digest"] is not None
        except (PresswatchError, ValueError, LookupError, TypeError):
            return False

    def select(self, choice: Choice, mirrors: Sequence[Mirror] = ()) -> PlaceSelection:
        """Select the places that a letter may name; `InputError` if none is left, or rows are missing."""
        selection = self.sift(choice, mirrors)
        if not selection.places:
            raise InputError(
                "no place remains whose removal can be requested",
                where=self.where,
                remedy="see `presswatch removal status`, or choose other claims",
            )
        return selection

    def sift(self, choice: Choice, mirrors: Sequence[Mirror] = ()) -> PlaceSelection:
        """Select the places that a letter may name, perhaps none; `InputError` if rows are missing.

        A place is left out if its claim is doubtful. A claim's own record with a weak letter is exempt: a
        caller that chose the claim answers for it, but nobody chose the claims of a bag without a choice of
        rows. `mirrors`: public addresses of files that were scanned from a copy.
        """
        chosen, reasons, licensed = self.targets(choice)
        # It is unknown whether records that no scan has read have words of an article.
        unread = (each.target_sha256 for each in chosen if each.copied_words is None)
        reasons |= {target: UNREAD for target in unread if target not in reasons}
        targets = [each for each in chosen if each.target_sha256 not in reasons]
        places = self._places(targets, mirrors)
        listed = {place.target.target_sha256 for place in places}
        reasons |= {each.target_sha256: LISTED for each in targets if each.target_sha256 not in listed}
        keeps_own, kept = bool(choice) or self.kind != "bag", list[ClaimPlace]()
        for place in places:
            target = place.target
            if not target.copied_words:
                # Letters state that records contain words of articles, which a match by URL does not prove.
                reasons[target.target_sha256] = WORDLESS
            elif place.is_doubtful and not (
                keeps_own and target.place == "record" and place.claim and not is_refuted(place.claim)
            ):
                reasons[target.target_sha256] = DOUBTFUL
            else:
                kept.append(place)
        return PlaceSelection(self, tuple(kept), reasons, licensed, tuple(mirrors))

    def _places(self, targets: Sequence[Target], mirrors: Sequence[Mirror]) -> list[ClaimPlace]:
        texts = {target.text_sha256 for target in targets if target.text_sha256 is not None}
        matches = {_record_key(row): row for row in self.matches(texts)}
        keys = {target.target_sha256: _record_key(target) for target in targets}
        lost = {each.row_sha256 for each in targets if keys[each.target_sha256] not in matches}
        require_rows(lost, self.where)
        claims = self.claims({matches[key].row_sha256 for key in keys.values()})
        places = dict[str, ClaimPlace]()
        # If a record is a claim's own and also a further place of another claim, keep the former.
        for target in sorted(targets, key=lambda each: each.place != "record"):
            row = matches[keys[target.target_sha256]]
            if (digest := row.row_sha256) not in places:
                readings = self.readings(digest, target.target_sha256)
                file = mirrored(target.shard_uri, mirrors)
                places[digest] = ClaimPlace(target, row, claims.get(digest), file, readings)
        return sorted(places.values(), key=lambda place: place.order)


def _record_key(row: Match | Target) -> Key:
    place = row.run_id, row.shard_uri, row.record_offset, row.row_index, row.record_id
    return *place, row.article_id, row.text_sha256


def newest_claims(
    judged: TableStore, wanted: pc.Expression | None = None, columns: Sequence[str] | None = None
) -> dict[str, Claim]:
    """Return one claim for each `row_sha256`: of the newest run, and there the one of weakest letter."""
    found = judged.open_table("claims").to_table(columns=columns, filter=wanted).to_pylist()
    found.sort(key=lambda claim: (claim["run_id"], claim["confidence"]))
    newest = {claim["row_sha256"]: claim for claim in found}
    return {row: Claim.from_dict(claim) for row, claim in newest.items()}


def require_claims(judged: TableStore) -> None:
    """Raise `InputError` if a folder has no claims."""
    if not judged.made("claims"):
        remedy = "make them (`presswatch claims`), and pass their folder"
        raise InputError("there are no claims here", where=str(judged.root), remedy=remedy)


def require_rows(lost: Collection[str], where: str) -> None:
    """Raise `InputError` if the tables lack rows of claims."""
    if lost:
        raise InputError(
            f"{counted(len(lost), 'claim')} rest on rows that are not in these tables, such as {min(lost)}",
            where=where,
            remedy="pass the tables that the claims were made from",
        )


def rows_in(path: str, storage: StorageOptions) -> set[str]:
    """Return the `row_sha256` in a file: one per line, or a column of CSV, JSONL or Parquet; `InputError`."""
    found = set[str]()
    # Digests are ASCII. Ignore errors of encoding: spreadsheets write other columns in any encoding.
    for number, row in given_rows(path, read_object(path, storage)[0], "replace"):
        digest = str(row.get("row_sha256") or "").strip()
        if not SHA256.fullmatch(digest):
            raise InputError(
                "there is no row_sha256 of 64 lowercase hexadecimal digits",
                where=f"{path}:{number}",
                remedy="write one per line, or pass CSV or JSONL with a column row_sha256",
            )
        found.add(digest)
    if not found:
        raise InputError("the file lists no row", where=path)
    return found
