"""Documents of a bag in French and English: its README, a page for each claim, and PDFs of all claims.

A page of a claim is in both languages at once: the two buttons at its top choose. Its reader is unknown when
the bag is sealed, and the texts are stored in it once. All text is hostile: templates escape it, and the
page's policy loads and runs nothing.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from presswatch_spark.claims.case import ExplainedRow, article_of, owner
from presswatch_spark.claims.exposed import (
    exposure_told,
    exposures_of,
    nothing_told,
    product_of_row,
    source_told,
)
from presswatch_spark.claims.exposures import Exposure
from presswatch_spark.claims.marks import around_marks, marked, pieces_of, ranges_of, visible
from presswatch_spark.claims.selection import COPY, DISK, PLACE, RecordReading, Selection
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import LETTERS, NamedFact, Told, legal_person_of, told
from presswatch_spark.claims.told_phrases import FAILURES, TOLD
from presswatch_spark.corpus.registry import MandateDocument, Publisher
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence import verify
from presswatch_spark.evidence.bag import PAGES, Bag
from presswatch_spark.evidence.bag_phrases import CLAIMS_PDF, COMMANDS, PLACES, README, STEPS
from presswatch_spark.evidence.records import KeptRecord
from presswatch_spark.evidence.typesetting import (
    environment,
    forget_documents,
    in_print,
    lacks_signs,
    moment_in,
    pdf_of,
    runs_leftwards,
)
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.pointers.audit import RowCheck
from presswatch_spark.pointers.checks import OTHER_ARTICLE
from presswatch_spark.show import columns_of, wrapped_at
from presswatch_spark.storage.uris import canonical
from presswatch_spark.translation import N_
from presswatch_spark.version import __version__

LANGUAGES = {"fr": "Français", "en": "English"}
TEMPLATES = Path(__file__).with_name("templates")
AUTHOR = f"presswatch-spark {__version__}"

AROUND = 400
"""Characters of a text that a PDF shows before and after copied words."""
SHOWN_MOST = 24_000
"""Characters that a PDF shows of a text in all: some 4,000 words, or eight columns."""
PART = 100
"""Claims in one PDF; more come in several."""
ATTACHED = "rows.jsonl"
HEADINGS = (
    "article", "page", "words", "exposure", "proves nothing", "again", "side by side", "in article",
    "in page",
)  # fmt: skip
NO_REASONS = N_("This scan is old: it did not note its reasons. A new scan gives them.")
OPENING = ("opening", "long", "signs", "attached")

README_NAMES = {"fr": "LISEZ-MOI", "en": "README"}
FIGURES = ("claims", "addresses", "pages", "captures", "records", "articles", "hosts")
COLUMNS = 100
NAMED = 28
"""Columns of the README as plain text, and of the names of its facts."""


# --- a claim


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """A claim with the texts that may be shown, and the exposures that the bag is made with."""

    case: ExplainedRow
    exposures: Sequence[Exposure]


@dataclass(frozen=True, slots=True)
class ExposureView:
    """An exposure in one language: a sentence, and its sources, each a quotation and its place."""

    id: str
    sentence: str
    sources: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ClaimView:
    """What page and PDF show of a claim in one language, apart from its texts.

    `no_exposure`: why no exposure is known; `why_not`: why the record is no longer as its row says. Both are
    empty otherwise. `missing`: why the text of `article` or `page` is not shown. `words`: headings.
    """

    lang: str
    row: str
    account: Told
    why: str
    exposure: Sequence[ExposureView]
    no_exposure: str
    again: str
    why_not: str
    missing: Mapping[str, str]
    words: Mapping[str, str]


def view_of(shown: ShownClaim, language: str) -> ClaimView:
    """Return what documents show of a claim in a language."""
    case, say = shown.case, Speaker(language, for_print=True)
    phrase, account = partial(say.of, TOLD), told(case, say)
    failure = say.of(FAILURES, case.page_missing.reason) if case.page_missing else ""
    exposure = [
        ExposureView(
            each.id,
            exposure_told(each, named, say),
            [(source.quotation, source_told(source, say)) for source in each.sources],
        )
        for each, named in exposures_of(case.row, case.letter, shown.exposures)
    ]
    is_address = case.row["article_id"] is None
    return ClaimView(
        lang=language,
        row=case.row["row_sha256"],
        account=account,
        why=phrase("why", letter=account.letter),
        exposure=exposure,
        no_exposure="" if exposure else nothing_told(product_of_row(case.row), case.letter, say),
        again=phrase("fetched" if account.commands else "on disk"),
        why_not=phrase("no longer as said", why=failure) if failure else "",
        missing={
            "article": phrase("no article by address" if is_address else "no text of article"),
            "page": phrase("no text of page", why=failure),
        },
        words={name.replace(" ", "_"): phrase(name) for name in HEADINGS} | {"no_reasons": say(NO_REASONS)},
    )


def page_of(shown: ShownClaim) -> str:
    """Return the page of a claim as HTML, with its copied words marked in both texts."""
    from markupsafe import Markup

    style = (TEMPLATES / "claim.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    texts = {
        side: None if text is None else Markup(marked(text, spans))
        for side, text, spans in _texts_of(shown.case)
    }
    return (
        environment(TEMPLATES)
        .get_template("claim.html")
        .render(
            row=str(shown.case.row["row_sha256"]),
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            style=Markup(style),
            views=[view_of(shown, language) for language in LANGUAGES],
            languages=LANGUAGES,
            texts=texts,
        )
        + "\n"
    )


def printed_claim(shown: ShownClaim, language: str) -> dict[str, Any]:
    """Return what a PDF shows of a claim: its view, and copied words with their surroundings."""
    say = Speaker(language, for_print=True)
    texts = {
        side: {"pieces": _pieces(text, spans, say), "leftwards": runs_leftwards(text or "")}
        for side, text, spans in _texts_of(shown.case)
    }
    printed: dict[str, Any] = in_print(asdict(view_of(shown, language)) | {"texts": texts})
    return printed


def _texts_of(case: ExplainedRow) -> Iterator[tuple[str, str | None, list[tuple[Any, Any]]]]:
    spans = case.row.get("spans") or ()
    yield "article", case.article, ranges_of(spans, "article")
    yield "page", case.page, ranges_of(spans, "document")


def _pieces(text: str | None, spans: Iterable[tuple[Any, Any]], say: Speaker) -> list[tuple[str, str]] | None:
    """Return copied words with what surrounds them, and what is left out between; None without a text."""
    if text is None:
        return None
    return [
        ("gap", say.of(TOLD, "left out", count=say.number(piece.left_out)))
        if piece.left_out
        else ("copied" if piece.is_copied else "text", piece.text)
        for piece in around_marks(pieces_of(text, spans), AROUND, SHOWN_MOST)
    ]


@dataclass(frozen=True, slots=True)
class ClaimDocuments:
    """Writes the page of each claim as the verdict on its row comes, then the PDFs of all claims.

    A bag may have 10,000 claims: what PDFs will show of them waits in the folder `scratch`. `with_texts`:
    whether texts of articles may be shown.
    """

    bag: Bag
    chosen: Selection
    corpus: Corpus
    exposures: Sequence[Exposure]
    with_texts: bool
    scratch: Path

    def hear(self, verdict: RowCheck) -> None:
        """Write the page of the claim of a row."""
        shown = ShownClaim(self._case(verdict), self.exposures)
        digest = verdict.row["row_sha256"]
        self.bag.write(f"{PAGES}/{digest}.html", page_of(shown).encode())
        for language in LANGUAGES:
            path = self.scratch / f"{digest}.{language}.json"
            path.write_text(json.dumps(printed_claim(shown, language)), encoding="utf-8")

    def write_pdfs(self, moment: datetime, claims_root: str) -> None:
        """Write the PDFs of all claims, when rows are in the bag and all verdicts have come.

        Args:
            moment: the time of making that each states.
        """
        lines = verify.lines_of(self.bag.read(verify.ROWS))
        by_digest = {json.loads(line)["row"]["row_sha256"]: line for line in lines}
        ordered = sorted(self.chosen.rows, key=self._order)
        parts = [ordered[first : first + PART] for first in range(0, len(ordered), PART)]
        attached = self.scratch / ATTACHED
        for number, rows in enumerate(parts):
            attached.write_bytes(b"".join(by_digest[row] + b"\n" for row in sorted(rows)))
            for language in LANGUAGES:
                say = Speaker(language, for_print=True)
                data = self._part(rows, number, len(parts), say)
                footer = say.of(CLAIMS_PDF, "footer", root=claims_root)
                data |= {"moment": moment_in(moment), "footer": footer}
                pdf = pdf_of(TEMPLATES / "claims.typ", data, moment, {ATTACHED: attached}, tagged=False)
                self.bag.write(f"{PAGES}/{pdf_name(language, number, len(parts))}", pdf)
                if len(parts) > 1:
                    forget_documents()

    def _order(self, digest: str) -> tuple[str, ...]:
        """Return the key by which PDFs order claims: letter, title, article, address of the page."""
        row, claim = self.chosen.rows[digest], self.chosen.claims[digest]
        names = ("title_id", "article_id", "document_url")
        return (str(claim["confidence"]), *(str(row[name] or "") for name in names), digest)

    def _part(self, rows: Sequence[str], number: int, of: int, say: Speaker) -> dict[str, Any]:
        """Return what a PDF shows, apart from its moment and its footer."""
        phrase = partial(say.of, CLAIMS_PDF)
        first, total = number * PART + 1, len(self.chosen.rows)
        claims = [json.loads((self.scratch / f"{row}.{say.language}.json").read_bytes()) for row in rows]
        sources = _number_sources(claims, self.exposures)
        for place, claim in enumerate(claims, first):
            claim["number"] = say.of(TOLD, "number", number=say.number(place), all=say.number(total))
        shown = {
            "first": say.number(first),
            "last": say.number(first + len(rows) - 1),
            "all": say.number(total),
        }
        letters = sorted({claim["account"]["letter"] for claim in claims})
        opening = [*(phrase(name) for name in OPENING), phrase("texts" if self.with_texts else "no texts")]
        return {
            "lang": say.language,
            "title": phrase("title"),
            "author": AUTHOR,
            "subtitle": phrase("part", part=number + 1, parts=of, **shown)
            if of > 1
            else phrase("whole", **shown),
            "opening": opening,
            "letters": [asdict(NamedFact(letter, say(LETTERS[letter]))) for letter in letters],
            "letters_heading": phrase("letters"),
            "sources_heading": phrase("sources"),
            "proves_nothing": say.of(TOLD, "proves nothing"),
            "claims": claims,
            "sources": sources,
            "attached": [{"name": ATTACHED, "description": phrase("rows"), "kind": "application/jsonl"}],
        }

    def _case(self, verdict: RowCheck) -> ExplainedRow:
        row, failure, record = verdict.row, verdict.failure, verdict.record
        claim = self.chosen.claims[row["row_sha256"]]
        publisher, title = owner(self.corpus, row)
        # A change of the corpus proves nothing about the page.
        is_page = record is not None and (failure is None or failure.reason == OTHER_ARTICLE)
        return ExplainedRow(
            row=row,
            claim=claim,
            publisher=publisher,
            title=title,
            article=article_of(self.corpus, row) if self.with_texts else None,
            page=record.text.decode("utf-8", "replace") if record and is_page else None,
            page_missing=failure,
            shard=canonical(verdict.pointer.uri),
            config={},
            as_of=date.fromisoformat(str(claim["as_of"])),
            mandate=claim["mandate"],
            rights=claim["rights"],
            reservation=claim["reservation"],
        )


def _number_sources(claims: Iterable[dict[str, Any]], exposures: Iterable[Exposure]) -> list[list[str]]:
    """Return the sources of all claims: number, quotation, place; sentences of claims get their numbers."""
    named = {each["id"]: each["sources"] for claim in claims for each in claim["exposure"]}
    sources, numbers = list[list[str]](), dict[str, list[str]]()
    for exposure in exposures:
        for quotation, where in named.get(exposure.id, ()):
            number = f"[{len(sources) + 1}]"
            numbers.setdefault(exposure.id, []).append(number)
            sources.append([number, quotation, where])
    for claim in claims:
        claim["exposure"] = [
            f"{each['sentence']} {', '.join(numbers.get(each['id'], ()))}".strip()
            for each in claim["exposure"]
        ]
    return sources


def pdf_name(language: str, number: int = 0, of: int = 1) -> str:
    """Return the name of a PDF of claims in the bag's folder of pages; `number` counts from 0."""
    part = f"-{number + 1:02}" if of > 1 else ""
    return f"{'cote-a-cote' if language == 'fr' else 'side-by-side'}{part}.pdf"


