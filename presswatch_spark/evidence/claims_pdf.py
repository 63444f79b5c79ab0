"""One PDF of all claims of a bag in each language; of many claims, in parts."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from presswatch_spark.claims.exposed import source_told
from presswatch_spark.claims.exposures import Exposure
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import LETTERS
from presswatch_spark.claims.told_phrases import TOLD
from presswatch_spark.evidence import verify_alone as alone
from presswatch_spark.evidence.bag_phrases import CLAIMS_PDF
from presswatch_spark.evidence.showing import Showing
from presswatch_spark.evidence.side_by_side import FOLDER, LANGUAGES
from presswatch_spark.evidence.typesetting import forget_documents, moment_in, pdf_of, signs
from presswatch_spark.version import __version__

TEMPLATE = Path(__file__).with_name("claims.typ")
PART = 100
"""Claims in one PDF; more come in several."""
ATTACHED = "rows.jsonl"
_OPENING = ("opening", "long", "signs", "attached")
_HEADINGS = (
    "letters", "article", "page", "words", "exposure", "again", "side by side", "in article", "in page",
    "sources", "proves nothing",
)  # fmt: skip


def write_claims_pdfs(showing: Showing, moment: datetime, claims_root: str) -> None:
    """Write the PDFs of all claims, when rows are in the bag and all verdicts have come.

    Args:
        moment: what each gives as the time of its making.
    """
    whole = alone.lines_of(showing.bag.read(alone.ROWS))
    lines = {json.loads(line)["row"]["row_sha256"]: line for line in whole}
    ordered = showing.claims_in_order()
    parts = [ordered[first : first + PART] for first in range(0, len(ordered), PART)]
    attached = showing.scratch / ATTACHED
    for number, rows in enumerate(parts):
        attached.write_bytes(b"".join(lines[row] + b"\n" for row in sorted(rows)))
        for language in LANGUAGES:
            say = Speaker(language, for_print=True)
            data = _part(showing, rows, number, len(parts), say)
            footer = say.of(CLAIMS_PDF, "footer", root=claims_root)
            data |= {"moment": moment_in(moment), "footer": footer}
            name = f"{FOLDER}/{pdf_name(language, number, len(parts))}"
            showing.bag.write(name, pdf_of(TEMPLATE, data, moment, {ATTACHED: attached}, tagged=False))
            if len(parts) > 1:
                forget_documents()


def _part(showing: Showing, rows: Sequence[str], number: int, of: int, say: Speaker) -> dict[str, Any]:
    """Return what a PDF shows, but for its moment and its footer."""
    phrase = partial(say.of, CLAIMS_PDF)
    first, total = number * PART + 1, len(showing.chosen.rows)
    claims = [showing.printed(row, say.language) for row in rows]
    numbers, sources = _sources(showing.exposures, claims, say)
    for place, claim in enumerate(claims, first):
        claim["number"] = say.of(TOLD, "number", number=say.number(place), all=say.number(total))
        claim["exposure"] = [
            f"{sentence} {', '.join(f'[{each}]' for each in numbers.get(name, ()))}".strip()
            for sentence, name in claim["exposure"]
        ]
    shown = {
        "first": say.number(first),
        "last": say.number(first + len(rows) - 1),
        "all": say.number(total),
    }
    letters = sorted({claim["letter"] for claim in claims})
    texts = phrase("texts" if showing.with_texts else "no texts")
    return {
        "lang": say.language,
        "title": phrase("title"),
        "author": f"presswatch-spark {__version__}",
        "subtitle": phrase("part", part=number + 1, parts=of, **shown)
        if of > 1
        else phrase("whole", **shown),
        "opening": [*(phrase(name) for name in _OPENING), texts],
        "letters": [[letter, say(LETTERS[letter]), False] for letter in letters],
        "words": {
            name.replace(" ", "_"): say.of(CLAIMS_PDF if name in CLAIMS_PDF else TOLD, name)
            for name in _HEADINGS
        },
        "claims": claims,
        "sources": sources,
        "attached": [{"name": ATTACHED, "description": phrase("rows"), "kind": "application/jsonl"}],
    }


def _sources(
    exposures: Sequence[Exposure], claims: Sequence[Mapping[str, Any]], say: Speaker
) -> tuple[dict[str, list[int]], list[list[str]]]:
    """Return the numbers of each exposure's sources, and these: number, quotation, where it stands."""
    named = {name for claim in claims for _, name in claim["exposure"]}
    numbers, sources = dict[str, list[int]](), list[list[str]]()
    for exposure in exposures:
        if exposure.id not in named:
            continue
        for source in exposure.sources:
            numbers.setdefault(exposure.id, []).append(len(sources) + 1)
            told = signs(source_told(source, say))
            sources.append([f"[{len(sources) + 1}]", signs(source.quotation), told])
    return numbers, sources


def pdf_name(language: str, number: int = 0, of: int = 1) -> str:
    """Return the name of a PDF of claims in the bag's folder of pages; `number` counts from 0."""
    part = f"-{number + 1:02}" if of > 1 else ""
    return f"{'cote-a-cote' if language == 'fr' else 'side-by-side'}{part}.pdf"
