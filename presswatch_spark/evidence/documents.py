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
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from presswatch_spark.claims.case import ExplainedRow, article_of, owner
from presswatch_spark.claims.exposures import (
    Exposure,
    exposure_told,
    exposures_of,
    load_exposures,
    nothing_told,
    product_of_row,
    source_told,
)
from presswatch_spark.claims.marks import around_marks, marked, pieces_of, ranges_of, visible
from presswatch_spark.claims.narrative import (
    LETTERS,
    ClaimAccount,
    NamedFact,
    Speaker,
    account_of,
    legal_person_of,
)
from presswatch_spark.claims.selection import COPY, DISK, PLACE, RecordReading, Selection
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence import verify
from presswatch_spark.evidence.bag import PAGES, Bag
from presswatch_spark.evidence.records import ReadRecords
from presswatch_spark.evidence.typesetting import (
    SIGNS,
    environment,
    forget_documents,
    in_print,
    lacks_signs,
    moment_in,
    pdf_of,
    runs_leftwards,
)
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.storage.uris import canonical, printable
from presswatch_spark.terminal import columns_of, wrapped_at
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
FAILURES = {
    "row edited": N_("the row is no longer as the scan wrote it"),
    "no shard": N_("the file is no longer there"),
    "not reached": N_("the file could not be reached"),
    "record gone": N_("the record is no longer at its place in the file"),
    "unreadable": N_("the record can no longer be read"),
    "other URI": N_("a page of another address stands there"),
    "other record id": N_("another record stands there"),
    "other digest": N_("the record declares another digest"),
    "other payload": N_("the content of the page is another"),
    "other extraction": N_("its text would be extracted in another way"),
    "other text": N_("the text of the page is another"),
    "other facts": N_("date, status or place of the record have changed"),
    "damaged record": N_("the record is damaged"),
    "other article": N_("the corpus that was given has this text of the article no more"),
    "other words": N_("the words are not the same on both sides"),
    "other signal": N_("the site's declaration is another"),
}
"""Why a record is not what its row says, by the codes of `pointers.checks.REASONS`."""
PROVES_NOTHING = N_("These statements prove neither that a model read this text, nor a wrong.")
README_NAMES = {"fr": "LISEZ-MOI", "en": "README"}
BlockKind = Literal["heading", "text", "list", "steps", "code", "facts", "table"]
MARKS: Mapping[str, BlockKind] = {
    "# ": "heading", "- ": "list", "1. ": "steps", "$ ": "code", "= ": "facts", "== ": "facts", "| ": "table",
}  # fmt: skip
"""Beginnings of lines of `readme.jinja`. A line without one is a paragraph; the value after `==` is code."""
COLUMNS = 100
NAMED = 28
"""Columns of the README as plain text, and of the names of its facts."""


# --- a claim


@dataclass(frozen=True)
class ShownClaim:
    """A claim with the texts that may be shown, and the exposures that the bag is made with."""

    case: ExplainedRow
    exposures: Sequence[Exposure]

    @cached_property
    def views(self) -> Mapping[str, "ClaimView"]:
        """The content of its documents by language: page and PDFs have the same."""
        return {language: view_of(self, language) for language in LANGUAGES}


@dataclass(frozen=True, slots=True)
class ExposureView:
    """An exposure in one language: a sentence, and its sources, each a quotation and its place."""

    id: str
    sentence: str
    sources: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ClaimView:
    """The content of page and PDF of a claim in one language, apart from its texts.

    `no_exposure`: why no exposure is known; `why_not`: why the record is no longer as its row says. Both are
    empty otherwise. `missing`: why the text of `article` or `page` is not shown. `words`: headings.
    """

    lang: str
    row: str
    account: ClaimAccount
    why: str
    exposure: Sequence[ExposureView]
    no_exposure: str
    again: str
    why_not: str
    missing: Mapping[str, str]
    words: Mapping[str, str]