# --- the README


@dataclass(frozen=True, slots=True)
class ReadmeFacts:
    """How a bag was made.

    `kept`: the record of each row. `protocol` and `program`: as they are in the bag. `authorities`: those
    that were asked for time-stamps. `moment`: when it was made, in whole seconds.
    """

    chosen: Selection
    corpus: Corpus
    runs: Sequence[Row]
    kept: Mapping[str, KeptRecord]
    protocol: Mapping[str, Any]
    program: Mapping[str, Any]
    authorities: Sequence[str]
    claims_root: str
    moment: datetime

    @property
    def other_corpus(self) -> list[str]:
        """Return the runs that were made with another corpus."""
        return [run["run_id"] for run in self.runs if run["corpus_digest"] != self.corpus.manifest.digest]


@dataclass(frozen=True, slots=True)
class DocumentBlock:
    """A part of a document, for typst and for plain text.

    `content`: the text of `heading` and `text`; the texts of `list`, `steps` and `code`; names and values of
    `facts`, and whether they are code; `headers`, `rows`, and the columns that are `numbers` of a `table`.
    """

    kind: Literal["heading", "text", "list", "steps", "code", "facts", "table"]
    content: Any


def write_readme(bag: Bag, facts: ReadmeFacts) -> None:
    """Write the README in both languages, as PDF and as text."""
    for language in LANGUAGES:
        say = Speaker(language, for_print=True)
        blocks = list(readme_blocks(facts, say))
        title, subtitle = (
            say.of(README, "title"),
            say.of(README, "subtitle", moment=say.moment(facts.moment)),
        )
        printed = in_print([[block.kind, block.content] for block in blocks])
        if lacks_signs(printed):
            printed.append(["text", say.of(CLAIMS_PDF, "signs")])
        data = {
            "lang": language,
            "title": title,
            "subtitle": subtitle,
            "author": AUTHOR,
            "moment": moment_in(facts.moment),
            "footer": f"{say.of(README, 'claims root')} {facts.claims_root}",
            "blocks": printed,
        }
        pdf = pdf_of(TEMPLATES / "readme.typ", data, facts.moment)
        bag.write(f"{README_NAMES[language]}.pdf", pdf)
        bag.write(f"{README_NAMES[language]}.txt", plain_text(title, subtitle, blocks).encode())


