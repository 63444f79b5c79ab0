"""The case of a row, as a judge reads it, and the check that anybody can make of it."""

import re
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from presswatch_spark.claims import check_recipe, confidence, rights_and_mandates
from presswatch_spark.claims.explain import explanation_lines, wrapped
from presswatch_spark.claims.row_facts import (
    KINDS,
    LETTER_MEANINGS,
    MANDATES,
    RESERVATIONS,
    RIGHTS,
    ExplainedRow,
    explained_row,
)
from presswatch_spark.claims.selection import newest_claims
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.scan_values import Title
from presswatch_spark.core.translation import Translator
from presswatch_spark.corpus.members import MandateDocument, Publisher
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.column_values import CONFIDENCES, MandateState, ReservationState
from presswatch_spark.tables.confidence_reasons import OF_ROWS, REASONS
from presswatch_spark.tables.declarations import Claim, Match
from presswatch_spark.tables.store import TableStore
from tests.world.claims import LATER, House, Seen, text
from tests.world.commands import outcome, presswatch
from tests.world.golden import assert_golden, changes_of
from tests.world.proofs import cases, each_time
from tests.world.rights import own, robots, signal_rows, tables_with_signals
from tests.world.scanned import FORMS, ONE_OF_EACH_FORMAT, press, scan_here
from tests.world.servers import web
from tests.world.tables import match

NOON = datetime(2024, 5, 18, 12, tzinfo=UTC)


def span(document: tuple[int, int], article: tuple[int, int], words: int, passage: int = 0) -> dict[str, int]:
    ends = ("document_start", "document_end", "article_start", "article_end")
    return dict(zip(ends, (*document, *article), strict=True)) | {"words": words, "passage": passage}


PUBLISHER = Publisher(
    "rives", "Rives", None, date(2023, 1, 1), date(2027, 12, 31), (), "Éditions des Rives SAS", "732829320",
    "1 quai des Rives, 99999 Valmont", MandateDocument("mandats/rives.pdf", "ab" * 32, date(2022, 12, 15)),
)  # fmt: skip
GOOD = {"confidence": "A", "confidence_reasons": ["sole_full_copy"]}
CLAIM = {"confidence": "C", "reasons": ["sole_full_copy"], "kind": "copy", "licence_id": None}


def case(**values: Any) -> ExplainedRow:
    """A copy of four words on somebody's page; `values` replace fields of the case, or columns of its row."""
    standard: dict[str, Any] = {
        "document_url": "https://portail.example/a", "article_url": "https://courrier.example/1",
        "article_published_at": NOON, "captured_at": NOON.replace(month=6), "confidence": "C",
        "confidence_reasons": ["strong_copy", "credits_other"], "article_words": 1200, "copied_words": 4,
        "article_coverage": 4 / 1200, "longest_run_words": 4, "spans": [span((4, 23), (0, 19), 4)],
        "dataset": "wet", "record_offset": 700, "record_length": 300, "record_encoding": "gzip",
        "shard_uri": "s3://commoncrawl/crawl-data/CC-MAIN-2024-22/segments/1/wet/x.warc.wet.gz",
        "text_sha256": "0" * 64, "row_sha256": "3f2a" * 16, "run_id": "r1", "document_credits": ["AFP"],
        "headline": "Un pont",
    }  # fmt: skip
    fields: dict[str, Any] = {
        "claim": None, "publisher": PUBLISHER, "title": Title("courrier", "Le Courrier", "rives", (), ()),
        "article": "Le pont a rouvert. Suite.", "page": "Ici LE PONT A ROUVERT. Fin.", "page_missing": None,
        "config": {}, "as_of": date(2026, 11, 1), "mandate": "in_force",
        "rights": ["author", "press_publisher"], "reservation": "both",
    }  # fmt: skip
    columns = {name: value for name, value in values.items() if name not in fields}
    fields |= {name: value for name, value in values.items() if name in fields}
    fields["claim"] = fields["claim"] and Claim.from_dict(fields["claim"])
    row = match("a", None) | standard | columns
    return ExplainedRow(row=Match.from_dict(row), shard=row["shard_uri"], **fields)


