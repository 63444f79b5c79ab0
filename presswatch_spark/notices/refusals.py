"""Why a notice is refused: the rule, what breaks it, and how many times."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from presswatch_spark.notices.wording import Sentence

NAMED = 3
RULES = {
    "changed_file": "a file is not as it was drafted, is missing, or was added",
    "invalid_notice": "notice.json does not fit its schema",
    "missing_element": "the law, or the recipient, asks for an element that the notice does not have",
    "query_differs": "claims and tables do not give the rows of the annex any more",
    "changed_bag": "the sealed bag that the notice rests on does not verify, or is another one",
    "annex_differs": "the annex does not have the digest that the notice names",
    "attachment_differs": "the PDF does not hold the annex that lies beside it",
    "no_claim": "a row has no claim",
    "d_row": "the claim of a row has the letter D",
    "c_row_without_verdict": "the claim of a row has the letter C, and no person said that it is one",
    "verdict_against": "a person said that a row is no claim, or is unsure",
    "licensed_host": "a licence covers the host of a row",
    "outside_mandate": "the sender has no mandate in force for the publisher of a row",
    "not_read_again": "a row was not read again lately",
    "read_from_a_copy": "a row was read again in a copy, and the law requires the location that is named",
    "file_on_a_disk": "a row names a file of this machine, and not its public address",
    "open_changes": "the letter has tracked changes or comments, which its readers see as well",
    "personal_data": "what gets published has data of a person",
    "article_text": "what gets published has text of an article, or nobody can say that it has none",
    "unsigned_perjury": "the law wants its clause of perjury signed, and nobody signed it",
}
"""Each rule by its name, and what breaks it."""


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that a notice breaks.

    `about`: the element, file or rows, and `more` rows that are not named. `detail`: more of it; never text
    of the web.
    """

    rule: str
    about: str
    detail: Sentence | None = None
    more: int = 0

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.rule}: {self.about_all}: {RULES[self.rule]}{detail}"

    @property
    def about_all(self) -> str:
        """Return what it is about, with the number of rows that are not named."""
        return f"{self.about} and {self.more:,} more rows" if self.more else self.about


def of_rows(rule: str, rows: Iterable[str], detail: Sentence | None = None) -> Iterator[BrokenRule]:
    """Yield the refusal of rows, by their row_sha256; none without rows."""
    broken = sorted(rows)
    if not broken:
        return
    yield BrokenRule(rule, ", ".join(broken[:NAMED]), detail, max(len(broken) - NAMED, 0))
