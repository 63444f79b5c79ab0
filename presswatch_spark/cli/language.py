"""The language of what commands show: texts, counts, dates and numbers in English or French.

What programs read is in no language.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from presswatch_spark.terminal import NARROW_SPACE, cell, share_of, utc
from presswatch_spark.translation import Translator, p

if TYPE_CHECKING:
    from collections.abc import Iterable

LANGUAGES = ("en", "fr")


class Language(Translator):
    """One of `LANGUAGES`."""

    @property
    def is_french(self) -> bool:
        """Say whether it is French."""
        return self.language == "fr"

    def name(self, name: str) -> str:
        """Return the name of a column, a measure or a value; one without a French name stands for itself."""
        return self.word("column", name)

    def names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return several names."""
        return tuple(map(self.name, names))

    def share(self, share: float) -> str:
        """Return a share in whole percent, rounded down: only the whole is 100."""
        shown = share_of(share)
        return shown.replace("%", f"{NARROW_SPACE}%") if self.is_french else shown

    def day(self, day: date) -> str:
        """Return a day, or that of a moment in UTC: `2026-11-27`, in French `27/11/2026`."""
        if isinstance(day, datetime):
            day = utc(day).date()
        return f"{day:%d/%m/%Y}" if self.is_french else day.isoformat()

    def cell(self, value: object) -> str:
        """Return a value of a table as people read it."""
        if isinstance(value, datetime):
            return f"{self.day(value)} {utc(value):%H:%M:%S}"
        if self.is_french and isinstance(value, date):
            return self.day(value)
        if isinstance(value, bool) and self.is_french:
            _ = self
            return _("yes") if value else _("no")
        if self.is_french and isinstance(value, float):
            return cell(value).translate(_MARKS)
        return cell(value)


_MARKS = str.maketrans({",": NARROW_SPACE, ".": ","})
ENGLISH = Language()

# fmt: off
NAMES = (
    p("column", "row"), p("column", "letter"), p("column", "words"), p("column", "captured"),
    p("column", "where"), p("column", "publisher"), p("column", "host"), p("column", "headline"),
    p("column", "reason"), p("column", "run_id"), p("column", "finished_at"), p("column", "dataset"),
    p("column", "release"), p("column", "sample"), p("column", "shards_planned"),
    p("column", "shards_complete"), p("column", "shards"), p("column", "documents"), p("column", "matches"),
    p("column", "captures"), p("column", "rows"), p("column", "table_digest"), p("column", "under way"),
    p("column", "not finished"), p("column", "in the release"), p("column", "seen"),
    p("column", "estimate"), p("column", "at least"), p("column", "at most"), p("column", "in shards"),
    p("column", "bytes of text"), p("column", "matches, grade full_copy"),
    p("column", "matches, grade partial_copy"), p("column", "matches, grade extract"),
    p("column", "matches, grade url_only"), p("column", "matches, confidence A"),
    p("column", "matches, confidence B"), p("column", "matches, confidence C"),
    p("column", "matches, confidence D"), p("column", "documents with matches"),
    p("column", "documents with matches, own sites"), p("column", "documents with matches, elsewhere"),
    p("column", "documents with matches, site unknown"), p("column", "articles"),
    p("column", "articles, confidence A or B"), p("column", "kind"), p("column", "addresses"),
    p("column", "pages"), p("column", "claims"), p("column", "texts"), p("column", "hosts"),
    p("column", "all"), p("column", "own_page"), p("column", "own_page_copy"), p("column", "copy"),
    p("column", "reprint"), p("column", "licensed"), p("column", "a part"), p("column", "gated"),
    p("column", "leads back"), p("column", "files"), p("column", "columns"), p("column", "roles"),
    p("column", "upstream"), p("column", "size"), p("column", "caution"), p("column", "source"),
    p("column", "checked"), p("column", "by"), p("column", "model"), p("column", "extent"),
    p("column", "the publisher says"), p("column", "release named"), p("column", "whole"),
    p("column", "part"), p("column", "derived"), p("column", "pairs"), p("column", "state"),
    p("column", "doubt"), p("column", "gone"), p("column", "reduced"), p("column", "altered"),
    p("column", "moved"), p("column", "persists"), p("column", "new"), p("column", "reappeared"),
    p("column", "places"), p("column", "present"), p("column", "hidden"),
    p("column", "overwritten"), p("column", "dropped"), p("column", "withdrawn"), p("column", "superseded"),
    p("column", "restricted"), p("column", "recaptured"), p("column", "undecided"),
    p("column", "index disagrees"), p("column", "control lost"), p("column", "file changed"),
    p("column", "clock set back"), p("column", "head missing"),
    p("column", "agent"), p("column", "reserved"), p("column", "meaning"), p("column", "both"),
    p("column", "before"), p("column", "after"), p("column", "conflicting"), p("column", "none"),
    p("column", "unknown"),
    p("order", "weight"), p("order", "date"), p("order", "host"), p("order", "title"), p("order", "shard"),
    p("notice", "draft"), p("notice", "drafted"), p("notice", "edited"), p("notice", "read"),
    p("notice", "checked"), p("notice", "signed"), p("notice", "sent"), p("notice", "answered"),
    p("notice", "acknowledged"), p("notice", "says_complied"), p("notice", "complied"),
    p("notice", "partly"), p("notice", "refused"), p("notice", "silent"), p("notice", "route"),
    p("notice", "language"), p("notice", "publishes"), p("notice", "elements"), p("notice", "columns"),
    p("notice", "consequences"), p("notice", "contact"), p("notice", "deadline"), p("notice", "demand"),
    p("notice", "explanation"), p("notice", "facts"), p("notice", "good_faith"), p("notice", "location"),
    p("notice", "material"), p("notice", "notifier"), p("notice", "perjury"), p("notice", "reservation"),
    p("notice", "rightholder"), p("notice", "rights"), p("notice", "scope"), p("notice", "sender"),
    p("notice", "signature"), p("notice", "work"), p("notice", "works"), p("notice", "address"),
    p("notice", "articles"), p("notice", "email"), p("notice", "files"), p("notice", "mandates"),
    p("notice", "phone"), p("notice", "prefixes"), p("notice", "recipient"), p("notice", "reserved_rows"),
    p("notice", "rights_basis"), p("notice", "rights_rows"), p("notice", "rows"), p("notice", "signatory"),
    p("notice", "signatory_title"), p("notice", "seal"), p("notice", "urls"), p("notice", "domains"),
    p("left out", "removed"), p("left out", "read by no scan"), p("left out", "without copied words"),
    p("left out", "doubtful"), p("left out", "not as their rows say in the bag"),
    p("outcome", "same"), p("outcome", "elsewhere"), p("outcome", "other text"), p("outcome", "empty"),
    p("outcome", "zeros"), p("outcome", "unreadable"), p("outcome", "remains"),
    p("outcome", "other record"), p("outcome", "beyond"), p("outcome", "nowhere"), p("outcome", "absent"),
    p("outcome", "gaps"), p("outcome", "missing"), p("outcome", "denied"), p("outcome", "edge"),
    p("outcome", "rewritten"), p("outcome", "newest"), p("outcome", "listed"), p("outcome", "unlisted"),
    p("outcome", "recaptured"),
    p("outcome", "unranged"), p("outcome", "unresolved"), p("outcome", "limited"), p("outcome", "refused"),
    p("outcome", "strange"), p("outcome", "failed"),
)
# fmt: on
"""Names of columns and of values in them, for the catalogue: they stand for themselves in English."""