FIRST, THEN = span((4, 10), (0, 7), 2), span((12, 21), (8, 17), 1)
LONGEST, SHORT = span((23, 26), (19, 24), 5, 1), span((0, 3), (19, 24), 1, 2)
VARIATIONS: dict[str, dict[str, Any]] = {
    "a row of an old scan, without reasons": {"confidence_reasons": None},
    "a row of common words": {"confidence": "D", "confidence_reasons": ["common_words"]},
    "a letter that the rules of then gave": {"confidence_reasons": ["sole_full_copy"]},
    "a good letter": GOOD,
    "a good letter of the page itself": {
        "confidence": "A", "confidence_reasons": ["own_url"], "url_match": "article", "own_site": True,
    },
    "a good letter of a sister title": GOOD | {"own_site": True},
    "a full copy that names no source": {"confidence": "B", "confidence_reasons": ["full_copy"]},
    "a good letter though some words are explained": {
        "confidence": "B",
        "confidence_reasons": ["sole_full_copy", "known_text", "common_source", "goes_beyond"],
    },
    "two points against it": {"confidence_reasons": ["credits_other", "not_large"]},
    "a copy of what others have in nearly the same text": {
        "confidence_reasons": ["strong_copy", "agency_text"],
    },
    "text that a member shares": {"confidence_reasons": ["shared_text"]},
    "a good letter, the mandate has ended": GOOD | {"mandate": "after"},
    "a letter C, the mandate has ended": {"mandate": "after"},
    "a good letter, no publisher is at hand": GOOD | {"publisher": None, "mandate": "none"},
    "a good letter, all rights have ended": GOOD | {"rights": []},
    "no right, as the day of publication is not known": {"rights": [], "article_published_at": None},
    "no right, as the article is of a later day": {
        "rights": [], "article_published_at": NOON.replace(year=2027),
    },
    "a publisher without a mandate": {
        "publisher": Publisher("rives", "Rives", None, None, None, ()), "mandate": "none",
    },
    "a publisher that has its rights by contract": {
        "publisher": replace(PUBLISHER, rights_basis=("contract",)),
    },
    "no hour of publication, seconds of the record": {
        "article_published_at": NOON.replace(hour=0), "captured_at": NOON.replace(second=5),
    },
    "spans that continue each other, and a short passage": {"spans": [FIRST, THEN, SHORT]},
    "a longer passage, and two short ones": {"spans": [FIRST, LONGEST, THEN, SHORT]},
    "captured before publication": {"confidence_reasons": ["captured_before_publication", "not_large"]},
    **{f"coverage {share}": {"article_coverage": share} for share in (0.29, 0.996, 1.0)},
    "an excerpt of an article": {"article_is_excerpt": True},
    "a release with a name": {"release": "CC-MAIN-2024-22"},
    "a page that speaks of itself, and is older": {
        "page_publisher": "Portail", "page_author": "Anne Roy", "page_published_at": NOON.replace(day=16),
        "page_based_on": "https://source.example/1", "page_canonical_url": "https://source.example/2",
    },
    "a page of eleven hours before": {"page_published_at": NOON.replace(hour=1)},
    "a page of the same moment": {"page_published_at": NOON},
    "a page of the same day, without an hour": {"page_published_at": NOON.replace(hour=0)},
    "other thresholds": {
        "config": {"confidence": {"rare_bits": 100, "common_bits": 60}, "grade": {"gone": 1}},
    },
    "the usual threshold": {"config": {"confidence": {"rare_bits": 200}}},
    "the site of another member": {"site_title_id": "hebdo", "confidence_reasons": ["on_member_site"]},
    "what is no address": {"document_url": "n/a", "own_site": None},
    "an address in Punycode": {"document_url": "https://xn--t-9fab.example/a"},
    "a page found by its address alone": {
        "article_id": None, "own_site": True, "article_url": None, "article_published_at": None,
        "headline": None, "spans": [], "grade": "url_only", "confidence_reasons": ["url_only"],
    },
    "nothing is known": {
        "document_url": None, "own_site": None, "captured_at": None, "article_published_at": None,
        "title": None, "article": None, "page": None, "page_missing": "no shard", "publisher": None,
        "rights": [], "mandate": "none", "reservation": "unknown",
    },
    "a claim of a page under a licence": {
        "confidence": "A", "claim": CLAIM | {
            "reasons": ["sole_full_copy", "licensed"], "kind": "licensed", "licence_id": "L1",
            "beyond_words": 3, "first_capture_at": NOON, "witness_domains": 2,
        },
    },
    "a claim with an earlier capture": {
        "claim": CLAIM | {
            "reasons": ["prior_capture"], "beyond_words": 0, "first_capture_at": NOON, "witness_domains": 0,
            "first_capture_row": "9b" * 32,
        },
    },
    "a claim without an earlier capture": {
        "captured_at": NOON, "claim": CLAIM | {"reasons": ["strong_copy"], "first_capture_at": NOON},
    },
    "a claim of words that have no other source": {"claim": CLAIM | {"beyond_words": 4}},
    "a claim of the article's own address": {
        "claim": CLAIM | {"kind": "own_page", "beyond_words": 1}, "url_match": "article", "own_site": True,
    },
    "a claim of the site of another member": {
        "claim": CLAIM | {"kind": "reprint", "reasons": ["on_member_site"]},
    },
}  # fmt: skip


