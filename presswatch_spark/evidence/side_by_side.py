"""A page for each claim: its account, and article and document next to each other with copied words marked.

It is in French and English at once: the two buttons at its top choose. Nobody knows who will read a bag when
it is sealed, and the texts stand in it once. All text is hostile. It is escaped, and the page's policy lets
it load and run nothing, so that a browser shows it as text whatever it says.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.exposed import (
    exposure_told,
    exposures_of,
    nothing_told,
    product_of_row,
    source_told,
)
from presswatch_spark.claims.exposures import Exposure
from presswatch_spark.claims.marks import escaped, marked, ranges_of
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import NamedFact, Told, told
from presswatch_spark.claims.told_phrases import FAILURES, TOLD

FOLDER = "data/pages"
LANGUAGES = {"fr": "Français", "en": "English"}
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'"


def account_html(account: Told, say: Speaker) -> str:
    """Return the account of a claim: its finding, both lists of facts, its words, and its reasons."""
    article = _facts_html(say.of(TOLD, "article"), account.article)
    page = _facts_html(say.of(TOLD, "page"), account.page)
    notes = " ".join(account.notes)
    return (
        f'<div class="head"><p class="letter">{escaped(account.letter)}</p>'
        f"<h2><bdi>{escaped(account.finding)}</bdi></h2>"
        f'<p class="notes"><bdi>{escaped(notes)}</bdi></p></div>\n'
        f'<div class="pair">{article}{page}</div>\n'
        f"<h3>{escaped(say.of(TOLD, 'words'))}</h3>\n{_paragraphs(account.measures)}"
        f"<h3>{escaped(say.of(TOLD, 'why', letter=account.letter))}</h3>\n{_reasons_html(account, say)}"
    )


def commands_html(commands: Sequence[str], say: Speaker) -> str:
    """Return what reads the record again at its source, or that nobody else can."""
    heading = f"<h3>{escaped(say.of(TOLD, 'again'))}</h3>\n"
    if not commands:
        return f"{heading}<p>{escaped(say.of(TOLD, 'on disk'))}</p>\n"
    lines = escaped("\n".join(commands))
    return f"{heading}<p>{escaped(say.of(TOLD, 'fetched'))}</p>\n<pre>{lines}</pre>\n"


def exposure_html(
    product: str | None, speaking: Sequence[tuple[Exposure, str]], letter: str, say: Speaker
) -> str:
    """Return which models' publishers say that they used the dataset, each with its sources.

    Args:
        product: the dataset, one of `PRODUCTS`; None if nobody says it. `speaking`: as `exposures_of` gives
            them.
    """
    heading = f"<h3>{escaped(say.of(TOLD, 'exposure'))}</h3>\n"
    if not speaking:
        return f"{heading}<p>{escaped(nothing_told(product, letter, say))}</p>\n"
    lines = "".join(
        f'<li class="source">{escaped(exposure_told(exposure, named, say))}{_sources(exposure, say)}</li>\n'
        for exposure, named in speaking
    )
    return f"{heading}<ul>\n{lines}</ul>\n<p>{escaped(say.of(TOLD, 'proves nothing'))}</p>\n"


def _sources(exposure: Exposure, say: Speaker) -> str:
    return "".join(
        f'<span class="where"><q><bdi>{escaped(source.quotation)}</bdi></q>'
        f" <bdi>{escaped(source_told(source, say))}</bdi></span>"
        for source in exposure.sources
    )


def text_html(text: str | None, ranges: Iterable[tuple[int, int]], missing: str = "") -> str:
    """Return a text with ranges marked; without a text, why it is not there."""
    if text is None:
        return f'<p class="missing"><bdi>{escaped(missing)}</bdi></p>'
    return f'<div class="text" dir="auto">{marked(text, ranges)}</div>'


def _facts_html(heading: str, facts: Sequence[NamedFact]) -> str:
    lines = "".join(f"<dt>{escaped(fact.name)}</dt><dd>{_value(fact)}</dd>\n" for fact in facts)
    return f"<section><h3>{escaped(heading)}</h3>\n<dl>\n{lines}</dl></section>"


def _value(fact: NamedFact) -> str:
    shown = f"<bdi>{escaped(fact.value)}</bdi>"
    return f"<code>{shown}</code>" if fact.is_code else shown


def _reasons_html(account: Told, say: Speaker) -> str:
    if not account.reasons:
        is_old = say("This scan is old: it did not note its reasons. A new scan gives them.")
        return f"<p>{escaped(is_old)}</p>\n"
    lines = "".join(
        f'<li class="{"for" if speaks_for else "against"}">{escaped(sentence)}</li>\n'
        for speaks_for, sentence in account.reasons
    )
    return f"<ul>\n{lines}</ul>\n"


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{escaped(sentence)}</p>\n" for sentence in sentences)


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """A claim as the bag shows it.

    `case`: with the texts that may be shown. `exposures`: those that the bag is made with.
    """

    case: ExplainedRow
    exposures: Sequence[Exposure]

    def why_not(self, say: Speaker) -> str:
        """Return what is wrong with its record; nothing if it is as its row says."""
        failure = self.case.page_missing
        return say.of(FAILURES, failure.reason) if failure else ""

    def missing(self, side: str, say: Speaker) -> str:
        """Return why a text is not shown, `article` or `document`."""
        if side == "document":
            return say.of(TOLD, "no text of page", why=self.why_not(say))
        is_address = self.case.row["article_id"] is None
        return say.of(TOLD, "no article by address" if is_address else "no text of article")


def page_of(shown: ShownClaim) -> str:
    """Return the page of a claim as HTML."""
    languages = "".join(
        f'<input type="radio" class="choose" name="language" id="{code}"{" checked" if code == "fr" else ""}>'
        f'<label for="{code}" lang="{code}">{name}</label>\n'
        for code, name in LANGUAGES.items()
    )
    accounts = "".join(_in_language(shown, code) for code in LANGUAGES)
    return (
        '<!doctype html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(str(shown.case.row['row_sha256']))}</title>\n"
        f'<style>{STYLE}</style>\n</head>\n<body>\n<main class="claim">\n'
        f"{languages}{accounts}{_texts(shown)}</main>\n</body>\n</html>\n"
    )


def _in_language(shown: ShownClaim, code: str) -> str:
    """Return the account of a claim, what models it is exposed to, and how to read its record again."""
    case, say = shown.case, Speaker(code, for_print=True)
    account, why_not = told(case, say), shown.why_not(say)
    speaking = exposures_of(case.row, case.letter, shown.exposures)
    exposure = exposure_html(product_of_row(case.row), speaking, case.letter, say)
    other = f"<p>{escaped(say.of(TOLD, 'no longer as said', why=why_not))}</p>\n" * bool(why_not)
    return (
        f'<div class="{code}" lang="{code}">\n{account_html(account, say)}{exposure}'
        f"{commands_html(account.commands, say)}{other}"
        f"<h3>{escaped(say.of(TOLD, 'side by side'))}</h3>\n</div>\n"
    )


def _texts(shown: ShownClaim) -> str:
    """Return both texts next to each other, once, with their names in both languages."""
    case = shown.case
    sides = []
    for side, name, text in (("article", "in article", case.article), ("document", "in page", case.page)):
        spans = ranges_of(case.row.get("spans") or (), side)
        says = [Speaker(code, for_print=True) for code in LANGUAGES]
        headings = "".join(_only_in(say, f"<h3>{escaped(say.of(TOLD, name))}</h3>") for say in says)
        if text is not None:
            sides.append(f"<section>{headings}{text_html(text, spans)}</section>")
            continue
        why = "".join(_only_in(say, text_html(None, (), shown.missing(side, say))) for say in says)
        sides.append(f"<section>{headings}{why}</section>")
    return f'<div class="pair">{"".join(sides)}</div>\n'


def _only_in(say: Speaker, content: str) -> str:
    return f'<div class="{say.language}" lang="{say.language}">{content}</div>'