def view_of(shown: ShownClaim, language: str) -> ClaimView:
    """Return the content of the documents of a claim in a language."""
    case, _ = shown.case, Speaker(language, for_print=True)
    account = account_of(case, _)
    failure = _(FAILURES[case.page_missing.reason]) if case.page_missing else ""
    exposure = [
        ExposureView(
            each.id,
            exposure_told(each, named, _),
            [(source.quotation, source_told(source, _)) for source in each.sources],
        )
        for each, named in exposures_of(case.row, case.letter, shown.exposures)
    ]
    is_address = case.row.article_id is None
    return ClaimView(
        lang=language,
        row=case.row.row_sha256,
        account=account,
        why=_("Why the letter {letter}", letter=account.letter),
        exposure=exposure,
        no_exposure="" if exposure else nothing_told(product_of_row(case.row), case.letter, _),
        again=(
            _("These commands write the record to a file named record (a terminal of Linux or macOS).")
            if account.commands
            else _("The file lay on a disk: nobody else can read it there. The record is enclosed.")
        ),
        why_not=_("The record is no longer as the row says. The reason: {why}", why=failure)
        if failure
        else "",
        missing={
            "article": (
                _("This finding is about the page's address alone: no article was found on it.")
                if is_address
                else _(
                    "The article's text is not shown here. Its SHA-256 digest tells whether a text that is"
                    " produced is the same."
                )
            ),
            "page": _("The page's text could not be read. The reason: {why}", why=failure),
        },
        words=_labels(_),
    )


def _labels(_: Speaker) -> dict[str, str]:
    return {
        "article": _("The article"),
        "page": _("The page"),
        "words": _("The copied words"),
        "exposure": _("Models whose publishers say that they used this dataset"),
        "proves_nothing": _(PROVES_NOTHING),
        "again": _("Read the page again at its source"),
        "side_by_side": _("Article and page, side by side"),
        "in_article": _("The article"),
        "in_page": _("The page, as the dataset stores it"),
        "no_reasons": _("This scan is old: it did not note its reasons. A new scan gives them."),
    }


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
            row=shown.case.row.row_sha256,
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            style=Markup(style),
            views=list(shown.views.values()),
            languages=LANGUAGES,
            texts=texts,
        )
        + "\n"
    )


def printed_claim(shown: ShownClaim, language: str) -> dict[str, Any]:
    """Return the data of a claim in a PDF: its view, and copied words with their surroundings."""
    _ = Speaker(language, for_print=True)
    texts = dict[str, dict[str, Any]]()
    for side, text, spans in _texts_of(shown.case):
        texts[side] = {"pieces": None, "leftwards": runs_leftwards(text or "")}
        if text is not None:
            texts[side]["pieces"] = [
                ("gap", _("[… {count} characters are not shown here …]", count=_.number(piece.left_out)))
                if piece.left_out
                else ("copied" if piece.is_copied else "text", piece.text)
                for piece in around_marks(pieces_of(text, spans), AROUND, SHOWN_MOST)
            ]
    printed: dict[str, Any] = in_print(asdict(shown.views[language]) | {"texts": texts})
    return printed


def _texts_of(case: ExplainedRow) -> Iterator[tuple[str, str | None, list[tuple[Any, Any]]]]:
    spans = case.row.spans or ()
    yield "article", case.article, ranges_of(spans, "article")
    yield "page", case.page, ranges_of(spans, "document")


@dataclass(frozen=True, slots=True)
class BagFacts:
    """The content of a bag, for its documents.

    `protocol` and `program`: as they are in the bag. `authorities`: those that were asked for time-stamps.
    `with_texts`: texts of articles may be shown.
    """

    selection: Selection
    corpus: Corpus
    records: ReadRecords
    runs: Sequence[dict[str, Any]]
    protocol: Mapping[str, Any]
    program: Mapping[str, Any]
    authorities: Sequence[str]
    with_texts: bool
    claims_root: str

    @property
    def moment(self) -> datetime:
        """Return the time of making that documents state, in whole seconds."""
        return self.records.began_at

    @property
    def other_corpus(self) -> list[str]:
        """Return the runs that were made with another corpus."""
        return [run["run_id"] for run in self.runs if run["corpus_digest"] != self.corpus.manifest.digest]