def told(the_case: ExplainedRow, language: str) -> str:
    return "\n".join(explanation_lines(the_case, language))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_case_and_what_each_fact_changes_in_it_are_as_people_have_read_them(language: str) -> None:
    usual = told(case(), language)
    assert [line for line in usual.splitlines() if len(line) > 80] == []
    changed = (
        f"\n=== {name}\n\n{changes_of(usual, told(case(**values), language))}"
        for name, values in VARIATIONS.items()
    )
    assert_golden(f"explain.{language}.txt", usual + "\n" + "".join(changed))


@cases(
    ("text", "lines"),
    [
        ("mots 1 234 567", ["mots", "1 234 567"]),
        ("cité art. L. 122-5", ["cité", "art. L. 122-5"]),
        ("dit-il à 6 h 30", ["dit-il à", "6 h 30"]),
        ("le mot « pont » !", ["le mot", "« pont » !"]),
        ("jusqu'au 31 décembre 2027", ["jusqu'au", "31 décembre 2027"]),
        ("le 1er mai 2024", ["le", "1er mai 2024"]),
        ("until 31 December 2027", ["until", "31 December 2027"]),
        ("dit à 6 h 30 min 05 s", ["dit à", "6 h 30 min 05 s"]),
    ],
)
def test_no_line_ends_within_a_number_an_hour_or_an_article_of_a_code(text: str, lines: list[str]) -> None:
    assert wrapped(text, max(map(len, lines))) == lines


@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_that_a_page_writes_steers_the_terminal(language: str) -> None:
    evil = "Roy\x1b]0;x\x07\x1b[2J\u202egnp.exe\u2066\r\n\x9b31m\u200b"
    page = case(
        page_publisher=evil, page_author=evil, page_based_on=evil, page_canonical_url=f"https://a.example/{evil}",
        document_credits=[evil], document_url=f"https://a.example/{evil}", headline=evil, release=evil,
        article="Le pont\x1b[2J a rouvert. Suite.", page="Ici LE \x1b[2JPONT A ROUVERT. Fin.",
        shard_uri=f"https://a.example/{evil}.gz", charset=evil, dataset="warc",
    )  # fmt: skip
    for line in told(page, language).split("\n"):
        assert line.isprintable(), line


def test_every_value_of_a_claim_has_its_meaning() -> None:
    for meanings, values in (
        (LETTER_MEANINGS, CONFIDENCES),
        (MANDATES, get_args(MandateState)),
        (RIGHTS, rights_and_mandates.RIGHTS),
        (RESERVATIONS, get_args(ReservationState)),
        (KINDS, confidence.KINDS),
    ):
        assert set(meanings) == set(values)


