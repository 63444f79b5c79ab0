"""A row, explained to a reader who knows neither this project nor programming."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest

from presswatch_spark.claims import check_recipe
from presswatch_spark.claims.confidence import is_page_itself
from presswatch_spark.claims.row_facts import ExplainedRow, NamedFact, account_of, finding_of
from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.core.terminal import TIES, columns_of, printable, wrapped_at
from presswatch_spark.core.translation import N_, Translator, tied
from presswatch_spark.tables.confidence_reasons import REASONS, Reason
from presswatch_spark.tables.declarations import Span

COLUMNS = 80
LABEL_COLUMNS, SIDE = 16, (COLUMNS - 3) // 2
PASSAGES_SHOWN, WORDS_SHOWN = 3, 60
LEAST_SHOWN = 5

Part = str | list[str]
"""A paragraph to wrap, or finished lines."""


def explanation_lines(explained: ExplainedRow, language: str) -> Iterator[str]:
    """Yield an explanation in `fr` or `en`, in lines of at most 80 columns, except addresses and commands."""
    _ = Translator(language)
    account = account_of(explained, _)
    first, *notes = account.notes
    texts: list[Part] = [
        _("Case {row}, from the scan {run}.", row=explained.row.row_sha256[:12], run=explained.row.run_id),
        _("Finding: {finding}", finding=finding_of(explained, _)),
        " ".join([_("Letter {letter}.", letter=explained.letter), first]),
        *notes,
    ]
    for title, facts in ((_("the page"), account.page), (_("the article"), account.article)):
        texts += [_heading(title), *map(_labelled, facts)]
    texts += [_heading(_("the article's words on the page")), *account.measures]
    sections = (_words(explained, _) if explained.row.spans else (), _why(explained, _), _check(explained, _))
    for part in chain(texts, *sections):
        yield from part if isinstance(part, list) else _paragraph(part)


@dataclass(frozen=True, slots=True)
class ExplainedPassage:
    """Spans that continue each other in article and page: their words, and range of characters in each."""

    words: int
    article: tuple[int, int]
    page: tuple[int, int]


def passages_of(spans: Sequence[Span]) -> list[ExplainedPassage]:
    """Return the passages of spans, those with the most words first."""
    chains: dict[int, list[Span]] = {}
    for span in spans:
        chains.setdefault(span["passage"], []).append(span)
    found = [
        ExplainedPassage(
            sum(span["words"] for span in chain),
            (min(span["article_start"] for span in chain), max(span["article_end"] for span in chain)),
            (min(span["document_start"] for span in chain), max(span["document_end"] for span in chain)),
        )
        for chain in chains.values()
    ]
    return sorted(found, key=lambda passage: -passage.words)


def _words(explained: ExplainedRow, _: Translator) -> Iterator[Part]:
    if explained.article is None:
        yield _("The article's text is not available: pass --corpus with the corpus of the scan.")
    if explained.page is None:
        yield _("The page's text could not be read again ({why}).", why=str(explained.page_missing))
    if explained.article is None and explained.page is None:
        return
    longest, *others = passages_of(explained.row.spans)
    shown = [longest, *(other for other in others[: PASSAGES_SHOWN - 1] if other.words >= LEAST_SHOWN)]
    for passage in shown:
        yield [""]
        yield _("A passage of {words} identical words:", words=_.number(passage.words))
        left = [_("in the article"), "-" * SIDE, *_cut(explained.article, passage.article, _)]
        right = [_("on the page"), "-" * SIDE, *_cut(explained.page, passage.page, _)]
        sides = zip_longest(left, right, fillvalue="")
        yield [f"{one}{' ' * (SIDE - columns_of(one))} | {other}".rstrip() for one, other in sides]
    if left_out := 1 + len(others) - len(shown):
        yield [""]
        yield _("Other, shorter passages: {count}.", count=left_out)


def _cut(text: str | None, reach: tuple[int, int], _: Translator) -> list[str]:
    if text is None:
        return [_("(not available)")]
    words = text[slice(*reach)].split()
    shown = " ".join(words[:WORDS_SHOWN]) + (" […]" if len(words) > WORDS_SHOWN else "")
    return wrapped(shown, SIDE)


def _why(explained: ExplainedRow, _: Translator) -> Iterator[Part]:
    yield _heading(_("why the letter {letter}", letter=explained.letter))
    if explained.reasons is None:
        yield _("This scan is old and did not record its reasons. A new scan records them.")
        return
    known = {code: REASONS[code] for code in explained.reasons if code in REASONS}
    for code, reason in known.items():
        mark = "+ " if reason.caps is None else "- "
        yield list(_paragraph(f"{_(reason.sentence)} [{code}]", mark))
    yield [""]
    yield _("A + supports the claim, a - weakens it. The name of the reason in the tables is in brackets.")
    sentences = " ".join(reason.sentence for reason in known.values()).lower()
    if "copied" in sentences:
        yield _(
            "“Copied words” means the words that are in the article and on the page,"
            " whichever of the two took them from the other."
        )
    if is_known := "known text" in sentences:
        yield _(
            "“Known text” means the articles that the members supplied, the sample of the"
            " web, and the reference texts given to the scan."
        )
    if is_known or "member" in sentences:
        yield _("“Member” means a press publisher that the scan was made for.")
    usual = {"grade": asdict(GradeRules()), "confidence": asdict(ConfidenceRules())}
    rules = [
        f"{section}.{name} = {value}"
        for section, defaults in usual.items()
        for name, value in explained.config.get(section, {}).items()
        if name in defaults and value != defaults[name]
    ]
    if rules:
        yield _(
            "This scan used thresholds other than those in these sentences: {rules}.",
            rules=", ".join(rules),
        )
    yield from _mends(explained, known, _)


def _mends(explained: ExplainedRow, known: Mapping[str, Reason], _: Translator) -> Iterator[Part]:
    yield _heading(_("what would change the letter"))
    mends = [_(mend) for mend in dict.fromkeys(reason.mend for reason in known.values()) if mend]
    is_good = explained.letter in ("A", "B")
    if not mends and is_good:
        mends.append(_("Nothing lowers this letter."))
    elif not mends:
        mends.append(_("The scan gave a lower letter, which is kept. A new scan may change it."))
    elif len(mends) > 1 and not is_good:
        yield _("Each point marked - is enough to lower the letter. A better letter would require at least:")
    if explained.letter == "B" and not any(reason.mend for reason in known.values()) and "full_copy" in known:
        mends.append(
            _(
                "The letter would be A if the page named as its source the publisher, one of its"
                " titles or the article's address."
            )
        )
    fall = N_(
        "The letter would fall if the page had permission or a date before the article's, or if these words"
        " had a common source."
    )
    if is_page_itself(explained.row.url_match, explained.row.own_site):
        fall = N_(
            "The letter would fall if the page had a date before the article's, or if its record"
            " were damaged."
        )
    elif explained.own_site:
        fall = N_(
            "The letter would fall if the page had a date before the article's, or if these words"
            " had a common source."
        )
    if is_good:
        mends.append(_(fall))
    for mend in mends:
        yield list(_paragraph(mend, "- "))
    if explained.letter == "C":
        yield [""]
        yield _(
            "These help the person who examines the case. The letter itself changes only if "
            "the scan or the judgement is repeated."
        )


def _check(explained: ExplainedRow, _: Translator) -> Iterator[Part]:
    row = explained.row
    yield _heading(_("how to check it yourself"))
    yield _(
        "These commands copy the record of the page, as the dataset stores it, to a file"
        " named record. Run them in a terminal (Linux or macOS)."
    )
    if needs := check_recipe.needs(row, explained.shard):
        programs = {
            "zstandard": _("the command zstdcat, of the program zstd"),
            "pyarrow": _("the library pyarrow (“pip install pyarrow”)"),
        }
        yield _("This needs: {what}.", what=", ".join(programs[name] for name in needs))
    yield ["", *(f"    {line}" for line in check_recipe.commands(row, explained.shard)), ""]
    longest, passage = max(row.spans, key=lambda span: span["words"], default=None), None
    if longest and explained.article is not None:
        passage = explained.article[longest["article_start"] : longest["article_end"]]
    elif longest and explained.page is not None:
        passage = explained.page[longest["document_start"] : longest["document_end"]]
    run_it = _(
        "Save this program as check.py, and run “python3 check.py”. It reads the file and first shows the"
        " record's own fields, such as its address and date, if it has them. “digest: True” means that it is"
        " the record of this case."
    )
    quoted = _("“words: True” means that the quoted words follow one another there.")
    yield f"{run_it} {quoted}" if passage else run_it
    column = explained.config.get("read", {}).get("columns", {}).get("text")
    program = check_recipe.program(row, explained.shard, passage, column)
    yield ["", *(f"    {line}".rstrip() for line in program)]


def _labelled(fact: NamedFact) -> list[str]:
    label, lines, room = fact.name, list[str](), COLUMNS - LABEL_COLUMNS
    # A wrapped address would no longer work.
    is_whole = fact.is_code or " " not in fact.value
    if is_whole and columns_of(fact.value) > room:
        return [label, f"  {printable(fact.value)}"]
    if columns_of(label) >= LABEL_COLUMNS:
        lines.append(label)
        label = ""
    for line in [fact.value] if is_whole else wrapped(fact.value, room):
        padding = " " * (LABEL_COLUMNS - columns_of(label))
        lines.append(f"{label}{padding}{printable(line)}".rstrip())
        label = ""
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """Wrap a text at `width` columns, without a break inside numbers, dates and references."""
    return [re.sub(f"[{TIES}]", " ", line) for line in wrapped_at(tied(printable(text)), width)]


def _paragraph(text: str, mark: str = "") -> Iterator[str]:
    indent = " " * columns_of(mark)
    for k, line in enumerate(wrapped(text, COLUMNS - len(indent))):
        yield f"{indent if k else mark}{line}"


def _heading(text: str) -> list[str]:
    return ["", text.upper(), ""]