def write_claims(bag: Bag, facts: BagFacts) -> None:
    """Write a page for each claim, and PDFs of all claims, ordered by letter, title, article and address.

    The rows must be in the bag. It may have 10,000 claims: those of one PDF are in memory.
    """
    rows, claims = facts.selection.rows, facts.selection.claims
    names = ("title_id", "article_id", "document_url")
    ordered = sorted(
        rows,
        key=lambda row: (
            claims[row].confidence,
            *(str(getattr(rows[row], name) or "") for name in names),
            row,
        ),
    )
    parts = [ordered[first : first + PART] for first in range(0, len(ordered), PART)]
    lines = {json.loads(line)["row"]["row_sha256"]: line for line in verify.lines_of(bag.read(verify.ROWS))}
    exposures = load_exposures()
    with scratch_folder() as scratch:
        attached = scratch / ATTACHED
        for number, part in enumerate(parts):
            printed: dict[str, list[dict[str, Any]]] = {language: [] for language in LANGUAGES}
            for row in part:
                shown = ShownClaim(_case_of(facts, row), exposures)
                bag.write(f"{PAGES}/{row}.html", page_of(shown).encode())
                for language in LANGUAGES:
                    printed[language].append(printed_claim(shown, language))
            attached.write_bytes(b"".join(lines[row] + b"\n" for row in sorted(part)))
            for language in LANGUAGES:
                data = _printed_part(facts, printed[language], exposures, number, len(parts), language)
                pdf = pdf_of(TEMPLATES / "claims.typ", data, facts.moment, {ATTACHED: attached}, tagged=False)
                bag.write(f"{PAGES}/{pdf_name(language, number, len(parts))}", pdf)
            if len(parts) > 1:
                forget_documents()


def _case_of(facts: BagFacts, digest: str) -> ExplainedRow:
    row, claim = facts.selection.rows[digest], facts.selection.claims[digest]
    record = facts.records.rows[digest]
    publisher, title = owner(facts.corpus, row)
    return ExplainedRow(
        row=row,
        claim=claim,
        publisher=publisher,
        title=title,
        article=article_of(facts.corpus, row) if facts.with_texts else None,
        page=record.text.read_bytes().decode("utf-8", "replace") if record.text else None,
        page_missing=record.failure,
        shard=canonical(record.uri),
        config={},
        as_of=date.fromisoformat(claim.as_of),
        mandate=claim.mandate,
        rights=claim.rights,
        reservation=claim.reservation,
    )


def _printed_part(
    facts: BagFacts,
    claims: list[dict[str, Any]],
    exposures: Sequence[Exposure],
    number: int,
    of: int,
    language: str,
) -> dict[str, Any]:
    """Return the data of one of the PDFs of claims; `number` counts from 0."""
    _ = Speaker(language, for_print=True)
    first, last, total = number * PART + 1, number * PART + len(claims), len(facts.selection.rows)
    for place, claim in enumerate(claims, first):
        claim["number"] = _("{number} of {all}", number=_.number(place), all=_.number(total))
    shown = {"first": _.number(first), "last": _.number(last), "all": _.number(total)}
    part = _("Part {part} of {parts}: claims {first} to {last} of {all}", part=number + 1, parts=of, **shown)
    letters = sorted({claim["account"]["letter"] for claim in claims})
    return {
        "lang": language,
        "title": _("Claims, side by side"),
        "author": AUTHOR,
        "subtitle": part if of > 1 else _("{all} claims", all=shown["all"]),
        "opening": [
            _(
                "Each claim is about a page that a public dataset stores, and about the press article whose"
                " words this page holds. The facts come from the sealed rows; the page is shown as the"
                " enclosed record holds it. Copied words are marked."
            ),
            _(
                "Of a long text, only the copied words and what surrounds them are shown here, and each"
                " omission is stated. The whole page is in data/pages/, under the digest of the row."
            ),
            _(SIGNS),
            _("The sealed rows of these claims are attached to this PDF (rows.jsonl)."),
            _("The whole text of each article is in data/corpus/texts/.")
            if facts.with_texts
            else _("The texts of articles are not enclosed: their digests identify them."),
        ],
        "letters": [asdict(NamedFact(letter, _(LETTERS[letter]))) for letter in letters],
        "letters_heading": _("What the letters say"),
        "sources": _number_sources(claims, exposures),
        "sources_heading": _("Documents of the publishers of models"),
        "proves_nothing": _(PROVES_NOTHING),
        "claims": claims,
        "attached": [
            {
                "name": ATTACHED,
                "description": _("The sealed rows of these claims"),
                "kind": "application/jsonl",
            }
        ],
        "moment": moment_in(facts.moment),
        "footer": _("Root of the claims: {root}", root=facts.claims_root),
    }


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
class DocumentBlock:
    """A part of a document, for typst and for plain text.

    `content`: the text of `heading` and `text`; the texts of `list`, `steps` and `code`; names and values of
    `facts`, and whether they are code; `headers`, `rows`, and the columns that are `numbers` of a `table`.
    """

    kind: BlockKind
    content: Any


