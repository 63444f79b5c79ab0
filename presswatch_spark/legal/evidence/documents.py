"""Documents of a bag in French and English: its README, a page for each row, and PDFs of all rows.

A row's page contains both languages; the reader chooses one. All text is hostile: templates escape it, and
the page's Content-Security-Policy forbids loading and scripts.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from presswatch_spark.claims import exposures, row_facts
from presswatch_spark.claims.exposures import Exposure
from presswatch_spark.claims.marked_text import around_marks, marked, pieces_of, ranges_of
from presswatch_spark.claims.row_facts import ExplainedRow
from presswatch_spark.claims.selection import RecordReading
from presswatch_spark.core.translation import N_, Translator
from presswatch_spark.core.version import __version__
from presswatch_spark.legal import typesetting
from presswatch_spark.legal.evidence import verify
from presswatch_spark.legal.evidence.bag import PAGES, Bag
from presswatch_spark.legal.evidence.sealed_records import BagOrder, ReadRecords
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.uris import canonical, shown_uri

LANGUAGES = {"fr": "Français", "en": "English"}
TEMPLATES = Path(__file__).with_name("templates")
AUTHOR = f"presswatch-spark {__version__}"

AROUND = 400
"""Characters of a text that a PDF shows before and after copied words."""
SHOWN_MOST = 24_000
"""Most characters of a text that a PDF shows: about 4,000 words, or eight columns."""
PART = 100
"""Most rows in one PDF."""
ATTACHED = "rows.jsonl"
PROVES_NOTHING = N_("These statements prove neither that a model read this text nor any wrongdoing.")
README_NAMES = {"fr": "LISEZ-MOI", "en": "README"}
MARKS = {
    "# ": "heading", "- ": "list", "1. ": "steps", "$ ": "code", "= ": "facts", "== ": "facts", "| ": "table",
}  # fmt: skip
"""Kinds of lines of `readme.jinja` by their beginnings. Without one, a line is a paragraph; the value after
`==` is code; the first line of a table has its headers, with `>` before those of numbers."""


# --- a claim


@dataclass(frozen=True)
class ShownClaim:
    """A claim with the texts that may be shown, and all exposures."""

    explained: ExplainedRow
    exposures: Sequence[Exposure]

    @cached_property
    def views(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the content of page and PDF by language, without the texts of article and page.

        `no_exposure`: the reason why no exposure is known, or "". `words`: phrases of `words.jinja` by name.
        """
        return {language: self._view(Translator(language, for_print=True)) for language in LANGUAGES}

    def _view(self, _: Translator) -> Mapping[str, Any]:
        explained, row = self.explained, self.explained.row
        account = row_facts.account_of(explained, _)
        exposure = [
            {
                "id": each.id,
                "sentence": exposures.exposure_sentence(each, named, _),
                "sources": [(source.quotation, exposures.source_line(source, _)) for source in each.sources],
            }
            for each, named in exposures.exposures_of(row, explained.letter, self.exposures)
        ]
        lines = typesetting.rendered(
            TEMPLATES,
            "words.jinja",
            _,
            html=False,
            account=account,
            reason=explained.page_missing.reason if explained.page_missing else "",
            is_address=row.article_id is None,
            proves_nothing=PROVES_NOTHING,
        ).splitlines()
        return {
            "lang": _.language,
            "row": row.row_sha256,
            "account": account,
            "exposure": exposure,
            "no_exposure": ""
            if exposure
            else exposures.no_exposure(exposures.product_of_row(row), explained.letter, _),
            "words": dict(line.split("\t", 1) for line in lines),
        }

    @property
    def texts(self) -> list[tuple[str, str | None, list[tuple[Any, Any]]]]:
        """Return the texts of `article` and `page`, each with the ranges of its copied words."""
        spans = self.explained.row.spans or ()
        return [
            ("article", self.explained.article, ranges_of(spans, "article")),
            ("page", self.explained.page, ranges_of(spans, "document")),
        ]


