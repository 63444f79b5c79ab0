"""The whole case of a row, from the tables, the corpus and the shard."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow.compute as pc

from presswatch_spark.claims.letters import OWN_KINDS
from presswatch_spark.claims.mandates import mandate_of, rights_of
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import InputError
from presswatch_spark.judgement.page_copies import copy_at
from presswatch_spark.model import Title
from presswatch_spark.pointers.audit import Audit, row_by_digest, table_of
from presswatch_spark.pointers.checks import Failure
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.queries.reservations import OwnSites, pages_read
from presswatch_spark.rights.declaration import UNKNOWN, place_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import canonical
from presswatch_spark.tables.declarations import Claim, Match
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class ExplainedRow:
    """The case of a row of `matches` on the day `as_of`, with its claim, if there is one.

    `article`: its text, unless the corpus lacks it. `page`: the document's text; without it, `page_missing`
    is the reason. `shard`: canonical URI. `config`: the settings of the run. The last three are as in
    `claims`.
    """

    row: Match
    claim: Claim | None
    publisher: Publisher | None
    title: Title | None
    article: str | None
    page: str | None
    page_missing: Failure | None
    shard: str
    config: dict[str, Any]
    as_of: date
    mandate: str
    rights: Sequence[str]
    reservation: str

    @property
    def letter(self) -> str:
        """Return the claim's letter; the row's own without a claim."""
        return self.claim.confidence if self.claim else self.row.confidence

    @property
    def own_site(self) -> bool | None:
        """Return whether the page is on a site of the publisher, by the claim or the row."""
        return True if self.claim and self.claim.kind in OWN_KINDS else self.row.own_site

    @property
    def on_member_site(self) -> bool:
        """Return whether the page is on another member's site, by its run or its claim."""
        reprint = self.claim is not None and self.claim.kind == "reprint"
        return self.own_site is False and bool(reprint or self.row.site_title_id)

    @property
    def is_page_copy(self) -> bool:
        """Return whether an archive, a cache or a translator serves the page."""
        return copy_at(self.row.document_url or "") is not None

    @property
    def reasons(self) -> Sequence[str] | None:
        """Return the codes of the claim's reasons, or of the row's own, if its run noted them."""
        return self.claim.reasons if self.claim else self.row.confidence_reasons


def case_of(
    tables: str,
    prefix: str,
    corpus_path: str | None,
    storage: StorageOptions,
    mirrors: Sequence[Mirror] = (),
    as_of: date | None = None,
    claims: str | None = None,
) -> ExplainedRow:
    """Gather the case of the row of `matches` whose `row_sha256` begins with `prefix`.

    `claims`: the folder of claims, if not `tables`; `as_of`: the day of judgement, if not that of the claim
    or today. Raises `InputError` if there is no such row or claim, or several, and `CorpusError`.
    """
    store = TableStore.open(tables, storage)
    row = row_by_digest(store, prefix)
    if not isinstance(row, Match):
        raise InputError(f"the row is one of {table_of(row)}", where=tables, remedy="give a row of matches")
    judged = TableStore.open(claims, storage) if claims else store
    wanted = pc.field("row_sha256") == row.row_sha256
    of_row = Claim.from_batches(judged.open_table("claims").to_table(filter=wanted))
    # If its own run has none, that of another run's same row.
    claim = min(of_row, key=lambda each: each.run_id != row.run_id, default=None)
    if claims and claim is None:
        remedy = "make claims of all runs: `presswatch claims`"
        raise InputError("no claim is of this row", where=claims, remedy=remedy)
    judged_on = date.fromisoformat(claim.as_of) if claim else datetime.now(UTC).date()
    day = as_of or judged_on
    (verdict,) = Audit(store, storage, mirrors).verdicts([row])
    record = verdict.record
    corpus = Corpus.open(corpus_path, check=False, storage=storage) if corpus_path else None
    publisher, title = owner(corpus, row)
    (run,) = store.read("runs", row.run_id, columns=["config"]).to_pylist()
    published, captured = row.article_published_at, row.captured_at
    reservation = claim.reservation if claim else UNKNOWN
    if claim is None and (place := place_of(row.article_url or "")):
        signals = store.open_table("rights_signals").to_table(filter=pc.field("host") == place.host)
        sites = OwnSites(signals, pages_read(store, row.article_id))
        reservation = sites.status(row.article_url, captured)
    # A claim was judged for its own day.
    as_claimed = claim if day == judged_on else None
    return ExplainedRow(
        row=row,
        claim=claim,
        publisher=publisher,
        title=title,
        article=article_of(corpus, row),
        page=record.text.decode("utf-8", "replace") if record and not verdict.failure else None,
        page_missing=verdict.failure,
        shard=canonical(row.shard_uri),
        config=json.loads(run["config"]),
        as_of=day,
        mandate=as_claimed.mandate if as_claimed else mandate_of(publisher, day),
        rights=as_claimed.rights if as_claimed else rights_of(published, captured, day, publisher),
        reservation=reservation,
    )


def owner(corpus: Corpus | None, row: Match) -> tuple[Publisher | None, Title | None]:
    """Return publisher and title of a row, as far as a corpus knows them."""
    if corpus is None:
        return None, None
    return corpus.registry.by_id.get(row.publisher_id), corpus.registry.titles.get(row.title_id)


def article_of(corpus: Corpus | None, row: Match) -> str | None:
    """Return the article's text if the corpus has it, and it is the one that the scan had."""
    ordinal = corpus.ordinal_of(row.article_id) if corpus and row.article_id else None
    if corpus is None or ordinal is None:
        return None
    body = corpus.body(ordinal)
    return body.decode("utf-8") if hashlib.sha256(body).hexdigest() == row.article_sha256 else None
