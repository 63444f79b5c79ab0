"""The part of a case that shows the words: how many, where else they stand, and passages side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from presswatch_spark.claims.case import Case
from presswatch_spark.claims.case_layout import COLUMNS, heading, paragraph
from presswatch_spark.claims.letters import is_page_itself
from presswatch_spark.claims.speaker import Speaker, wrapped
from presswatch_spark.show import columns_of

PASSAGES_SHOWN, WORDS_SHOWN = 3, 60
LEAST_SHOWN = 5
"""Words of a passage that is shown, but for the longest: single words beside it say nothing to a reader."""
SIDE = (COLUMNS - 3) // 2


@dataclass(frozen=True, slots=True)
class Passage:
    """Spans that continue each other on both sides: their words, and the characters from first to last."""

    words: int
    article: tuple[int, int]
    page: tuple[int, int]


def passages_of(spans: Sequence[Mapping[str, int]]) -> list[Passage]:
    """Return the passages of spans, those with most words first."""
    chains: dict[int, list[Mapping[str, int]]] = {}
    for span in spans:
        chains.setdefault(span["passage"], []).append(span)
    found = [
        Passage(sum(span["words"] for span in chain), _reach(chain, "article"), _reach(chain, "document"))
        for chain in chains.values()
    ]
    return sorted(found, key=lambda passage: -passage.words)


def _reach(chain: Sequence[Mapping[str, int]], side: str) -> tuple[int, int]:
    return min(span[f"{side}_start"] for span in chain), max(span[f"{side}_end"] for span in chain)


def word_lines(case: Case, say: Speaker) -> Iterator[str]:
    """Yield the part of the case about its words."""
    row = case.row
    yield from heading(say("the words"))
    if not row["spans"]:
        yield from paragraph(say("no words"))
        return
    for sentence in measures_told(case, say):
        yield from paragraph(sentence)
    if case.article is None:
        yield from paragraph(say("no article"))
    if case.page is None:
        yield from paragraph(say("no page", why=str(case.page_missing)))
    if case.article is None and case.page is None:
        return
    longest, *others = passages_of(row["spans"])
    shown = [longest, *(other for other in others[: PASSAGES_SHOWN - 1] if other.words >= LEAST_SHOWN)]
    for passage in shown:
        yield ""
        yield from _side_by_side(case, passage, say)
    if left := 1 + len(others) - len(shown):
        yield ""
        yield from paragraph(say("more passages", count=left))


def measures_told(case: Case, say: Speaker) -> Iterator[str]:
    """Yield how many words of the article the page has, and where else these stand, a sentence each."""
    row = case.row
    yield say(
        "measures",
        copied=say.number(row["copied_words"]),
        words=say.number(row["article_words"]),
        share=say.share(row["article_coverage"]),
        run=say.number(row["longest_run_words"]),
    )
    yield say("compared")
    if case.claim:
        yield from _elsewhere(case.claim, row, say)


def _elsewhere(claim: Mapping[str, Any], row: Mapping[str, Any], say: Speaker) -> Iterator[str]:
    """Yield what is known of these words on other pages."""
    beyond = claim.get("beyond_words")
    # Of a page at the article's own address, nobody asks where its words come from.
    if beyond is not None and not is_page_itself(row):
        copied, explained = row["copied_words"], row["copied_words"] - beyond
        facts = {"explained": say.number(explained), "copied": say.number(copied)}
        yield say("explained" if explained > 0 else "none explained", **facts)
    if first := claim.get("first_capture_at"):
        if first == row["captured_at"]:
            yield say("first capture here")
        else:
            name = (claim.get("first_capture_row") or say("unknown"))[:12]
            yield say("first capture", moment=say.moment(first), row=name)
    if claim.get("witness_domains") is not None:
        yield say("witnesses", count=say.number(claim["witness_domains"]))


def _side_by_side(case: Case, passage: Passage, say: Speaker) -> Iterator[str]:
    """Yield a passage of the article, and the same of the page beside it."""
    yield from paragraph(say("passage", words=say.number(passage.words)))
    left, right = (
        [say(name), "-" * SIDE, *_cut(text, reach, say)]
        for name, text, reach in (
            ("in article", case.article, passage.article),
            ("in page", case.page, passage.page),
        )
    )
    for one, other in zip_longest(left, right, fillvalue=""):
        yield f"{one}{' ' * (SIDE - columns_of(one))} | {other}".rstrip()


def _cut(text: str | None, reach: tuple[int, int], say: Speaker) -> list[str]:
    """Return the beginning of a passage, wrapped."""
    if text is None:
        return [say("not here")]
    words = text[slice(*reach)].split()
    shown = " ".join(words[:WORDS_SHOWN]) + (" […]" if len(words) > WORDS_SHOWN else "")
    return wrapped(shown, SIDE)