def readme_blocks(facts: ReadmeFacts, say: Speaker) -> Iterator[DocumentBlock]:
    """Yield the README in a language, section by section."""
    yield from _in_brief(facts, say)
    yield from _who(facts, say)
    yield from _examined(facts, say)
    yield from _publishers(facts, say)
    yield from _method(say)
    yield from _seal(facts, say)


def _in_brief(facts: ReadmeFacts, say: Speaker) -> Iterator[DocumentBlock]:
    phrase, chosen, whole = partial(say.of, README), facts.chosen, facts.chosen.figures()
    yield DocumentBlock("heading", phrase("in brief"))
    yield DocumentBlock("text", phrase("what", claims=_claims(whole.claims, say)))
    by_letter = {**chosen.figures_by_letter(), phrase("total"): whole}
    counts = [
        [letter, *(say.number(figures.numbers()[each]) for each in FIGURES)]
        for letter, figures in by_letter.items()
    ]
    yield _table([phrase(each) for each in ("letter", *FIGURES)], counts, range(1, len(FIGURES) + 1))
    yield DocumentBlock("text", phrase("figures"))
    if lacking := sum(row["document_url"] is None for row in chosen.rows.values()):
        yield DocumentBlock("text", phrase("unknown address", count=say.number(lacking)))
    reasons = Counter(each.reason for each in facts.kept.values() if each.reason)
    read = {
        row: RecordReading(facts.moment, each.file) for row, each in facts.kept.items() if not each.reason
    }
    yield DocumentBlock("text", phrase("read", read=say.number(len(read)), all=say.number(len(facts.kept))))
    sources = Counter(each.source(str(chosen.rows[row]["shard_uri"])) for row, each in read.items())
    yield DocumentBlock(
        "list",
        [
            phrase(f"read from {each}", count=say.number(sources[each]))
            for each in (PLACE, COPY, DISK)
            if sources[each]
        ],
    )
    if reasons:
        yield DocumentBlock("text", phrase("none left out"))
        named = [
            f"{say.of(FAILURES, reason)} ({reason}) × {say.number(count)}"
            for reason, count in sorted(reasons.items())
        ]
        yield DocumentBlock("list", named)
    if chosen.licensed:
        yield DocumentBlock("text", phrase("licensed", claims=_claims(chosen.licensed, say)))