def page_of(shown: ShownClaim) -> str:
    """Return the page of a claim as HTML, with its copied words marked in both texts."""
    from markupsafe import Markup

    style = (TEMPLATES / "claim.css").read_text(encoding="utf-8")
    style_source = typesetting.csp_hash(style)
    page = typesetting.rendered(
        TEMPLATES,
        "claim.html",
        row=shown.explained.row.row_sha256,
        policy=f"default-src 'none'; style-src {style_source}; base-uri 'none'; form-action 'none'",
        style=Markup(style),
        views=list(shown.views.values()),
        languages=LANGUAGES,
        texts={
            side: None if text is None else Markup(marked(text, spans)) for side, text, spans in shown.texts
        },
    )
    return page + "\n"


def printed_claim(shown: ShownClaim, language: str) -> dict[str, Any]:
    """Return the data of a claim for the PDF template: its view, and copied words with their surroundings."""
    _ = Translator(language, for_print=True)
    texts = dict[str, dict[str, Any]]()
    for side, text, spans in shown.texts:
        texts[side] = {"pieces": None, "leftwards": typesetting.runs_leftwards(text or "")}
        if text is not None:
            texts[side]["pieces"] = [
                ("gap", _("[… {count} characters are not shown here …]", count=_.number(piece.left_out)))
                if piece.left_out
                else ("copied" if piece.is_copied else "text", piece.text)
                for piece in around_marks(pieces_of(text, spans), AROUND, SHOWN_MOST)
            ]
    view = shown.views[language]
    data = {**view, "account": asdict(view["account"]), "texts": texts}
    printed: dict[str, Any] = typesetting.with_character_codes(data)
    return printed


@dataclass(frozen=True, slots=True)
class BagFacts:
    """The facts of a bag for its documents."""

    order: BagOrder
    records: ReadRecords
    runs: Sequence[dict[str, Any]]
    protocol: Mapping[str, Any]
    program: Mapping[str, Any]
    claims_root: str

    @property
    def moment(self) -> datetime:
        """Return the time at which the bag was made, as documents state it, in whole seconds."""
        return self.records.began_at

    @property
    def other_corpus(self) -> list[str]:
        """Return the runs that were made with a different corpus."""
        digest = self.order.corpus.manifest.digest
        return [run["run_id"] for run in self.runs if run["corpus_digest"] != digest]


def write_claims(bag: Bag, facts: BagFacts) -> None:
    """Write a page for each row, and PDFs of all rows, ordered by letter, title, article and address.

    The rows must be in the bag already. A bag may have 10,000 rows: only those of one PDF are in memory.
    """
    rows, claims = facts.order.selection.rows, facts.order.selection.claims

    def place(digest: str) -> tuple[str, ...]:
        row = rows[digest]
        names = (row.title_id, row.article_id, row.document_url)
        return claims[digest].confidence, *(name or "" for name in names), digest

    ordered = sorted(rows, key=place)
    parts = [ordered[first : first + PART] for first in range(0, len(ordered), PART)]
    lines = {json.loads(line)["row"]["row_sha256"]: line for line in bag.lines(verify.ROWS)}
    statements = exposures.load_exposures()
    with scratch_folder() as scratch:
        attached = scratch / ATTACHED
        for number, part in enumerate(parts):
            printed: dict[str, list[dict[str, Any]]] = {language: [] for language in LANGUAGES}
            for row in part:
                shown = ShownClaim(_explained_row(facts, row), statements)
                bag.write(f"{PAGES}/{row}.html", page_of(shown).encode())
                for language in LANGUAGES:
                    printed[language].append(printed_claim(shown, language))
            attached.write_bytes(b"".join(lines[row] + b"\n" for row in sorted(part)))
            for language in LANGUAGES:
                data = _printed_part(facts, printed[language], statements, number, len(parts), language)
                pdf = typesetting.pdf_of(
                    TEMPLATES / "claims_layout.typ", data, facts.moment, {ATTACHED: attached}, tagged=False
                )
                name = "cote-a-cote" if language == "fr" else "side-by-side"
                ending = f"-{number + 1:02}" if len(parts) > 1 else ""
                bag.write(f"{PAGES}/{name}{ending}.pdf", pdf)
            if len(parts) > 1:
                typesetting.free_typst_memory()


