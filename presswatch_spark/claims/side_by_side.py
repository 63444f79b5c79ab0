"""A claim as HTML: its account, and article and page next to each other with the copied words marked.

All text is hostile, and is escaped. The pieces hold no script, no link, and nothing that is loaded. `STYLE`
fits them; it sets light and dark colours, a phone's width, and print.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from presswatch_spark.claims.exposed import exposure_told, nothing_told, source_told
from presswatch_spark.claims.exposures import Exposure
from presswatch_spark.claims.marks import escaped, marked
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import Fact, Told
from presswatch_spark.claims.told_phrases import TOLD

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


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


def _facts_html(heading: str, facts: Sequence[Fact]) -> str:
    lines = "".join(f"<dt>{escaped(fact.name)}</dt><dd>{_value(fact)}</dd>\n" for fact in facts)
    return f"<section><h3>{escaped(heading)}</h3>\n<dl>\n{lines}</dl></section>"


def _value(fact: Fact) -> str:
    shown = f"<bdi>{escaped(fact.value)}</bdi>"
    return f"<code>{shown}</code>" if fact.is_code else shown


def _reasons_html(account: Told, say: Speaker) -> str:
    if not account.reasons:
        return f"<p>{escaped(say('no reasons'))}</p>\n"
    lines = "".join(
        f'<li class="{"for" if speaks_for else "against"}">{escaped(sentence)}</li>\n'
        for speaks_for, sentence in account.reasons
    )
    return f"<ul>\n{lines}</ul>\n"


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{escaped(sentence)}</p>\n" for sentence in sentences)