def _claims(number: int, say: Speaker) -> str:
    few = number < 2 if say.language == "fr" else number == 1
    return say.of(README, "one claim" if few else "many claims", number=say.number(number))


def _who(facts: ReadmeFacts, say: Speaker) -> Iterator[DocumentBlock]:
    phrase, protocol, program = partial(say.of, README), facts.protocol, facts.program
    none, not_said = phrase("none"), phrase("not said")
    proxies = ", ".join(f"{scheme}: {url}" for scheme, url in protocol["proxies"].items())
    yield DocumentBlock("heading", phrase("who"))
    yield DocumentBlock(
        "facts",
        [
            (phrase("account"), protocol["account"] or not_said, True),
            (phrase("host"), protocol["host"], True),
            (phrase("system"), protocol["system"], True),
            (phrase("began"), _moment(protocol["began_at"], say), False),
            (phrase("ended"), _moment(protocol["ended_at"], say), False),
            (phrase("command"), protocol["command"] or not_said, True),
            (phrase("program"), f"presswatch-spark {program['version']}, Python {program['python']}", False),
            (phrase("commit"), program["commit"] or not_said, True),
            (phrase("machine addresses"), ", ".join(protocol["addresses"]) or none, True),
            (phrase("proxies"), proxies or none, True),
        ],
    )
    servers = protocol["servers"]
    yield DocumentBlock("text", phrase("servers" if servers else "no servers"))
    if servers:
        rows = [
            [
                server["host"],
                say.number(server["requests"]),
                ", ".join(server["answered_from"]),
                _ahead(server["clock_ahead_seconds"], say),
            ]
            for server in servers
        ]
        yield _table([phrase(each) for each in ("server", "requests", "answered", "clock")], rows, (1, 3))


