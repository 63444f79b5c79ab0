"""Runs the demo: generates a press and a web, builds the corpus, scans, and makes dossier and report."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presswatch_spark import api
from presswatch_spark.claims.selection import Choice
from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page, release_pages, write_press, write_recipients
from presswatch_spark.core.extras import has_legal, install_command
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.spark.session import session
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.evidence.build import Built, make_bag
from presswatch_spark.legal.evidence.sealed_records import BagOrder
from presswatch_spark.legal.evidence.sources import source_at
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.letter import NoticeOrder
from presswatch_spark.legal.notices.notice import DraftedNotice, draft_notice, today
from presswatch_spark.legal.notices.parties import load_recipient, load_sender
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.legal.report.make import ReportOrder, make_report
from presswatch_spark.query.pointers.pointer import parse_mirror
from presswatch_spark.scanning.runs.run_work import RunSummary

Writer = Callable[[Path, Sequence[Page]], object]
ROW_DIGITS = 12
# Two shards per dataset, in two of its formats if it has several.
FORMS: Mapping[str, tuple[tuple[str, Writer], ...]] = {
    "crawl": (
        ("CC-MAIN-20241214015810-20241214045810-00000.warc.wet.gz", shards.write_wet),
        (
            "CC-MAIN-20241214015810-20241214045810-00001.warc.gz",
            lambda path, pages: shards.write_warc(path, map(shards.web_page, pages)),
        ),
    ),
    "c4": (
        ("c4-fr.tfrecord-00000-of-00002.json.gz", shards.write_c4_json),
        ("c4-fr-00001-of-00002.parquet", shards.write_c4_parquet),
    ),
    "oscar": (
        ("fr_part_1.txt.gz", shards.write_oscar_2109),
        ("fr_meta_part_2.jsonl.zst", shards.write_oscar_2301),
    ),
}
RECIPIENT = "common-crawl"
PUBLIC = "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51"
"""The address at which Common Crawl would publish the demo's shards if they were real."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A finished demo: its pages, the rows of its scan, and the `seconds` that it took.

    `dossier`: a sealed bag and the draft of a notice; None if the extra `legal` is not installed.
    """

    folder: Path
    pages: tuple[Page, ...]
    articles: int
    rows: tuple[Mapping[str, Any], ...]
    summary: RunSummary
    dossier: tuple[Built, DraftedNotice] | None
    seconds: float

    @property
    def left_alone(self) -> tuple[Page, ...]:
        """Return the innocent pages that the scan did not name."""
        named = {row["document_url"] for row in self.rows}
        return tuple(page for page in self.pages if not page.copies and page.url not in named)

    def lines(self) -> Iterator[str]:
        """Yield the findings in a few words, the place of the report, and the next commands."""
        row, tables = self.summary.row, self.folder / "tables"
        pages = len({row["document_url"] for row in self.rows})
        yield (
            f"Scanned {row['documents']} pages in {row['shards_planned']} shards (WET, WARC, C4, OSCAR) for"
            f" {self.articles} articles, in {self.seconds:.0f} s."
        )
        yield f"{len(self.rows)} matches on {pages} pages; {len(self.left_alone)} innocent pages not matched."
        yield ""
        if self.dossier:
            bag, notice = self.dossier
            yield "Read the report, in French or in English:"
            yield from (f"  {path}" for path in reports_in(self.folder).values())
            yield f"Sealed evidence of {bag.seal['claims']} claims:"
            yield f"  {self.folder / 'bag'}"
            rows = notice.content.numbers["rows"]
            yield f"The draft of a notice to Common Crawl, {rows} rows, in French (no command sends it):"
            yield f"  {self.folder / 'notice' / 'letter.pdf'}"
        else:
            install = install_command("legal")
            yield f"No report was written, no evidence sealed, no notice drafted: {install}"
        # Among the rows of the best letter, the one with the most copied words.
        elsewhere = [row for row in self.rows if row["own_site"] is False]
        best = min(elsewhere, key=lambda row: (row["confidence"], -row["copied_words"], row["row_sha256"]))
        own = ".venv/bin/presswatch"
        program = own if Path(own).exists() else "presswatch"
        yield from (
            "",
            "Query the tables:",
            f"  {program} matches {tables} --elsewhere",
            f"  {program} runs {tables}",
            f"  {program} sql {tables} \\",
            '    "select title_id, grade, count(*) from sightings group by all order by all"',
            "",
            "Read the whole case of one row:",
            f"  {program} explain {best['row_sha256'][:ROW_DIGITS]} {tables} --lang en \\",
            f"    --corpus {self.folder / 'corpus'}",
        )


def reports_in(folder: Path) -> dict[str, str]:
    """Return the files of a demo's reports, by language."""
    return {language: str(folder / f"report.{language}.html") for language in ("fr", "en")}