def _explained_row(facts: BagFacts, digest: str) -> ExplainedRow:
    row, claim = facts.order.selection.rows[digest], facts.order.selection.claims[digest]
    record = facts.records.rows[digest]
    publisher, title = row_facts.owner(facts.order.corpus, row)
    return ExplainedRow(
        row=row,
        claim=claim,
        publisher=publisher,
        title=title,
        article=row_facts.article_of(facts.order.corpus, row) if facts.order.with_texts else None,
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
    statements: Sequence[Exposure],
    number: int,
    of: int,
    language: str,
) -> dict[str, Any]:
    _ = Translator(language, for_print=True)
    first, last, total = number * PART + 1, number * PART + len(claims), len(facts.order.selection.rows)
    shown = {"first": _.number(first), "last": _.number(last), "all": _.number(total)}
    for place, claim in enumerate(claims, first):
        claim["number"] = _("{number} of {all}", number=_.number(place), all=shown["all"])
    scope = _("Part {part} of {parts}: rows {first} to {last} of {all}", part=number + 1, parts=of, **shown)
    if of == 1:
        whole = _.number(facts.order.selection.figures().claims)
        scope = _("Claims: {claims}; rows: {rows}", claims=whole, rows=shown["all"])
    letters = sorted({claim["account"]["letter"] for claim in claims})
    # List each source once; sentences of claims refer to it by number.
    quoted = {each["id"]: each["sources"] for claim in claims for each in claim["exposure"]}
    sources, numbers = list[list[str]](), dict[str, str]()
    for id in (exposure.id for exposure in statements if exposure.id in quoted):
        first_source = len(sources) + 1
        sources += [[f"[{at}]", *source] for at, source in enumerate(quoted[id], first_source)]
        numbers[id] = ", ".join(source[0] for source in sources[first_source - 1 :])
    for claim in claims:
        claim["exposure"] = [f"{each['sentence']} {numbers[each['id']]}" for each in claim["exposure"]]
    return {
        "lang": language,
        "title": _("Claims, side by side"),
        "author": AUTHOR,
        "subtitle": scope,
        "opening": typesetting.rendered(
            TEMPLATES,
            "opening.jinja",
            _,
            html=False,
            note=typesetting.CHARACTER_CODES_NOTE,
            with_texts=facts.order.with_texts,
        ).splitlines(),
        "letters": [
            asdict(row_facts.NamedFact(letter, _(row_facts.LETTER_MEANINGS[letter]))) for letter in letters
        ],
        "letters_heading": _("Meaning of the letters"),
        "sources": sources,
        "sources_heading": _("Documents of the publishers of models"),
        "proves_nothing": _(PROVES_NOTHING),
        "claims": claims,
        "attached": [{"name": ATTACHED, "description": _("The sealed rows"), "kind": "application/jsonl"}],
        "footer": _("Root of the claims: {root}", root=facts.claims_root),
    }


# --- the README


def write_readme(bag: Bag, facts: BagFacts) -> None:
    """Write the README in both languages, as PDF."""
    for language, name in README_NAMES.items():
        _ = Translator(language, for_print=True)
        blocks = typesetting.with_character_codes(list(readme_blocks(facts, _)))
        if typesetting.has_character_codes(blocks):
            blocks.append(["text", _(typesetting.CHARACTER_CODES_NOTE)])
        data = {
            "lang": language,
            "title": _("Sealed evidence"),
            "subtitle": _("Made on {moment}", moment=_.moment(facts.moment)),
            "author": AUTHOR,
            "footer": " ".join([_("Root of the claims"), facts.claims_root]),
            "blocks": blocks,
        }
        bag.write(f"{name}.pdf", typesetting.pdf_of(TEMPLATES / "readme_layout.typ", data, facts.moment))


