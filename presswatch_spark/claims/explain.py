"""A row's whole case, as a person reads it who knows neither this project nor programming."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from presswatch_spark.claims import recipe
from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.letters import is_page_itself
from presswatch_spark.claims.phrases import FINDINGS, LETTERS, RESERVATIONS
from presswatch_spark.claims.speaker import Speaker, wrapped
from presswatch_spark.claims.told import (
    against_a_claim,
    dataset_of,
    finding_of,
    legal_person_of,
    mandate_told,
    measures_told,
    own_words,
    place_of_page,
    rights_told,
    same_words_of,
)
from presswatch_spark.judgement.reasons import REASONS, Reason
from presswatch_spark.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.show import columns_of, printable

COLUMNS = 80
LABEL_COLUMNS, SIDE = 16, (COLUMNS - 3) // 2
PASSAGES_SHOWN, WORDS_SHOWN = 3, 60
LEAST_SHOWN = 5
"""Words of a passage that is shown, but for the longest: single words beside it say nothing to a reader."""


def case_lines(case: ExplainedRow, language: str) -> Iterator[str]:
    """Yield the case in `fr` or `en`, in lines of 80 columns; only addresses and commands may be longer."""
    say = Speaker(language)
    yield from _head(case, say)
    yield from _page(case, say)
    yield from _article(case, say)
    yield from _words(case, say)
    yield from _why(case, say)
    yield from _check(case, say)


def _head(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _paragraph(say("case", row=row["row_sha256"][:12], run=row["run_id"]))
    named = say("the dataset" if row["release"] else "a dataset", which=dataset_of(case, say))
    yield from _paragraph(say.of(FINDINGS, finding_of(case), dataset=named))
    yield from _paragraph(f"{say('letter', letter=case.letter)} {say.of(LETTERS, case.letter)}")
    if besides := against_a_claim(case, say):
        yield from _paragraph(say("facts alone", besides=" ".join(besides)))
    if case.claim is None:
        yield from _paragraph(say("no claims"))
    elif case.claim["confidence"] != row["confidence"]:
        yield from _paragraph(say("lowered", letter=row["confidence"]))
    yield from _paragraph(say("as of", day=say.day(case.as_of)))


def _page(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _heading(say("the page"))
    address = row["document_url"] or say("unknown")
    if row["document_url"] and row["own_site"] is None:
        address = say("no address", said=row["document_url"])
    yield from _labelled(say("address"), address)
    yield from _labelled(say("recorded"), say.moment(row["captured_at"]))
    yield from _labelled(say("dataset"), dataset_of(case, say))
    yield from _labelled(say("file"), case.shard.rpartition("/")[2])
    yield from _labelled(say("site"), place_of_page(case, say))
    if credits := row.get("document_credits"):
        yield from _labelled(say("credits"), ", ".join(credits))
    for k, line in enumerate(own_words(case, say)):
        yield from _labelled("" if k else say("page says"), line)
    if case.claim:
        yield from _labelled(say("kind"), say(f"kind {case.claim['kind']}"))
        if case.claim["licence_id"]:
            yield from _labelled(say("licence"), say("licence of", id=case.claim["licence_id"]))


def _article(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _heading(say("the article"))
    yield from _labelled(say("title"), case.title.name if case.title else row["title_id"])
    yield from _labelled(say("owner"), legal_person_of(case.publisher, row["publisher_id"]))
    if row["article_id"] is None:
        yield from _labelled(say("article"), say("none of it"))
        return
    if headline := row.get("headline"):
        yield from _labelled(say("headline"), headline)
    yield from _labelled(say("address"), row["article_url"] or say("unknown"))
    yield from _labelled(say("published"), say.moment(row["article_published_at"]))
    for name, ids in same_words_of(row):
        yield from _labelled(say(name), ids)
    yield from _labelled(say("mandate"), mandate_told(case, say))
    for k, right in enumerate(rights_told(case, say)):
        yield from _labelled("" if k else say("rights"), right)
    yield from _labelled(say("reservation"), say.of(RESERVATIONS, case.reservation))


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


def _words(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    """Yield the part of the case about its words."""
    row = case.row
    yield from _heading(say("the words"))
    if not row["spans"]:
        yield from _paragraph(say("no words"))
        return
    for sentence in measures_told(case, say):
        yield from _paragraph(sentence)
    if case.article is None:
        yield from _paragraph(say("no article"))
    if case.page is None:
        yield from _paragraph(say("no page", why=str(case.page_missing)))
    if case.article is None and case.page is None:
        return
    longest, *others = passages_of(row["spans"])
    shown = [longest, *(other for other in others[: PASSAGES_SHOWN - 1] if other.words >= LEAST_SHOWN)]
    for passage in shown:
        yield ""
        yield from _side_by_side(case, passage, say)
    if left := 1 + len(others) - len(shown):
        yield ""
        yield from _paragraph(say("more passages", count=left))


def _side_by_side(case: ExplainedRow, passage: ExplainedPassage, say: Speaker) -> Iterator[str]:
    """Yield a passage of the article, and the same of the page beside it."""
    yield from _paragraph(say("passage", words=say.number(passage.words)))
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


def _why(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    yield from _heading(say("why", letter=case.letter))
    reasons = case.reasons
    if reasons is None:
        yield from _paragraph(say("no reasons"))
        return
    known = [REASONS[code] for code in reasons if code in REASONS]
    for reason in known:
        mark = "+ " if reason.caps is None else "- "
        yield from _paragraph(f"{reason.sentence(say.language)} [{reason.code}]", mark)
    yield ""
    yield from _paragraph(say("signs"))
    told = " ".join(reason.fr for reason in known)
    if "copié" in told:
        yield from _paragraph(say("copied"))
    if is_known := "texte connu" in told or "textes connus" in told:
        yield from _paragraph(say("known"))
    if is_known or "membre" in told:
        yield from _paragraph(say("member"))
    if rules := _other_thresholds(case.config):
        yield from _paragraph(say("thresholds", rules=", ".join(rules)))
    yield from _heading(say("what would change it"))
    yield from _mends(case, known, say)


def _other_thresholds(config: Mapping[str, Any]) -> list[str]:
    """Return the rules of a run that differ from those that the sentences of reasons name."""
    usual = {"grade": asdict(GradeRules()), "confidence": asdict(ConfidenceRules())}
    return [
        f"{section}.{name} = {value}"
        for section, rules in usual.items()
        for name, value in config.get(section, {}).items()
        if name in rules and value != rules[name]
    ]


def _mends(case: ExplainedRow, known: Sequence[Reason], say: Speaker) -> Iterator[str]:
    """Yield what would change the letter."""
    mends = list(dict.fromkeys(filter(None, (reason.mend(say.language) for reason in known))))
    is_good = case.letter in ("A", "B")
    if not mends:
        mends = [say("nothing lowers" if is_good else "lower then")]
        if case.letter == "B" and any(reason.code == "full_copy" for reason in known):
            mends.append(say("would be a"))
    elif len(mends) > 1 and not is_good:
        yield from _paragraph(say("each holds"))
    if is_good:
        own = "itself" if is_page_itself(case.row) else "own" if case.own_site else ""
        mends.append(say(f"falls {own}".rstrip()))
    for mend in mends:
        yield from _paragraph(mend, "- ")
    if case.letter == "C":
        yield ""
        yield from _paragraph(say("for a person"))


def _check(case: ExplainedRow, say: Speaker) -> Iterator[str]:
    row = case.row
    yield from _heading(say("how to check"))
    yield from _paragraph(say("fetch it"))
    if needs := recipe.needs(row, case.shard):
        yield from _paragraph(say("needs", what=", ".join(map(say, needs))))
    yield ""
    yield from (f"    {line}" for line in recipe.commands(row, case.shard))
    passage = _longest_passage(case)
    yield ""
    yield from _paragraph(f"{say('run it')} {say('words there')}" if passage else say("run it"))
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
