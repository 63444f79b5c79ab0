"""A row's whole case, as a person reads it who knows neither this project nor programming."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.letters import is_page_itself
from presswatch_spark.claims.speaker import Speaker, wrapped
from presswatch_spark.claims.told import (
    KINDS,
    LETTERS,
    RESERVATIONS,
    against_a_claim,
    dataset_of,
    finding_told,
    legal_person_of,
    mandate_told,
    measures_told,
    own_words,
    place_of_page,
    rights_told,
)
from presswatch_spark.judgement.reasons import REASONS, Reason
from presswatch_spark.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.terminal import columns_of, printable

COLUMNS = 80
LABEL_COLUMNS, SIDE = 16, (COLUMNS - 3) // 2
PASSAGES_SHOWN, WORDS_SHOWN = 3, 60
LEAST_SHOWN = 5
"""Words of a passage that is shown, but for the longest: single words beside it say nothing to a reader."""


def case_lines(case: ExplainedRow, language: str) -> Iterator[str]:
    """Yield the case in `fr` or `en`, in lines of 80 columns; only addresses and commands may be longer."""
    _ = Speaker(language)
    yield from _head(case, _)
    yield from _page(case, _)
    yield from _article(case, _)
    yield from _words(case, _)
    yield from _why(case, _)
    yield from _check(case, _)


def _head(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    row = case.row
    yield from _paragraph(
        _("Case {row}, from the scan {run}.", row=row["row_sha256"][:12], run=row["run_id"])
    )
    yield from _paragraph(_("Finding: {finding}", finding=finding_told(case, _)))
    yield from _paragraph(" ".join([_("Letter {letter}.", letter=case.letter), _(LETTERS[case.letter])]))
    if besides := against_a_claim(case, _):
        yield from _paragraph(
            _("Note that the letter judges the facts alone. {besides}", besides=" ".join(besides))
        )
    if case.claim is None:
        yield from _paragraph(
            _(
                "This letter comes from the page alone: it was not held against the other pages"
                " that are known (presswatch claims, then --claims)."
            )
        )
    elif case.claim["confidence"] != row["confidence"]:
        yield from _paragraph(
            _(
                "The page alone gave the letter {letter}; what is known from elsewhere lowered it.",
                letter=row["confidence"],
            )
        )
    yield from _paragraph(_("Judged as of {day}.", day=_.day(case.as_of)))


def _page(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    row = case.row
    yield from _heading(_("the page"))
    address = row["document_url"] or _.p("address", "not known")
    if row["document_url"] and row["own_site"] is None:
        address = _("not known (the dataset writes “{said}”)", said=row["document_url"])
    yield from _labelled(_("address"), address)
    yield from _labelled(_("recorded"), _.moment(row["captured_at"]))
    yield from _labelled(_("dataset"), dataset_of(case, _))
    yield from _labelled(_("file"), case.shard.rpartition("/")[2])
    yield from _labelled(_("site"), place_of_page(case, _))
    if credits := row.get("document_credits"):
        yield from _labelled(_("credits"), ", ".join(credits))
    for k, line in enumerate(own_words(case, _)):
        yield from _labelled("" if k else _("page says"), line)
    if case.claim:
        yield from _labelled(_("kind"), _(KINDS[case.claim["kind"]]))
        if case.claim["licence_id"]:
            yield from _labelled(
                _("licence"), _("{id}, in the file of licences", id=case.claim["licence_id"])
            )


def _article(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    row = case.row
    yield from _heading(_("the article"))
    yield from _labelled(_.p("of the press", "title"), case.title.name if case.title else row["title_id"])
    yield from _labelled(_("publisher"), legal_person_of(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield from _labelled(_("article"), _("none: this finding is about the page's address alone"))
        return
    if headline := row.get("headline"):
        yield from _labelled(_.p("article", "headline"), headline)
    yield from _labelled(_("address"), row["article_url"] or _.p("address", "not known"))
    yield from _labelled(_("published"), _.moment(row["article_published_at"]))
    if others := row.get("repeated_by"):
        yield from _labelled(_("published again in"), ", ".join(others))
    if other := row.get("repeats_article_id"):
        yield from _labelled(_("claim of"), other)
    yield from _labelled(_("mandate"), mandate_told(case, _))
    for k, right in enumerate(rights_told(case, _)):
        yield from _labelled("" if k else _("rights"), right)
    yield from _labelled(_("reservation"), _(RESERVATIONS[case.reservation]))


@dataclass(frozen=True, slots=True)
class ExplainedPassage:
    """Spans that continue each other on both sides: their words, and the characters from first to last."""

    words: int
    article: tuple[int, int]
    page: tuple[int, int]


def passages_of(spans: Sequence[Mapping[str, int]]) -> list[ExplainedPassage]:
    """Return the passages of spans, those with most words first."""
    chains: dict[int, list[Mapping[str, int]]] = {}
    for span in spans:
        chains.setdefault(span["passage"], []).append(span)
    found = [
        ExplainedPassage(
            sum(span["words"] for span in chain), _reach(chain, "article"), _reach(chain, "document")
        )
        for chain in chains.values()
    ]
    return sorted(found, key=lambda passage: -passage.words)


def _reach(chain: Sequence[Mapping[str, int]], side: str) -> tuple[int, int]:
    return min(span[f"{side}_start"] for span in chain), max(span[f"{side}_end"] for span in chain)


def _words(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    """Yield the part of the case about its words."""
    row = case.row
    yield from _heading(_("the article's words on the page"))
    if not row["spans"]:
        yield from _paragraph(_("No passage of an article was found on the page."))
        return
    for sentence in measures_told(case, _):
        yield from _paragraph(sentence)
    if case.article is None:
        yield from _paragraph(
            _("The article's text is not at hand: give --corpus with the corpus of the scan.")
        )
    if case.page is None:
        yield from _paragraph(
            _("The page's text could not be read again now ({why}).", why=str(case.page_missing))
        )
    if case.article is None and case.page is None:
        return
    longest, *others = passages_of(row["spans"])
    shown = [longest, *(other for other in others[: PASSAGES_SHOWN - 1] if other.words >= LEAST_SHOWN)]
    for passage in shown:
        yield ""
        yield from _side_by_side(case, passage, _)
    if left := 1 + len(others) - len(shown):
        yield ""
        yield from _paragraph(_("Shorter passages besides: {count}.", count=left))


def _side_by_side(case: ExplainedRow, passage: ExplainedPassage, _: Speaker) -> Iterator[str]:
    """Yield a passage of the article, and the same of the page beside it."""
    yield from _paragraph(_("A passage with {words} same words:", words=_.number(passage.words)))
    left = [_("in the article"), "-" * SIDE, *_cut(case.article, passage.article, _)]
    right = [_("on the page"), "-" * SIDE, *_cut(case.page, passage.page, _)]
    for one, other in zip_longest(left, right, fillvalue=""):
        yield f"{one}{' ' * (SIDE - columns_of(one))} | {other}".rstrip()


def _cut(text: str | None, reach: tuple[int, int], _: Speaker) -> list[str]:
    """Return the beginning of a passage, wrapped."""
    if text is None:
        return [_("(not at hand)")]
    words = text[slice(*reach)].split()
    shown = " ".join(words[:WORDS_SHOWN]) + (" […]" if len(words) > WORDS_SHOWN else "")
    return wrapped(shown, SIDE)


def _why(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    yield from _heading(_("why the letter {letter}", letter=case.letter))
    reasons = case.reasons
    if reasons is None:
        yield from _paragraph(_("This scan is old: it did not note its reasons. A new scan gives them."))
        return
    known = [REASONS[code] for code in reasons if code in REASONS]
    for reason in known:
        mark = "+ " if reason.caps is None else "- "
        yield from _paragraph(f"{_(reason.sentence)} [{reason.code}]", mark)
    yield ""
    yield from _paragraph(
        _(
            "The sign + speaks for the claim, the sign - against it. In brackets stands the"
            " name of the reason in the tables."
        )
    )
    told = " ".join(reason.sentence for reason in known).lower()
    if "copied" in told:
        yield from _paragraph(
            _(
                "“Copied words” means the words that are in the article and on the page,"
                " whichever of the two took them from the other."
            )
        )
    if is_known := "known text" in told:
        yield from _paragraph(
            _(
                "“Known text” means the articles that the members supplied, the sample of the"
                " web, and the texts of reference that the scan was given."
            )
        )
    if is_known or "member" in told:
        yield from _paragraph(_("“Member” means a press publisher that the scan was made for."))
    if rules := _other_thresholds(case.config):
        yield from _paragraph(
            _(
                "This scan was made with other thresholds than those that these sentences name: {rules}.",
                rules=", ".join(rules),
            )
        )
    yield from _heading(_("what would change the letter"))
    yield from _mends(case, known, _)


def _other_thresholds(config: Mapping[str, Any]) -> list[str]:
    """Return the rules of a run that differ from those that the sentences of reasons name."""
    usual = {"grade": asdict(GradeRules()), "confidence": asdict(ConfidenceRules())}
    return [
        f"{section}.{name} = {value}"
        for section, rules in usual.items()
        for name, value in config.get(section, {}).items()
        if name in rules and value != rules[name]
    ]


def _mends(case: ExplainedRow, known: Sequence[Reason], _: Speaker) -> Iterator[str]:
    """Yield what would change the letter."""
    mends = [_(mend) for mend in dict.fromkeys(reason.mend for reason in known) if mend]
    is_good = case.letter in ("A", "B")
    if not mends:
        mends = [
            (
                _("Nothing lowers this letter.")
                if is_good
                else _("The scan gave a lower letter then, and it is kept. A new scan may change it.")
            )
        ]
        if case.letter == "B" and any(reason.code == "full_copy" for reason in known):
            mends.append(
                _(
                    "The letter would be A if the page named as its source the publisher, one of its"
                    " titles or the article's address."
                )
            )
    elif len(mends) > 1 and not is_good:
        yield from _paragraph(
            _(
                "Each point with the sign - holds the letter down by itself. A better letter"
                " would take all of this, at least:"
            )
        )
    if is_good:
        mends.append(_what_lowers(case, _))
    for mend in mends:
        yield from _paragraph(mend, "- ")
    if case.letter == "C":
        yield ""
        yield from _paragraph(
            _(
                "These help the person who examines the case. The letter itself changes only if"
                " the scan or the judgement is made anew."
            )
        )


def _what_lowers(case: ExplainedRow, _: Speaker) -> str:
    """Return what would lower the letter of a row that is claimed."""
    if is_page_itself(case.row):
        return _(
            "The letter would fall if the page had a date before the article's, or if its"
            " record were damaged."
        )
    if case.own_site:
        return _(
            "The letter would fall if the page had a date before the article's, or if these"
            " words had a common source."
        )
    return _(
        "The letter would fall if the page had leave or a date before the article's, or"
        " if these words had a common source."
    )


def _check(case: ExplainedRow, _: Speaker) -> Iterator[str]:
    row = case.row
    yield from _heading(_("how to check it yourself"))
    yield from _paragraph(
        _(
            "These commands copy the record of the page, as the dataset holds it, to a file"
            " named record. They are typed into a terminal (Linux or macOS)."
        )
    )
    if needs := recipe.needs(row, case.shard):
        programs = {
            "zstandard": _("the command zstdcat, of the program zstd"),
            "pyarrow": _("the library pyarrow (“pip install pyarrow”)"),
        }
        yield from _paragraph(_("This needs: {what}.", what=", ".join(programs[name] for name in needs)))
    yield ""
    yield from (f"    {line}" for line in recipe.commands(row, case.shard))
    passage = _longest_passage(case)
    yield ""
    run_it = [
        _(
            "Save this program as check.py, and type “python3 check.py”. It reads the file,"
            " and shows first what the record says of itself, such as its address and date,"
            " if it says so. “digest: True” means that it is the record of this case."
        ),
        *([_("“words: True” means that the words quoted follow each other there.")] if passage else ()),
    ]
    yield from _paragraph(" ".join(run_it))
    yield ""
    column = recipe.column_of(case.config)
    yield from (f"    {line}".rstrip() for line in recipe.program(row, case.shard, passage, column))


def _longest_passage(case: ExplainedRow) -> str | None:
    """Return words that follow each other in the article and on the page; None if none are at hand."""
    longest = max(case.row["spans"], key=lambda span: span["words"], default=None)
    source, kind = (case.article, "article") if case.article is not None else (case.page, "document")
    if longest is None or source is None:
        return None
    return source[longest[f"{kind}_start"] : longest[f"{kind}_end"]]


def _labelled(label: str, text: str) -> Iterator[str]:
    """Yield a label and its text beside it."""
    room = COLUMNS - LABEL_COLUMNS
    # An address is not broken: it would not be one any more.
    lines = [text] if " " not in text else wrapped(text, room)
    for line, first in zip(lines, [label, *[""] * len(lines)], strict=False):
        yield f"{first:<{LABEL_COLUMNS}}{printable(line)}".rstrip()


def _paragraph(text: str, mark: str = "") -> Iterator[str]:
    """Yield a text in lines, after a mark before its first one."""
    indent = " " * columns_of(mark)
    for k, line in enumerate(wrapped(text, COLUMNS - len(indent))):
        yield f"{indent if k else mark}{line}"


def _heading(text: str) -> Iterator[str]:
    """Yield the title of a part."""
    yield from ("", text.upper(), "")