def _ahead(seconds: float | None, say: Speaker) -> str:
    if seconds is None:
        return say.of(README, "not said")
    shown = f"{seconds:+.1f}"
    return say.of(README, "seconds", number=shown.replace(".", ",") if say.language == "fr" else shown)


def _moment(text: str, say: Speaker) -> str:
    return say.moment(datetime.fromisoformat(text).replace(microsecond=0))


def _examined(facts: ReadmeFacts, say: Speaker) -> Iterator[DocumentBlock]:
    phrase, chosen = partial(say.of, README), facts.chosen
    releases = dict[str, set[str]]()
    for row in chosen.rows.values():
        known = row["release"] or phrase("no release", format=row["dataset"])
        releases.setdefault(row["run_id"], set()).add(known)
    rows = [
        [
            run["run_id"],
            ", ".join(sorted(releases[run["run_id"]])),
            say.day(run["started_at"].date()),
            phrase(
                "of", complete=say.number(run["shards_complete"]), planned=say.number(run["shards_planned"])
            ),
        ]
        for run in facts.runs
    ]
    days = sorted({str(claim["as_of"]) for claim in chosen.claims.values()})
    reviewed = sum(claim.get("review") is not None for claim in chosen.claims.values())
    yield DocumentBlock("heading", phrase("sources"))
    yield DocumentBlock("text", phrase("runs"))
    yield _table([phrase(each) for each in ("run", "release", "scanned", "shards")], rows)
    yield DocumentBlock(
        "facts",
        [
            (phrase("corpus"), facts.corpus.manifest.digest, True),
            (phrase("corpus size"), say.number(len(facts.corpus)), False),
            (phrase("judged"), ", ".join(say.day(datetime.fromisoformat(day).date()) for day in days), False),
            (phrase("reviews"), say.number(reviewed), False),
        ],
    )
    if facts.other_corpus:
        yield DocumentBlock("text", phrase("corpus differs"))


def _publishers(facts: ReadmeFacts, say: Speaker) -> Iterator[DocumentBlock]:
    phrase = partial(say.of, README)
    publishers = {each.id: each for each in facts.corpus.registry.publishers}
    rows = [
        [
            legal_person_of(publishers.get(id), id),
            _mandate(publishers.get(id), say),
            say.number(figures.claims),
        ]
        for id, figures in facts.chosen.figures_by_publisher().items()
    ]
    yield DocumentBlock("heading", phrase("publishers"))
    yield _table([phrase("publisher"), phrase("mandate"), phrase("claims")], rows, (2,))