def write_readme(bag: Bag, facts: BagFacts) -> None:
    """Write the README in both languages, as PDF and as text."""
    for language in LANGUAGES:
        _ = Speaker(language, for_print=True)
        blocks = list(readme_blocks(facts, _))
        title, subtitle = _("Sealed evidence"), _("Made on {moment}", moment=_.moment(facts.moment))
        printed = in_print([[block.kind, block.content] for block in blocks])
        if lacks_signs(printed):
            printed.append(["text", _(SIGNS)])
        data = {
            "lang": language,
            "title": title,
            "subtitle": subtitle,
            "author": AUTHOR,
            "moment": moment_in(facts.moment),
            "footer": " ".join([_("Root of the claims"), facts.claims_root]),
            "blocks": printed,
        }
        pdf = pdf_of(TEMPLATES / "readme.typ", data, facts.moment)
        bag.write(f"{README_NAMES[language]}.pdf", pdf)
        bag.write(f"{README_NAMES[language]}.txt", plain_text(title, subtitle, blocks).encode())


def readme_blocks(facts: BagFacts, _: Speaker) -> Iterator[DocumentBlock]:
    """Yield the README in a language: the lines of its template, as blocks."""
    chosen, whole, protocol = facts.selection, facts.selection.figures(), facts.protocol
    records = facts.records.rows
    reasons = Counter(each.reason for each in records.values() if each.reason)
    sources = Counter(
        RecordReading(facts.moment, printable(each.uri)).source(str(chosen.rows[row].shard_uri))
        for row, each in records.items()
        if each.reason is None
    )
    days = sorted({claim.as_of for claim in chosen.claims.values()})
    publishers = facts.corpus.registry.by_id
    template = environment(TEMPLATES, html=False).get_template("readme.jinja")
    text = template.render(
        _=_,
        n=_.n,
        p=_.p,
        number=_.number,
        day=_.day,
        cells=_cells,
        whole=whole,
        by_letter=[*chosen.figures_by_letter().items(), ("", whole)],
        without_address=sum(row.document_url is None for row in chosen.rows.values()),
        read=sources.total(),
        rows=len(records),
        read_from_place=sources[PLACE],
        read_from_copy=sources[COPY],
        read_from_disk=sources[DISK],
        reasons=[(FAILURES[reason], reason, count) for reason, count in sorted(reasons.items())],
        licensed=chosen.licensed,
        protocol=protocol,
        program=facts.program,
        began=_.moment(datetime.fromisoformat(protocol["began_at"]).replace(microsecond=0)),
        ended=_.moment(datetime.fromisoformat(protocol["ended_at"]).replace(microsecond=0)),
        proxies=[f"{scheme}: {url}" for scheme, url in protocol["proxies"].items()],
        seconds=lambda seconds: f"{seconds:+.1f} s".replace(".", "," if _.language == "fr" else "."),
        runs=[(run, _releases(chosen, run["run_id"], _)) for run in facts.runs],
        corpus=facts.corpus,
        judged=[_.day(datetime.fromisoformat(day).date()) for day in days],
        reviewed=sum(claim.review is not None for claim in chosen.claims.values()),
        other_corpus=facts.other_corpus,
        publishers=[
            (legal_person_of(publishers.get(id), id), _mandate(publishers.get(id), _), figures.claims)
            for id, figures in chosen.figures_by_publisher().items()
        ],
        letters=LETTERS,
        claims_root=facts.claims_root,
        authorities=facts.authorities,
    )
    yield from _blocks_in(text)