def readme_blocks(facts: BagFacts, _: Translator) -> Iterator[tuple[str, Any]]:
    """Yield the README as blocks for typst, each with its kind (`text` or one of `MARKS`) and its content.

    The content of `text` and `heading` is a text; of `list`, `steps` and `code` a list of texts; of `facts`
    tuples of name, value, and whether it is code; of `table` its `headers`, `rows`, and numbers of columns of
    `numbers`.
    """
    chosen, records, whole = facts.order.selection, facts.records.rows, facts.order.selection.figures()
    reasons = Counter(each.reason for each in records.values() if each.reason)
    sources = Counter(
        RecordReading(facts.moment, shown_uri(each.uri)).source(str(chosen.rows[row].shard_uri))
        for row, each in records.items()
        if each.reason is None
    )
    releases = defaultdict[str, set[str]](set)
    for row in chosen.rows.values():
        unnamed = _("not known (format {format})", format=row.dataset)
        releases[row.run_id].add(row.release or unnamed)
    days = sorted({claim.as_of for claim in chosen.claims.values()})
    publishers = facts.order.corpus.registry.by_id
    by_publisher = chosen.figures_by(lambda row: chosen.rows[row.row_sha256].publisher_id)

    def moment(text: str) -> str:
        return _.moment(datetime.fromisoformat(text).replace(microsecond=0))

    yield from _blocks(
        typesetting.rendered(
            TEMPLATES,
            "readme.jinja",
            _,
            html=False,
            moment=moment,
            cells=lambda *values: "\t".join(value.replace("\t", " ") for value in values),
            facts=facts,
            whole=whole,
            by_letter=[*chosen.figures_by_letter().items(), ("", whole)],
            without_address=sum(row.document_url is None for row in chosen.rows.values()),
            read=sources,
            reasons=sorted(reasons.items()),
            authorities=[shown_uri(each.url) for each in facts.order.authorities],
            proxies=[f"{scheme}: {url}" for scheme, url in facts.protocol["proxies"].items()],
            seconds=lambda seconds: f"{seconds:+.1f} s".replace(".", "," if _.language == "fr" else "."),
            runs=[(run, sorted(releases[run["run_id"]])) for run in facts.runs],
            judged=[_.day(datetime.fromisoformat(day).date()) for day in days],
            reviewed=sum(claim.review is not None for claim in chosen.claims.values()),
            publishers=[
                (row_facts.legal_person_of(publishers.get(id), id), publishers.get(id), figures.claims)
                for id, figures in by_publisher.items()
            ],
            letters=row_facts.LETTER_MEANINGS,
        )
    )


def _blocks(text: str) -> Iterator[tuple[str, Any]]:
    marked_lines = list[tuple[str, str, str]]()
    for line in text.split("\n"):
        mark = next((mark for mark in MARKS if line.startswith(mark)), "")
        marked_lines.append((MARKS.get(mark, "text") if line else "", mark, line.removeprefix(mark)))
    for kind, group in groupby(marked_lines, key=lambda line: line[0]):
        lines = [(mark, content) for _kind, mark, content in group]
        contents = [content for _mark, content in lines]
        if kind in ("heading", "text"):
            yield from ((kind, content) for content in contents)
        elif kind == "facts":
            yield kind, [(*content.split("\t"), mark == "== ") for mark, content in lines]
        elif kind == "table":
            headers, *rows = (content.split("\t") for content in contents)
            numbers = [place for place, header in enumerate(headers) if header.startswith(">")]
            names = [header.removeprefix(">") for header in headers]
            yield kind, {"headers": names, "rows": rows, "numbers": numbers}
        elif kind:
            yield kind, contents