def _mandate(publisher: Publisher | None, say: Speaker) -> str:
    if publisher is None or not publisher.has_mandate:
        return say.of(README, "no mandate")
    ends = (("from", publisher.mandate_from), ("to", publisher.mandate_to))
    term = " ".join(say.of(README, end, day=say.day(day)) for end, day in ends if day)
    document = publisher.mandate_document
    return ", ".join(filter(None, (term, _deed(document, say) if document else "")))


def _deed(document: MandateDocument, say: Speaker) -> str:
    facts = {"path": document.path, "sha256": document.sha256}
    if document.signed_on is None:
        return say.of(README, "document", **facts)
    return say.of(README, "dated document", day=say.day(document.signed_on), **facts)


def _method(say: Speaker) -> Iterator[DocumentBlock]:
    phrase, side = partial(say.of, README), 0 if say.language == "fr" else 1
    steps = {each: [say.set(line) for line in STEPS[each][side]] for each in STEPS}
    yield DocumentBlock("heading", phrase("method"))
    yield DocumentBlock("steps", steps["method"])
    yield DocumentBlock("heading", phrase("letters"))
    yield DocumentBlock("text", phrase("by rules"))
    yield DocumentBlock("facts", [(letter, say(LETTERS[letter]), False) for letter in LETTERS])
    yield DocumentBlock("heading", phrase("check"))
    yield DocumentBlock("text", phrase("check own"))
    yield DocumentBlock("list", steps["check"])
    yield DocumentBlock("code", COMMANDS["check"])
    yield DocumentBlock("text", phrase("draw"))
    yield DocumentBlock("code", COMMANDS["draw"])
    yield DocumentBlock("heading", phrase("where"))
    yield DocumentBlock("facts", [(place, say.of(PLACES, place), False) for place in PLACES])
    yield DocumentBlock("heading", phrase("limits"))
    yield DocumentBlock("list", steps["limits"])


def _seal(facts: ReadmeFacts, say: Speaker) -> Iterator[DocumentBlock]:
    phrase, authorities = partial(say.of, README), ", ".join(facts.authorities)
    roots = [(phrase("claims root"), facts.claims_root, True)]
    yield DocumentBlock("heading", phrase("seal"))
    yield DocumentBlock("facts", roots + [(phrase("asked"), authorities, True)] * bool(authorities))
    yield DocumentBlock("text", phrase("roots"))
    if not authorities:
        yield DocumentBlock("text", phrase("not asked"))


def _table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Iterable[int] = ()
) -> DocumentBlock:
    return DocumentBlock("table", {"headers": headers, "rows": rows, "numbers": list(numbers)})


# --- plain text


def plain_text(title: str, subtitle: str, blocks: Iterable[DocumentBlock]) -> str:
    """Return a document as plain text."""
    lines = [title.upper(), "=" * columns_of(title), "", subtitle]
    for block in blocks:
        lines += ["", *_plain_lines(block)]
    return "".join(f"{visible(line).rstrip()}\n" for line in lines)


def _plain_lines(block: DocumentBlock) -> Iterator[str]:
    content = block.content
    if block.kind == "heading":
        yield from (content, "-" * columns_of(content))
    elif block.kind == "text":
        yield from wrapped_at(content, COLUMNS)
    elif block.kind == "code":
        yield from (f"    {line}" for line in content)
    elif block.kind == "facts":
        for name, value, is_code in content:
            yield from _hanging(f"{name:{NAMED}}", value, is_code)
    elif block.kind == "table":
        yield from _columns([content["headers"], *content["rows"]], content["numbers"])
    else:
        for number, line in enumerate(content, 1):
            yield from _hanging(f"{number}. " if block.kind == "steps" else "- ", line)


def _hanging(mark: str, text: str, is_whole: bool = False) -> Iterator[str]:
    """Yield text in lines behind a mark; a value that readers copy stays on one line."""
    pieces = [text] if is_whole else wrapped_at(text, COLUMNS - len(mark))
    for number, piece in enumerate(pieces):
        yield (" " * len(mark) if number else mark) + piece


def _columns(rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> Iterator[str]:
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        blanks = [" " * (width - columns_of(value)) for value, width in zip(row, widths, strict=True)]
        yield "  ".join(
            blank + value if place in numbers else value + blank
            for place, (value, blank) in enumerate(zip(row, blanks, strict=True))
        )