def _cells(*values: str) -> str:
    """Return values as one line of facts or of a table, for `_blocks_in`."""
    return "\t".join(value.replace("\t", " ") for value in values)


def _blocks_in(text: str) -> Iterator[DocumentBlock]:
    """Yield the blocks of a rendered template; lines of one kind that follow each other are one block.

    The first line of a table has its headers; those of numbers begin with `>`.
    """
    for kind, group in groupby(map(_marked, text.split("\n")), key=lambda line: line[0]):
        lines = list(group)
        if kind in ("heading", "text"):
            yield from (DocumentBlock(kind, content) for _, _, content in lines)
        elif kind == "facts":
            yield DocumentBlock(kind, [(*content.split("\t"), mark == "== ") for _, mark, content in lines])
        elif kind == "table":
            headers, *rows = (content.split("\t") for _, _, content in lines)
            numbers = [place for place, header in enumerate(headers) if header.startswith(">")]
            names = [header.removeprefix(">") for header in headers]
            yield DocumentBlock(kind, {"headers": names, "rows": rows, "numbers": numbers})
        elif kind:
            yield DocumentBlock(kind, [content for _, _, content in lines])


def _marked(line: str) -> tuple[BlockKind | None, str, str]:
    """Return the kind of a line, its mark, and the rest; an empty line has no kind."""
    mark = next((mark for mark in MARKS if line.startswith(mark)), "")
    return MARKS.get(mark, "text") if line else None, mark, line.removeprefix(mark)


def _releases(chosen: Selection, run_id: str, _: Speaker) -> list[str]:
    """Return the releases of a run's rows; of rows without one, that it is unknown, and their format."""
    rows = [row for row in chosen.rows.values() if row.run_id == run_id]
    return sorted({row.release or _("not known (format {format})", format=row.dataset) for row in rows})


def _mandate(publisher: Publisher | None, _: Speaker) -> str:
    if publisher is None or not publisher.has_mandate:
        return _("no mandate that is known")
    first, last, document = publisher.mandate_from, publisher.mandate_to, publisher.mandate_document
    term = [_.p("mandate", "from {day}", day=_.day(first))] if first else []
    term += [_("to {day}", day=_.day(last))] if last else []
    facts = [" ".join(term)] if term else []
    if document:
        deed = {"path": document.path, "sha256": document.sha256}
        if document.signed_on is None:
            facts.append(_("deed {path}, SHA-256 {sha256}", **deed))
        else:
            day = _.day(document.signed_on)
            facts.append(_("deed of {day}: {path}, SHA-256 {sha256}", day=day, **deed))
    return ", ".join(facts)


# --- plain text


def plain_text(title: str, subtitle: str, blocks: Iterable[DocumentBlock]) -> str:
    """Return a document as plain text."""
    lines = [title.upper(), "=" * columns_of(title), "", subtitle]
    for block in blocks:
        content = block.content
        lines.append("")
        if block.kind == "heading":
            lines += [content, "-" * columns_of(content)]
        elif block.kind == "text":
            lines += wrapped_at(content, COLUMNS)
        elif block.kind == "code":
            lines += [f"    {line}" for line in content]
        elif block.kind == "facts":
            for name, value, is_code in content:
                lines += _hanging(f"{name:{NAMED}}", value, is_code)
        elif block.kind == "table":
            lines += _columns([content["headers"], *content["rows"]], content["numbers"])
        else:
            for number, line in enumerate(content, 1):
                lines += _hanging(f"{number}. " if block.kind == "steps" else "- ", line)
    return "".join(f"{visible(line).rstrip()}\n" for line in lines)


def _hanging(mark: str, text: str, is_whole: bool = False) -> Iterator[str]:
    """Yield text in lines after a mark; a value that readers copy stays on one line."""
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