@pytest.mark.parametrize(
    ("shard", "address"),
    [
        (case().shard, "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-22/segments/1/wet"),
        ("s3://bucket/a b?#.warc.wet.gz", "https://bucket.s3.amazonaws.com/a%20b%3F%23.warc.wet.gz"),
        ("hf://datasets/a/b@0f/c d.warc.wet.gz", "https://huggingface.co/datasets/a/b/resolve/0f/c%20d.warc.wet.gz"),
    ],
)  # fmt: skip
def test_a_record_is_fetched_over_the_web_by_its_range(shard: str, address: str) -> None:
    commands = check_recipe.commands(case().row, shard)
    assert (commands[0], commands[-1]) == (f"u={address}", 'curl -fsSL -r 700-999 "$u" | zcat > record')


def test_the_check_prints_nothing_that_steers_the_terminal(tmp_path: Path) -> None:
    head = b"WARC/1.0\r\nWARC-Target-URI: https://a.example/\x1b[2J\x9b\r\nContent-Length: 18\r\n\r\n"
    (tmp_path / "record").write_bytes(head + b"Le pont a rouvert.")
    printed = checked(check_recipe.program(case().row, case().shard, "Le pont a rouvert"), tmp_path)
    assert "words: True" in printed
    assert all(line.isprintable() for line in printed.splitlines())


def test_an_address_cannot_end_its_quotes() -> None:
    row = case(shard_uri="/data/a'; rm -rf $HOME; '/x.warc.wet.gz").row
    script = "\n".join([*check_recipe.commands(row, row.shard_uri)[:-1], 'printf %s "$u"'])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == row.shard_uri


