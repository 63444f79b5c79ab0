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
from presswatch_spark.corpus.registry import MandateDocument, Publisher
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence import verify
from presswatch_spark.evidence.bag import PAGES, Bag
from presswatch_spark.evidence.records import KeptRecord
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
from presswatch_spark.pointers.audit import RowCheck
from presswatch_spark.pointers.checks import OTHER_ARTICLE, Row
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
PLACES = {
    "data/pages/": N_("each claim, article and page side by side (HTML), and all of them as PDF"),
    "data/rows.jsonl": N_("a line for each claim: its row, the judgement, and its record"),
    "data/records/": N_("the records, as the datasets store them"),
    "data/http/": N_("every request that was made for them, with the head of its answer"),
    "data/protocol.json": N_("the machine, its network, its clock"),
    "data/corpus/": N_("the publishers, their mandates, and digests of the articles"),
    "seal.json": N_("the seal"),
    "stamps/": N_("time-stamps of the seal by third parties"),
}
"""Where to look in a bag."""
CHECK_COMMANDS = (
    "python3 -I verify.py",
    "bagit.py --validate .",
    "openssl ts -verify -in stamps/NN-HOST.tsr -data seal.json -CAfile CA.pem",
    "presswatch evidence verify --ca CA.pem .",
)
DRAW_COMMANDS = (
    'presswatch evidence challenge --seed "…" --sample 1000 .',
    "presswatch evidence disclose --row SHA256 --out PART .",
)
"""Typed in the folder of the bag."""