def run_demo(folder: Path, say: Callable[[str], None] = lambda news: None) -> Demonstration:
    """Generate a press and a web in `folder` (empty), build a corpus, scan, judge, and write the report.

    `say` gets the name of each stage when it begins.
    """
    started, config = time.monotonic(), ScanConfig()
    say("writing a press and a web")
    pages = release_pages()
    members, articles = write_press(folder)
    paths = write_shards(folder / "shards", pages)
    spark = session("presswatch demo")
    corpus, tables = str(folder / "corpus"), str(folder / "tables")
    manifest = api.build_corpus(str(members), [str(articles)], corpus, settings=config, tell=say, spark=spark)
    say("scanning")
    run = api.scan(list(map(str, paths)), corpus=corpus, out=tables, settings=config, spark=spark)
    dossier = None
    if has_legal():
        dossier = _make_dossier(folder, config, say)
        case = str(folder / "case")
        order = ReportOrder(tables, config.storage, case=case, corpus=corpus, engine="duckdb")
        make_report(order, reports_in(folder), lambda stage: say(str(stage)))
    return Demonstration(
        folder=folder,
        pages=tuple(page for shelf in pages.values() for page in shelf),
        articles=manifest.counts.articles,
        rows=tuple(run.matches().to_pylist()),
        summary=run.summary,
        dossier=dossier,
        seconds=time.monotonic() - started,
    )


def _make_dossier(
    folder: Path, config: ScanConfig, say: Callable[[str], None]
) -> tuple[Built, DraftedNotice]:
    corpus, tables, case, bag = (str(folder / name) for name in ("corpus", "tables", "case", "bag"))
    say("judging the matches")
    api.make_claims(tables, corpus=corpus, out=tables, settings=config)
    open_case(tables, case, Choice())
    say("sealing the evidence")
    selection = source_at(case, config.storage).select_claims(Choice())
    built = make_bag(BagOrder(selection, Corpus.open(corpus), with_texts=True), bag, config)
    say("drafting a notice")
    write_recipients(folder / "recipients.yaml")
    mirror = parse_mirror(f"{folder / 'shards' / 'crawl'}={PUBLIC}")
    order = NoticeOrder(
        selection=source_at(bag, config.storage).select(Choice(), [mirror]),
        recipient=load_recipient(RECIPIENT),
        law=laws()["fr"],
        lang="fr",
        sender=load_sender(str(folder / "sender.yaml")),
        drafted=today(),
    )
    return built, draft_notice(order, str(folder / "notice"))


def write_shards(folder: Path, pages: Mapping[str, Sequence[Page]]) -> list[Path]:
    """Write the pages of every dataset, and return the paths of the shards."""
    paths = list[Path]()
    for dataset, forms in FORMS.items():
        (folder / dataset).mkdir(parents=True)
        for number, (name, write) in enumerate(forms):
            paths.append(folder / dataset / name)
            write(paths[-1], pages[dataset][number :: len(forms)])
    return paths