def checked(program: Sequence[str], folder: Path) -> str:
    """Run a program that reads the record in a folder; return what it prints."""
    (folder / "check.py").write_text("\n".join(program), "utf-8")
    command = [sys.executable, "check.py"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def followed(lines: Sequence[str], folder: Path) -> str:
    """Do what the case says: its commands, then its program; what that prints."""
    lines = lines[lines.index("COMMENT VÉRIFIER SOI-MÊME") :]
    code = [line.removeprefix("    ") for line in lines if line.startswith("    ")]
    begin = next(k for k, line in enumerate(code) if line.startswith("import "))
    subprocess.run(["sh", "-c", "\n".join(code[:begin])], cwd=folder, check=True)
    return checked(code[begin:], folder)


def scanned(folder: Path, corpus: Path, form: str, *pages: Page) -> ExplainedRow:
    """The case of the one row of a scan of these pages."""
    FORMS[form](folder / form, pages)
    (row,) = scan_here([folder / form], corpus, folder / "tables")
    return explained_row(str(folder / "tables"), row["row_sha256"][:12], str(corpus), StorageOptions())


@pytest.mark.slow
@pytest.mark.parametrize(
    "form", each_time(ONE_OF_EACH_FORMAT[1:4], [form for form in FORMS if not form.endswith(".zst")])
)
def test_anybody_can_check_a_row_as_its_case_says(tmp_path: Path, corpus: Path, form: str) -> None:
    other = Page("https://site.example/autre", "Rien de ce que la presse a publié ne se trouve ici, dit-on.")
    page = Page("https://site.example/copie", f"Lu ailleurs.\n{press()[1].body}\nFin.")
    found = scanned(tmp_path, corpus, form, other, page, other)
    assert found.page is not None
    assert found.article == press()[1].body
    with web() as server:
        server.objects[f"/{form}"] = (tmp_path / form).read_bytes()
        for shard in (found.shard, f"{server.url}/{form}"):
            printed = followed(list(explanation_lines(replace(found, shard=shard), "fr")), tmp_path)
            assert "digest: True\n" in printed
            assert "words: True\n" in printed
            # OSCAR's texts stand apart from what is said of them.
            assert (page.url in printed) is not form.endswith((".txt", ".txt.gz"))


def test_a_page_known_by_its_address_alone_can_be_checked_too(tmp_path: Path, corpus: Path) -> None:
    page = Page("https://www.courrier.example/rubriques", "Les rubriques du journal, et rien d'un article.")
    found = scanned(tmp_path, corpus, "pages.warc.gz", page)
    assert found.row.grade == "url_only"
    lines = list(explanation_lines(found, "fr"))
    printed = followed(lines, tmp_path)
    assert page.url in printed
    assert "digest: True\n" in printed
    assert "words" not in "".join(lines) + printed


def test_the_command_explains_a_row_and_says_what_it_lacks(tmp_path: Path, corpus: Path) -> None:
    found = scanned(tmp_path, corpus, "a.warc.wet.gz", Page("https://site.example/copie", press()[1].body))
    (tmp_path / "a.warc.wet.gz").unlink()
    asked = ["explain", found.row.row_sha256[:12], tmp_path / "tables", "--lang", "en"]
    text = presswatch(*asked, "--corpus", corpus, "--as-of", "2020-01-01")
    assert "Judged as of 1 January 2020." in text
    assert "could not be read again (no shard" in text
    told = outcome("explain", "00000000", tmp_path / "tables")
    assert (told.code, "no row has a row_sha256" in told.err) == (1, True)


def test_a_row_of_several_runs_has_the_claim_that_letters_rest_on(tmp_path: Path, corpus: Path) -> None:
    """Claims were made of two runs, and the row is in a third one, too."""
    shard, tables = tmp_path / "a.warc.wet.gz", tmp_path / "tables"
    FORMS[shard.name](shard, [Page("https://site.example/copie", press()[1].body)])
    runs = [f"2026112{day}T000000Z-abcdef" for day in range(5, 8)]
    for run_id in runs[:2]:
        scan_here([shard], corpus, tables, run_id=run_id)
    presswatch("claims", "--corpus", corpus, "--out", tables, tables)
    (row,) = scan_here([shard], corpus, tables, run_id=runs[2])
    found = explained_row(str(tables), row["row_sha256"], str(corpus), StorageOptions())
    assert found.claim
    assert found.claim.run_id == runs[1]
    assert found.claim == newest_claims(TableStore.open(str(tables)))[row["row_sha256"]]


def test_a_row_of_another_table_has_no_case(tmp_path: Path) -> None:
    (signal, *_) = signal_rows(robots("User-agent: *\nDisallow: /"))
    folder = tables_with_signals(tmp_path, [own("a")], signal)
    with pytest.raises(InputError, match="this is a row of rights_signals"):
        explained_row(str(folder), signal["row_sha256"][:16], None, StorageOptions())


# Sentences about claims, each checked against the corpus and the tables by plain counting of words.


RUN, EARLIER = 11, "2024-04-01T00:00:00Z"
UNPROVEN = r"aucun autre texte|no other known text|aucun autre membre|no other member"
GIVING = {"own_url", "sole_full_copy", "full_copy", "strong_copy"}
HEBDO = {"title_id": "hebdo", "url": "https://hebdo.example/1"}


def words_in(prose: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFD", prose.lower()) if not unicodedata.combining(c))
    return re.findall(r"[a-z0-9]+", plain)


def in_runs(words: list[str], other: list[str], length: int = RUN) -> set[int]:
    """Positions of words that are in runs of so many words which the other text has too."""
    grams = {tuple(other[i : i + length]) for i in range(len(other) - length + 1)}
    starts = (i for i in range(len(words) - length + 1) if tuple(words[i : i + length]) in grams)
    return {i + k for i in starts for k in range(length)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Articles that share passages within a title and between publishers, and pages that copy them."""
    house = House(tmp_path_factory.mktemp("sentences") / "house")
    bodies = {n: text(n) for n in range(1, 5)}
    part = " ".join(bodies[2].split(" ")[100:250])
    house.print(1, bodies[1])
    # The third has a long passage of the second, and another publisher has half of the fourth.
    house.print(2, bodies[2])
    house.print(3, f"{text(33, 100)} {part} {text(34, 300)}", published_at="2024-03-11")
    house.print(4, bodies[4])
    half = " ".join(bodies[4].split(" ")[:220])
    house.print(5, f"{half} {text(35, 200)}", **HEBDO)
    house.scan(
        Seen("https://un.example/a", f"{text(40, 60)}\n{bodies[1]}\n{text(41, 60)}"),
        Seen("https://deux.example/a", f"{text(42, 60)}\n{part}\n{text(43, 60)}"),
        Seen("https://trois.example/a", f"{bodies[1]}\nSource : Le Courrier des Rives", EARLIER),
        Seen("https://quatre.example/a", bodies[4], LATER),
        Seen("https://www.courrier.example/une/2", bodies[2]),
    )
    return house


def test_every_sentence_that_gives_a_letter_holds_against_corpus_and_pages(house: House) -> None:
    articles = {article["article_id"]: words_in(article["body"]) for article in house.articles}
    owners = {article["article_id"]: article["title_id"] for article in house.articles}
    rows = {row["row_sha256"]: row for row in TableStore.open(str(house.tables)).read("matches").to_pylist()}
    met = set[str]()
    for claim in house.claims():
        row, body = rows[claim["row_sha256"]], articles[claim["article_id"]]
        title = owners[claim["article_id"]]
        sisters = {each: words for each, words in articles.items() if owners[each] == title}
        others = [words for each, words in articles.items() if each not in sisters]
        elsewhere = {place for other in others for place in in_runs(body, other)}
        met |= set(claim["reasons"])
        for code in claim["reasons"]:
            if code in ("sole_full_copy", "full_copy"):
                assert row["copied_words"] >= 0.9 * len(body)
                assert len(elsewhere) < 0.2 * row["copied_words"]
            if code == "sole_full_copy":
                assert row["own_site"] or row["credits_owner"]
            if code in ("strong_copy", "rare_passage"):
                least = 17 if code == "strong_copy" else 50
                assert row["copied_words"] >= 40
                passages = [words_in(passage) for passage in copied(house, row)]
                assert any(
                    len(run) >= least and not any(in_runs(run, other, len(run)) for other in others)
                    for run in passages
                )
            if code in ("published_again", "repeats_article"):
                shared = row["repeated_by"] or [row["repeats_article_id"]]
                assert all(in_runs(body, sisters[each]) for each in shared)
            if code == "shared_text":
                assert 2 * len(elsewhere) >= 0.9 * row["copied_words"]
    assert met & {code for code, each in OF_ROWS.items() if each.gives} >= GIVING
    assert {"published_again", "repeats_article"} <= met


def copied(house: House, row: dict[str, Any]) -> list[str]:
    (body,) = (each["body"] for each in house.articles if each["article_id"] == row["article_id"])
    return [body[span["article_start"] : span["article_end"]] for span in row["spans"]]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_explain_says_of_a_case_is_what_the_tables_hold(house: House, language: str) -> None:
    claims = house.claims()
    for claim in claims:
        where = str(house.folder / "claims")
        case = explained_row(
            str(house.tables), claim["row_sha256"], str(house.corpus), StorageOptions(), claims=where
        )
        shown = " ".join(" ".join(explanation_lines(case, language)).split())
        for code in claim["reasons"]:
            assert f"{Translator(language)(REASONS[code].sentence)} [{code}]" in shown
        for other in [*(case.row.repeated_by or []), *filter(None, [case.row.repeats_article_id])]:
            assert other in shown
        promise = "La lettre serait A si" if language == "fr" else "The letter would be A if"
        lacks_source = claim["confidence"] == "B" and set(claim["reasons"]) == {"full_copy"}
        assert (promise in shown) == lacks_source
        captures = [each["captured_at"] for each in claims if each["article_id"] == claim["article_id"]]
        oldest = "Aucune page plus ancienne" if language == "fr" else "No older page"
        assert (oldest in shown) == (claim["captured_at"] == min(captures))
        assert not re.search(UNPROVEN, shown)


def test_no_sentence_speaks_of_all_texts_or_of_an_article_that_was_not_supplied() -> None:
    for code, reason in REASONS.items():
        french = Translator("fr")(reason.sentence)
        assert not re.search(UNPROVEN, f"{french} {reason.sentence}")
        if reason.gives and code != "own_url":
            assert re.search(r"articles? fourni", french)
            assert re.search(r"supplied articles?", reason.sentence)