README_NAMES = {"fr": "LISEZ-MOI", "en": "README"}
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
    case, _ = shown.case, Speaker(language, for_print=True)
    account = told(case, _)
    failure = _(FAILURES[case.page_missing.reason]) if case.page_missing else ""
    exposure = [
        ExposureView(
            each.id,
            exposure_told(each, named, _),
            [(source.quotation, source_told(source, _)) for source in each.sources],
        )
        for each, named in exposures_of(case.row, case.letter, shown.exposures)
    ]
    is_address = case.row["article_id"] is None
    return ClaimView(
        lang=language,
        row=case.row["row_sha256"],
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
        words={
            "article": _("The article"),
            "page": _("The page"),
            "words": _("The copied words"),
            "exposure": _("Models whose publishers say that they used this dataset"),
            "proves_nothing": _("These statements prove neither that a model read this text, nor a wrong."),
            "again": _("Read the page again at its source"),
            "side_by_side": _("Article and page, side by side"),
            "in_article": _("The article"),
            "in_page": _("The page, as the dataset stores it"),
            "no_reasons": _("This scan is old: it did not note its reasons. A new scan gives them."),
        },
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
    _ = Speaker(language, for_print=True)
    texts = {
        side: {"pieces": _pieces(text, spans, _), "leftwards": runs_leftwards(text or "")}
        for side, text, spans in _texts_of(shown.case)
    }
    printed: dict[str, Any] = in_print(asdict(view_of(shown, language)) | {"texts": texts})
    return printed


def _texts_of(case: ExplainedRow) -> Iterator[tuple[str, str | None, list[tuple[Any, Any]]]]:
    spans = case.row.get("spans") or ()
    yield "article", case.article, ranges_of(spans, "article")
    yield "page", case.page, ranges_of(spans, "document")


def _pieces(text: str | None, spans: Iterable[tuple[Any, Any]], _: Speaker) -> list[tuple[str, str]] | None:
    """Return copied words with what surrounds them, and what is left out between; None without a text."""
    if text is None:
        return None
    return [
        ("gap", _("[… {count} characters are not shown here …]", count=_.number(piece.left_out)))
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
                _ = Speaker(language, for_print=True)
                data = self._part(rows, number, len(parts), _)
                footer = _("Root of the claims: {root}", root=claims_root)
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

    def _part(self, rows: Sequence[str], number: int, of: int, _: Speaker) -> dict[str, Any]:
        """Return what a PDF shows, apart from its moment and its footer."""
        first, total = number * PART + 1, len(self.chosen.rows)
        claims = [json.loads((self.scratch / f"{row}.{_.language}.json").read_bytes()) for row in rows]
        sources = _number_sources(claims, self.exposures)
        for place, claim in enumerate(claims, first):
            claim["number"] = _("{number} of {all}", number=_.number(place), all=_.number(total))
        shown = {
            "first": _.number(first),
            "last": _.number(first + len(rows) - 1),
            "all": _.number(total),
        }
        letters = sorted({claim["account"]["letter"] for claim in claims})
        opening = [
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
            (
                _("The whole text of each article is in data/corpus/texts/.")
                if self.with_texts
                else _("The texts of articles are not enclosed: their digests identify them.")
            ),
        ]
        return {
            "lang": _.language,
            "title": _("Claims, side by side"),
            "author": AUTHOR,
            "subtitle": _(
                "Part {part} of {parts}: claims {first} to {last} of {all}",
                part=number + 1,
                parts=of,
                **shown,
            )
            if of > 1
            else _("{all} claims", all=shown["all"]),
            "opening": opening,
            "letters": [asdict(NamedFact(letter, _(LETTERS[letter]))) for letter in letters],
            "letters_heading": _("What the letters say"),
            "sources_heading": _("Documents of the publishers of models"),
            "proves_nothing": _("These statements prove neither that a model read this text, nor a wrong."),
            "claims": claims,
            "sources": sources,
            "attached": [
                {
                    "name": ATTACHED,
                    "description": _("The sealed rows of these claims"),
                    "kind": "application/jsonl",
                }
            ],
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
        _ = Speaker(language, for_print=True)
        blocks = list(readme_blocks(facts, _))
        title, subtitle = (
            _("Sealed evidence"),
            _("Made on {moment}", moment=_.moment(facts.moment)),
        )
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


def readme_blocks(facts: ReadmeFacts, _: Speaker) -> Iterator[DocumentBlock]:
    """Yield the README in a language, section by section."""
    yield from _in_brief(facts, _)
    yield from _who(facts, _)
    yield from _examined(facts, _)
    yield from _publishers(facts, _)
    yield from _method(_)
    yield from _seal(facts, _)


def _in_brief(facts: ReadmeFacts, _: Speaker) -> Iterator[DocumentBlock]:
    chosen, whole = facts.chosen, facts.chosen.figures()
    yield DocumentBlock("heading", _("In brief"))
    yield DocumentBlock(
        "text",
        _(
            "This bag is about {claims}. Each is a page that a public dataset stores, and that holds"
            " words of a press article, or stands at an address of the press.",
            claims=_.n("{n} claim", "{n} claims", whole.claims),
        ),
    )
    columns = {
        "claims": _("claims"),
        "addresses": _("addresses"),
        "pages": _("pages"),
        "captures": _("captures"),
        "records": _("records"),
        "articles": _("articles"),
        "hosts": _("hosts"),
    }
    by_letter = {**chosen.figures_by_letter(), _("in all"): whole}
    counts = [
        [letter, *(_.number(figures.numbers()[each]) for each in columns)]
        for letter, figures in by_letter.items()
    ]
    yield _table([_("letter"), *columns.values()], counts, range(1, len(columns) + 1))
    yield DocumentBlock(
        "text",
        _(
            "A claim is an article on a page; a page, an address in a release; a capture, a page at a"
            " time; a record, the bytes of a capture in one file. Each page counts once, with its"
            " strongest letter."
        ),
    )
    if lacking := sum(row["document_url"] is None for row in chosen.rows.values()):
        yield DocumentBlock(
            "text",
            _(
                "Pages whose address is not known count by their text, and neither as address nor as host."
                " Rows concerned: {count}.",
                count=_.number(lacking),
            ),
        )
    reasons = Counter(each.reason for each in facts.kept.values() if each.reason)
    read = {
        row: RecordReading(facts.moment, each.file) for row, each in facts.kept.items() if not each.reason
    }
    yield DocumentBlock(
        "text",
        _(
            "The record of each row was read again for this bag: {read} of {all} rows describe it as it is.",
            read=_.number(len(read)),
            all=_.number(len(facts.kept)),
        ),
    )
    sources = Counter(each.source(str(chosen.rows[row]["shard_uri"])) for row, each in read.items())
    counts_of = {source: _.number(sources[source]) for source in (PLACE, COPY, DISK)}
    lines = {
        PLACE: _("at its place, in the file that its row names: {count}", count=counts_of[PLACE]),
        COPY: _("in a copy of this file, at another address: {count}", count=counts_of[COPY]),
        DISK: _("in a file on a disk, and not at a public address: {count}", count=counts_of[DISK]),
    }
    yield DocumentBlock("list", [line for source, line in lines.items() if sources[source]])
    if reasons:
        yield DocumentBlock("text", _("The others are in the bag, with the reason. None was left out:"))
        named = [
            f"{_(FAILURES[reason])} ({reason}) × {_.number(count)}"
            for reason, count in sorted(reasons.items())
        ]
        yield DocumentBlock("list", named)
    if chosen.licensed:
        licensed = _.n("{n} claim", "{n} claims", chosen.licensed)
        yield DocumentBlock("text", _("Left out, as the page has a licence: {claims}.", claims=licensed))


def _who(facts: ReadmeFacts, _: Speaker) -> Iterator[DocumentBlock]:
    protocol, program = facts.protocol, facts.program
    none, not_said = _.p("list", "none"), _("not said")
    proxies = ", ".join(f"{scheme}: {url}" for scheme, url in protocol["proxies"].items())
    yield DocumentBlock("heading", _("Who, when, from where"))
    yield DocumentBlock(
        "facts",
        [
            (_("Account"), protocol["account"] or not_said, True),
            (_("Machine"), protocol["host"], True),
            (_("System"), protocol["system"], True),
            (_("Reading began"), _moment(protocol["began_at"], _), False),
            (_("Reading ended"), _moment(protocol["ended_at"], _), False),
            (_("Command"), protocol["command"] or not_said, True),
            (_("Program"), f"presswatch-spark {program['version']}, Python {program['python']}", False),
            (_("Version of its source"), program["commit"] or not_said, True),
            (_("Addresses of the machine"), ", ".join(protocol["addresses"]) or none, True),
            (_("Proxies"), proxies or none, True),
        ],
    )
    servers = protocol["servers"]
    yield DocumentBlock(
        "text",
        (
            _("Sites that were asked. The last column is how far their clock is ahead of the machine's.")
            if servers
            else _("No site was asked: the files lay on a disk of the machine.")
        ),
    )
    if servers:
        rows = [
            [
                server["host"],
                _.number(server["requests"]),
                ", ".join(server["answered_from"]),
                _ahead(server["clock_ahead_seconds"], _),
            ]
            for server in servers
        ]
        headers = [_("site"), _("requests"), _("answered from"), _("ahead")]
        yield _table(headers, rows, (1, 3))


def _ahead(seconds: float | None, _: Speaker) -> str:
    if seconds is None:
        return _("not said")
    shown = f"{seconds:+.1f}"
    return f"{shown.replace('.', ',') if _.language == 'fr' else shown} s"


def _moment(text: str, _: Speaker) -> str:
    return _.moment(datetime.fromisoformat(text).replace(microsecond=0))


def _examined(facts: ReadmeFacts, _: Speaker) -> Iterator[DocumentBlock]:
    chosen = facts.chosen
    releases = dict[str, set[str]]()
    for row in chosen.rows.values():
        known = row["release"] or _("not known (format {format})", format=row["dataset"])
        releases.setdefault(row["run_id"], set()).add(known)
    rows = [
        [
            run["run_id"],
            ", ".join(sorted(releases[run["run_id"]])),
            _.day(run["started_at"].date()),
            _(
                "{complete} of {planned}",
                complete=_.number(run["shards_complete"]),
                planned=_.number(run["shards_planned"]),
            ),
        ]
        for run in facts.runs
    ]
    days = sorted({str(claim["as_of"]) for claim in chosen.claims.values()})
    reviewed = sum(claim.get("review") is not None for claim in chosen.claims.values())
    yield DocumentBlock("heading", _("What was examined"))
    yield DocumentBlock(
        "text", _("The scans that found these pages. A file that was not read to its end proves no absence.")
    )
    yield _table([_("scan"), _("release"), _("date"), _("files read to their end")], rows)
    yield DocumentBlock(
        "facts",
        [
            (_("Corpus (digest)"), facts.corpus.manifest.digest, True),
            (_("Articles in the corpus"), _.number(len(facts.corpus)), False),
            (
                _("Claims judged as of"),
                ", ".join(_.day(datetime.fromisoformat(day).date()) for day in days),
                False,
            ),
            (_("Verdicts of persons"), _.number(reviewed), False),
        ],
    )
    if facts.other_corpus:
        yield DocumentBlock(
            "text", _("Note that at least one scan was made with another corpus than this one.")
        )


def _publishers(facts: ReadmeFacts, _: Speaker) -> Iterator[DocumentBlock]:
    publishers = {each.id: each for each in facts.corpus.registry.publishers}
    rows = [
        [
            legal_person_of(publishers.get(id), id),
            _mandate(publishers.get(id), _),
            _.number(figures.claims),
        ]
        for id, figures in facts.chosen.figures_by_publisher().items()
    ]
    yield DocumentBlock("heading", _("Publishers and mandates"))
    yield _table([_("publisher"), _("mandate"), _("claims")], rows, (2,))


def _mandate(publisher: Publisher | None, _: Speaker) -> str:
    if publisher is None or not publisher.has_mandate:
        return _("no mandate that is known")
    first, last, document = publisher.mandate_from, publisher.mandate_to, publisher.mandate_document
    term = [_.p("mandate", "from {day}", day=_.day(first))] if first else []
    term += [_("to {day}", day=_.day(last))] if last else []
    return ", ".join(filter(None, (" ".join(term), _deed(document, _) if document else "")))


def _deed(document: MandateDocument, _: Speaker) -> str:
    facts = {"path": document.path, "sha256": document.sha256}
    if document.signed_on is None:
        return _("deed {path}, SHA-256 {sha256}", **facts)
    return _("deed of {day}: {path}, SHA-256 {sha256}", day=_.day(document.signed_on), **facts)


def _method(_: Speaker) -> Iterator[DocumentBlock]:
    yield DocumentBlock("heading", _("How a finding is made"))
    yield DocumentBlock(
        "steps",
        [
            _("The corpus holds the articles that the publishers gave, with their dates."),
            _(
                "Each page of a file of the dataset is compared with the articles, word by word. Capitals,"
                " accents and punctuation do not count. An index only chooses the pairs to compare."
            ),
            _(
                "A row is written only if the comparison finds the same words, in the same order, on both"
                " sides. It says how many, where, and in which record of which file."
            ),
            _(
                "Claims then hold each row against the other pages that are known, texts of reference,"
                " licences, mandates, and verdicts of persons. They can only lower a letter."
            ),
            _(
                "For this bag, each record was read again, compared with its row, and kept as it is stored,"
                " byte by byte."
            ),
            _("All of it was sealed: a byte that changes later gives another root."),
        ],
    )
    yield DocumentBlock("heading", _("What a letter says"))
    yield DocumentBlock(
        "text",
        _(
            "The letter is a judgement by published rules, the same for all rows. It judges the facts"
            " alone: mandate and rights are told apart."
        ),
    )
    yield DocumentBlock("facts", [(letter, _(LETTERS[letter]), False) for letter in LETTERS])
    yield DocumentBlock("heading", _("How to check it"))
    yield DocumentBlock(
        "text", _("Anybody can check this bag without the program that made it, and without its author.")
    )
    yield DocumentBlock(
        "list",
        [
            _("With Python alone, without a network: every byte, every row, both roots."),
            _("With any tool for BagIt (RFC 8493): the digests of all files."),
            _(
                "With OpenSSL: the date of the seal. Get the certificate from the authority, not from this"
                " bag."
            ),
            _("With the program itself: all of this at once."),
        ],
    )
    yield DocumentBlock("code", CHECK_COMMANDS)
    yield DocumentBlock(
        "text",
        _(
            "The judge, an officer of the court or the other side can have rows read again that are"
            " drawn by words which they choose after the sealing; or one claim is handed over alone,"
            " with its proof:"
        ),
    )
    yield DocumentBlock("code", DRAW_COMMANDS)
    yield DocumentBlock("heading", _("Where to look"))
    yield DocumentBlock("facts", [(place, _(PLACES[place]), False) for place in PLACES])
    yield DocumentBlock("heading", _("What this bag does not say"))
    yield DocumentBlock(
        "list",
        [
            _(
                "The page was recorded by the dataset's publisher. This bag shows what he stores, and not"
                " the site itself."
            ),
            _(
                "Words in common do not say who took them from whom. Dates, other sources and reasons are"
                " given for each claim."
            ),
            _("A row of letter C is no claim without a person's verdict; one of letter D never is."),
            _(
                "What publishers of models say of their data proves neither that a model read a text, nor a"
                " wrong."
            ),
            _("Without a time-stamp, nothing but the machine's clock says when the seal was made."),
            _(
                "Whoever holds this bag can change it and seal it anew. Then its roots are others: compare"
                " them with those that were noted or handed over before, or rely on a time-stamp."
            ),
            _("Files that were not read to their end may hold other pages."),
        ],
    )


def _seal(facts: ReadmeFacts, _: Speaker) -> Iterator[DocumentBlock]:
    authorities = ", ".join(facts.authorities)
    roots = [(_("Root of the claims"), facts.claims_root, True)]
    yield DocumentBlock("heading", _("The seal"))
    yield DocumentBlock("facts", roots + [(_("Time-stamps asked of"), authorities, True)] * bool(authorities))
    yield DocumentBlock(
        "text",
        _(
            "This root is that of the rows and of the corpus: whoever seals the same claims, wherever"
            " and whenever, gets the same one. The root of the bag covers this document too. So it"
            " cannot stand in it: it is in seal.json."
        ),
    )
    if not authorities:
        yield DocumentBlock(
            "text",
            _(
                "No time-stamp was asked for when the bag was made. If there are any in stamps/, they were"
                " asked for later."
            ),
        )


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
