"""The case of a row, as a judge reads it, and the check that anybody can make of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims import recipe
from presswatch_spark.claims.explain import case_lines
from presswatch_spark.claims.letters import KINDS as ALL_KINDS
from presswatch_spark.claims.mandates import MANDATES as ALL_MANDATES
from presswatch_spark.claims.mandates import RIGHTS as ALL_RIGHTS
from presswatch_spark.claims.narrative import (
    KINDS,
    LETTERS,
    MANDATES,
    RESERVATIONS,
    RIGHTS,
    ExplainedRow,
    Speaker,
    account_of,
    case_of,
    wrapped,
)
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.main import run
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.model import Title
from presswatch_spark.corpus.registry import MandateDocument, Publisher
from presswatch_spark.matching.rights.in_force import STATUSES
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Claim, Match
from presswatch_spark.tables.literals import CONFIDENCES
from presswatch_spark.tables.store import TableStore
from tests.world.proofs import each_time
from tests.world.scanned import FORMS, ONE_OF_EACH_FORMAT, press, scan_here
from tests.world.servers import web
from tests.world.tables import match

NOON = datetime(2024, 5, 18, 12, tzinfo=UTC)
SPAN = {
    "document_start": 4,
    "document_end": 23,
    "article_start": 0,
    "article_end": 19,
    "words": 4,
    "passage": 0,
}
PUBLISHER = Publisher(
    "rives", "Rives", None, date(2023, 1, 1), date(2027, 12, 31), (), "Éditions des Rives SAS", "732829320",
    "1 quai des Rives, 99999 Valmont", MandateDocument("mandats/rives.pdf", "ab" * 32, date(2022, 12, 15)),
)  # fmt: skip


def case(**values: Any) -> ExplainedRow:
    """A copy of four words on somebody's page; `values` replace fields of the case, or columns of its row."""
    standard: dict[str, Any] = {
        "document_url": "https://portail.example/a", "article_url": "https://courrier.example/1",
        "article_published_at": NOON, "captured_at": NOON.replace(month=6), "confidence": "C",
        "confidence_reasons": ["strong_copy", "credits_other"], "article_words": 1200, "copied_words": 4,
        "article_coverage": 4 / 1200, "longest_run_words": 4, "spans": [SPAN], "dataset": "wet",
        "shard_uri": "s3://commoncrawl/crawl-data/CC-MAIN-2024-22/segments/1/wet/x.warc.wet.gz",
        "record_offset": 700, "record_length": 300, "record_encoding": "gzip", "text_sha256": "0" * 64,
        "row_sha256": "3f2a" * 16, "run_id": "r1", "document_credits": ["AFP"], "headline": "Un pont",
    }  # fmt: skip
    fields: dict[str, Any] = {
        "claim": None, "publisher": PUBLISHER, "title": Title("courrier", "Le Courrier", "rives", (), ()),
        "article": "Le pont a rouvert. Suite.", "page": "Ici LE PONT A ROUVERT. Fin.", "page_missing": None,
        "config": {}, "as_of": date(2026, 11, 1), "mandate": "in_force", "rights": list(ALL_RIGHTS[:2]),
        "reservation": "both",
    }  # fmt: skip
    columns = {name: value for name, value in values.items() if name not in fields}
    fields |= {name: value for name, value in values.items() if name in fields}
    fields["claim"] = fields["claim"] and Claim.from_dict(fields["claim"])
    row = match("a", None) | standard | columns
    return ExplainedRow(row=Match.from_dict(row), shard=row["shard_uri"], **fields)


def told(the_case: ExplainedRow, language: str = "fr") -> str:
    return "\n".join(case_lines(the_case, language))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_case_fits_80_columns_but_for_addresses(language: str) -> None:
    long = [line for line in told(case(), language).splitlines() if len(line) > 80]
    assert long == []


def test_a_case_names_owner_mandate_rights_reservation_and_credits() -> None:
    french = re.sub(r"\s+", " ", told(case()))
    for words in (
        "Éditions des Rives SAS, SIREN 732829320, 1 quai des Rives, 99999 Valmont",
        "Il vaut à partir du 1er janvier 2023, jusqu'au 31 décembre 2027.",
        "Son acte, du 15 décembre 2022, est mandats/rives.pdf (empreinte SHA-256 abababababab…).",
        "en vigueur jusqu'au 31 décembre 2026",
        "s'opposait à la fouille de textes et de données (CPI, art. L. 122-5-3), avant et après",
        "Publication 18 mai 2024 à 12 h 00 (temps universel)",
        "Sources citées AFP",
        "4 mots de l'article, qui en compte 1 200",
        "Le résultat ne doit pas être produit avant qu'une personne l'ait examiné.",
    ):
        assert words in french, words


def test_words_stand_side_by_side() -> None:
    lines = told(case(), "en").splitlines()
    assert any(re.fullmatch(r"Le pont a rouvert\. +\| LE PONT A ROUVERT\.", line) for line in lines)


def test_reasons_that_speak_for_and_against_have_their_sentences_and_what_would_change_them() -> None:
    text = told(case(), "en")
    assert re.search(r"^\+ The page holds a large part of the article", text, re.MULTILINE)
    assert re.search(r"^- The page credits the text to another source", text, re.MULTILINE)
    assert "[credits_other]" in text
    assert re.search(r"^- Proof that the page credits the wrong source", text, re.MULTILINE)
    assert "This scan is old" in told(case(confidence_reasons=None), "en")


def flat(the_case: ExplainedRow, language: str = "fr") -> str:
    """The case in one line."""
    return re.sub(r"\s+", " ", told(the_case, language))


def test_a_row_of_common_words_says_what_it_lacks_and_never_that_nothing_lowers_it() -> None:
    text = flat(case(confidence="D", confidence_reasons=["common_words"]), "en")
    assert "Nothing lowers this letter" not in text
    assert "- A longer copied passage, which other texts do not contain." in text


def test_a_letter_that_the_rules_of_then_gave_is_not_called_unlowered() -> None:
    old = case(confidence="C", confidence_reasons=["sole_full_copy"])
    assert "The scan gave a lower letter then, and it is kept." in flat(old, "en")


def test_what_would_lower_a_good_letter_is_said_and_only_of_such_a_letter() -> None:
    copy = case(confidence="A", confidence_reasons=["sole_full_copy"])
    assert "would fall if the page had leave or a date before the article's" in flat(copy, "en")
    itself = case(confidence="A", confidence_reasons=["own_url"], url_match="article", own_site=True)
    sister = case(confidence="A", confidence_reasons=["sole_full_copy"], own_site=True)
    for own in (itself, sister):
        assert "had leave" not in flat(own, "en")
    assert "or if its record were damaged" in flat(itself, "en")
    assert "common source" in flat(sister, "en")
    part = case(confidence="B", confidence_reasons=["sole_full_copy", "known_text", "goes_beyond"])
    assert "Nothing lowers" not in flat(part, "en")
    assert "would fall if" in flat(part, "en")
    assert "would fall if" not in flat(case(), "en")
    assert "The letter itself changes only if" not in flat(copy, "en")
    assert "The letter itself changes only if" in flat(case(), "en")


def test_several_points_against_a_claim_are_said_to_hold_its_letter_down_one_by_one() -> None:
    said = "Each point with the sign - holds the letter down by itself."
    assert said in flat(case(confidence_reasons=["credits_other", "not_large"]), "en")
    assert said not in flat(case(confidence_reasons=["credits_other"]), "en")
    # Of a good letter, the words beyond hold though some of the copied words are explained.
    beyond = ["sole_full_copy", "known_text", "common_source", "goes_beyond"]
    assert said not in flat(case(confidence="A", confidence_reasons=beyond), "en")


def test_a_good_letter_says_that_it_judges_the_facts_alone_where_mandate_or_rights_are_missing() -> None:
    good = {"confidence": "A", "confidence_reasons": ["sole_full_copy"]}
    warned = flat(case(**good, mandate="after"))
    assert "la lettre ne juge que les faits. Le mandat de l'éditeur n'est plus en vigueur" in warned
    assert "Tous les droits sont éteints" in flat(case(**good, rights=[]))
    for sound in (case(**good), case(mandate="after"), case(**good, publisher=None, mandate="none")):
        assert "ne juge que les faits" not in flat(sound)


def test_why_there_is_no_right_is_said() -> None:
    for values, why in (
        ({}, "Tous les droits sont éteints au jour de l'examen."),
        ({"article_published_at": None}, "La date de publication n'est pas connue : aucun droit"),
        ({"article_published_at": NOON.replace(year=2027)}, "L'article porte une date de publication"),
    ):
        assert f"Droits {why}" in flat(case(rights=[], **values))


def test_an_hour_that_nobody_gave_is_not_made_up_and_seconds_are_kept() -> None:
    midnight = case(article_published_at=NOON.replace(hour=0), captured_at=NOON.replace(second=5))
    assert "Publication 18 mai 2024 (sans heure, ou à 0 h 00, temps universel)" in flat(midnight)
    assert "Enregistrement 18 mai 2024 à 12 h 00 min 05 s (temps universel)" in flat(midnight)
    assert "Published 18 May 2024 (no hour is given, or 00:00 UTC)" in flat(midnight, "en")
    assert "Recorded 18 May 2024, 12:00:05 UTC" in flat(midnight, "en")


def test_spans_that_continue_each_other_are_one_passage() -> None:
    def span(document: tuple[int, int], article: tuple[int, int], words: int, passage: int) -> dict[str, int]:
        ends = ("document_start", "document_end", "article_start", "article_end")
        places = dict(zip(ends, (*document, *article), strict=True))
        return places | {"words": words, "passage": passage}

    first, then = span((4, 10), (0, 7), 2, 0), span((12, 21), (8, 17), 1, 0)
    other, single = span((23, 26), (19, 24), 5, 1), span((0, 3), (19, 24), 1, 2)
    text = told(case(spans=[first, then, single]), "en")
    assert re.findall(r"A passage with (\d) same words:", text) == ["3"]
    assert "Shorter passages besides: 1." in text
    # But for the longest, those of a few words are counted and not shown.
    both = told(case(spans=[first, other, then, single]), "en")
    assert re.findall(r"A passage with (\d) same words:", both) == ["5"]
    assert "Shorter passages besides: 2." in both
    assert re.search(r"^Le pont a rouvert +\| LE PONT A ROUVERT$", text, re.MULTILINE)


def test_the_words_copied_are_not_said_to_be_the_pages_theft() -> None:
    early = flat(case(confidence_reasons=["captured_before_publication", "not_large"]))
    assert "LES MOTS DE L'ARTICLE SUR LA PAGE" in early
    assert "quel que soit celui des deux qui les a pris à l'autre" in early
    claim = {
        "confidence": "C",
        "reasons": ["captured_before_publication"],
        "kind": "copy",
        "licence_id": None,
    }
    assert "Nature ni page de l'éditeur, ni reprise connue" in flat(case(claim=claim))


def test_a_share_is_never_rounded_up_to_the_whole_nor_down_to_nothing() -> None:
    for share, shown in ((0.996, "99 %"), (1.0, "100 %"), (0.29, "29 %"), (0.001, "moins de 1 %")):
        assert f"se trouvent sur la page ({shown})." in flat(case(article_coverage=share))


def test_a_dataset_without_a_release_is_not_named_by_its_format() -> None:
    assert "un jeu de données sans nom connu (format wet) contient" in flat(case(release=None))
    assert "le jeu de données CC-MAIN-2024-22 contient" in flat(case(release="CC-MAIN-2024-22"))


def test_what_the_page_says_of_itself_is_told_and_that_it_is_older_than_the_article() -> None:
    page = case(
        page_publisher="Portail", page_author="Anne Roy", page_published_at=NOON.replace(day=16),
        page_based_on="https://source.example/1", page_canonical_url="https://source.example/2",
    )  # fmt: skip
    text = flat(page)
    for words in (
        "Selon la page éditeur : Portail", "auteur : Anne Roy",
        "elle se dit tirée de : https://source.example/1",
        "publiée le 16 mai 2024 à 12 h 00", "La page se dit donc antérieure à l'article.",
        "elle donne pour sa propre adresse : https://source.example/2",
    ):  # fmt: skip
        assert words in text, words
    assert "antérieure à l'article" in flat(case(page_published_at=NOON.replace(hour=1)))
    for later in (NOON, NOON.replace(hour=0)):
        assert "antérieure" not in flat(case(page_published_at=later))
    assert "Selon la page" not in flat(case())


def test_other_thresholds_than_those_of_the_sentences_are_named() -> None:
    text = flat(
        case(config={"confidence": {"rare_bits": 100, "common_bits": 60}, "grade": {"gone": 1}}), "en"
    )
    assert "other thresholds than those that these sentences name: confidence.rare_bits = 100." in text
    assert "other thresholds" not in flat(case(config={"confidence": {"rare_bits": 200}}), "en")


def test_words_of_this_trade_are_explained_where_they_stand() -> None:
    for reason in ("on_member_site", "shared_text"):
        assert "« Membre » désigne un éditeur de presse" in flat(case(confidence_reasons=[reason]))
    assert "« Membre »" not in flat(case(confidence_reasons=["not_large"]))


@pytest.mark.parametrize(
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


def test_the_first_capture_names_its_row_or_says_that_none_is_earlier() -> None:
    claim = {
        "confidence": "C", "reasons": ["prior_capture"], "kind": "copy", "licence_id": None,
        "beyond_words": 0, "first_capture_at": NOON, "witness_domains": 0, "first_capture_row": "9b" * 32,
    }  # fmt: skip
    assert "it is case 9b9b9b9b9b9b." in flat(case(claim=claim), "en")
    # Another page of the same moment is not earlier.
    same = case(claim=claim, captured_at=NOON)
    assert "Among the known pages with a date, none that is older has a passage" in flat(same, "en")


def test_words_with_another_source_are_counted_but_not_at_the_articles_own_address() -> None:
    claim = {
        "confidence": "C", "reasons": ["known_text"], "kind": "copy", "licence_id": None, "beyond_words": 1,
    }  # fmt: skip
    assert "Mots qui peuvent venir d'une autre source : 3 sur 4." in flat(case(claim=claim))
    none = flat(case(claim=claim | {"beyond_words": 4}))
    assert "Ni les autres pages analysées ni les textes de référence" in none
    assert "autre source" not in flat(
        case(claim=claim | {"kind": "own_page"}, url_match="article", own_site=True, confidence_reasons=[])
    )


def test_words_of_an_excerpt_are_not_counted_as_words_of_the_article() -> None:
    for language, whole, part in (
        ("fr", "mots de l'article, qui en compte", "n'a remis qu'un extrait de l'article, de"),
        ("en", "of the article's", "supplied only an excerpt of the article, of"),
    ):
        text = flat(case(article_is_excerpt=True), language)
        assert part in text
        assert whole not in text


def test_a_mandate_does_not_depend_on_the_date_of_the_article() -> None:
    assert "Mandat Le mandat de l'éditeur est en vigueur" in flat(case(article_published_at=None))
    without = case(publisher=Publisher("rives", "Rives", None, None, None, ()), mandate="none")
    assert "Mandat Aucun mandat de l'éditeur n'est connu." in flat(without)


def test_only_a_publisher_whose_basis_is_known_is_called_the_holder_of_rights() -> None:
    for publisher, role, other in (
        (PUBLISHER, "Éditeur", "Titulaire"),
        (replace(PUBLISHER, rights_basis=("contract",)), "Titulaire", "Éditeur"),
    ):
        names = [fact.name for fact in account_of(case(publisher=publisher), Speaker("fr")).article]
        assert role in names
        assert other not in names


def test_a_row_without_an_article_says_nothing_of_one() -> None:
    row = case(
        article_id=None, spans=[], grade="url_only", own_site=True, confidence_reasons=["url_only"],
        article_url=None, article_published_at=None, headline=None,
    )  # fmt: skip
    text = flat(row)
    assert "L'article aucun : ce résultat porte sur l'adresse de la page seule" in text
    for words in ("Mandat", "Opposition", "Publication", "Droits"):
        assert words not in text, words


def test_the_site_of_another_member_is_called_so() -> None:
    reprint = case(site_title_id="hebdo", confidence_reasons=["on_member_site"])
    assert "contient une page d'un autre membre" in flat(reprint)
    claim = {"confidence": "C", "reasons": ["on_member_site"], "kind": "reprint", "licence_id": None}
    for page in (reprint, case(claim=claim)):
        assert "Site le site d'un autre membre" in flat(page)
    assert "Site le site d'un tiers" in flat(case())


def test_what_is_no_address_is_not_shown_as_one() -> None:
    text = flat(case(document_url="n/a", own_site=None))
    assert "Adresse inconnue (le jeu de données écrit « n/a »)" in text


def test_the_claim_is_explained_if_there_is_one() -> None:
    claim = {
        "confidence": "C",
        "reasons": ["sole_full_copy", "licensed"],
        "kind": "licensed",
        "licence_id": "L1",
        "beyond_words": 3,
        "first_capture_at": NOON,
        "witness_domains": 2,
    }
    text = told(case(confidence="A", claim=claim), "en")
    assert "Letter C." in text
    assert "The page alone gave the letter A" in text
    assert re.search(r"^Kind +page under a licence$", text, re.MULTILINE)
    assert re.search(r"^Licence +L1, in the file of licences$", text, re.MULTILINE)
    assert "held against" not in text
    for words in ("another source: 1 of 4.", "recorded on 18 May 2024, 12:00", "some of these words: 2."):
        assert words in re.sub(r"\s+", " ", text)


def test_nothing_unknown_is_passed_off_as_known() -> None:
    text = re.sub(r"\s+", " ", told(
        case(document_url=None, own_site=None, captured_at=None, article_published_at=None, article=None,
             page=None, page_missing="no shard", publisher=None, title=None, rights=[], mandate="none",
             reservation="unknown"), "en",
    ))  # fmt: skip
    assert text.count("not known") >= 5
    for words in ("could not be read again now (no shard)", "It is not at hand: give --corpus"):
        assert words in text


def test_every_value_of_a_claim_has_its_meaning() -> None:
    assert set(LETTERS) == set(CONFIDENCES)
    assert set(MANDATES) == set(ALL_MANDATES)
    assert set(RIGHTS) == set(ALL_RIGHTS)
    assert set(RESERVATIONS) == set(STATUSES)
    assert set(KINDS) == set(ALL_KINDS)


def test_a_record_of_common_crawl_is_fetched_over_the_web() -> None:
    commands = recipe.commands(case().row, case().shard)
    assert commands[0] == "u=https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-22/segments/1/wet"
    assert commands[-1] == 'curl -fsSL -r 700-999 "$u" | zcat > record'
    spaced = recipe.commands(case().row, "s3://bucket/a b?#.warc.wet.gz")
    assert spaced[0] == "u=https://bucket.s3.amazonaws.com/a%20b%3F%23.warc.wet.gz"
    on_hub = recipe.commands(case().row, "hf://datasets/a/b@0f/c d.warc.wet.gz")
    assert on_hub[0] == "u=https://huggingface.co/datasets/a/b/resolve/0f/c%20d.warc.wet.gz"


def test_the_check_prints_nothing_that_steers_the_terminal(tmp_path: Path) -> None:
    head = b"WARC/1.0\r\nWARC-Target-URI: https://a.example/\x1b[2J\x9b\r\nContent-Length: 18\r\n\r\n"
    (tmp_path / "record").write_bytes(head + b"Le pont a rouvert.")
    (tmp_path / "check.py").write_text(
        "\n".join(recipe.program(case().row, case().shard, "Le pont a rouvert"))
    )
    done = subprocess.run(
        [sys.executable, "check.py"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "words: True" in done.stdout
    assert all(line.isprintable() for line in done.stdout.splitlines())


def test_an_address_cannot_end_its_quotes() -> None:
    row = case(shard_uri="/data/a'; rm -rf $HOME; '/x.warc.wet.gz").row
    script = "\n".join([*recipe.commands(row, row.shard_uri)[:-1], 'printf %s "$u"'])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == row.shard_uri


def checked(lines: Sequence[str], folder: Path) -> str:
    """Do what the case says: its commands, then its program; what that prints."""
    code = [line.removeprefix("    ") for line in lines if line.startswith("    ")]
    begin = next(k for k, line in enumerate(code) if line.startswith("import "))
    subprocess.run(["sh", "-c", "\n".join(code[:begin])], cwd=folder, check=True)
    (folder / "check.py").write_text("\n".join(code[begin:]), "utf-8")
    done = subprocess.run(
        [sys.executable, "check.py"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "form", each_time(ONE_OF_EACH_FORMAT[1:4], [form for form in FORMS if not form.endswith(".zst")])
)
def test_anybody_can_check_a_row_as_its_case_says(tmp_path: Path, corpus: Path, form: str) -> None:
    other = Page("https://site.example/autre", "Rien de ce que la presse a publié ne se trouve ici, dit-on.")
    page = Page("https://site.example/copie", f"Lu ailleurs.\n{press()[1].body}\nFin.")
    FORMS[form](tmp_path / form, [other, page, other])
    scan_here([tmp_path / form], corpus, tmp_path / "tables")
    (row,) = TableStore.open(str(tmp_path / "tables")).read("matches").to_pylist()
    found = case_of(str(tmp_path / "tables"), row["row_sha256"][:12], str(corpus), StorageOptions())
    assert found.page is not None
    assert found.article == press()[1].body
    with web() as server:
        server.objects[f"/{form}"] = (tmp_path / form).read_bytes()
        for shard in (found.shard, f"{server.url}/{form}"):
            lines = list(case_lines(replace(found, shard=shard), "fr"))
            printed = checked(lines[[*lines].index("COMMENT VÉRIFIER SOI-MÊME") :], tmp_path)
            assert "digest: True\n" in printed
            assert "words: True\n" in printed
            # OSCAR's texts stand apart from what is said of them.
            assert (page.url in printed) is not form.endswith((".txt", ".txt.gz"))


def test_a_page_known_by_its_address_alone_can_be_checked_too(tmp_path: Path, corpus: Path) -> None:
    page = Page("https://www.courrier.example/rubriques", "Les rubriques du journal, et rien d'un article.")
    FORMS["pages.warc.gz"](tmp_path / "pages.warc.gz", [page])
    (row,) = scan_here([tmp_path / "pages.warc.gz"], corpus, tmp_path / "tables")
    assert row["grade"] == "url_only"
    found = case_of(str(tmp_path / "tables"), row["row_sha256"][:12], str(corpus), StorageOptions())
    lines = list(case_lines(found, "fr"))
    printed = checked(lines[[*lines].index("COMMENT VÉRIFIER SOI-MÊME") :], tmp_path)
    assert page.url in printed
    assert "digest: True\n" in printed
    assert "words" not in "".join(lines) + printed


def test_the_command_explains_a_row_and_says_what_it_lacks(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page("https://site.example/copie", press()[1].body)
    FORMS["a.warc.wet.gz"](tmp_path / "a.warc.wet.gz", [page])
    tables = tmp_path / "tables"
    (row,) = scan_here([tmp_path / "a.warc.wet.gz"], corpus, tables)
    (tmp_path / "a.warc.wet.gz").unlink()
    asked = ["explain", row["row_sha256"][:12], str(tables), "--lang", "en"]
    assert run([*asked, "--corpus", str(corpus), "--as-of", "2020-01-01"]) == 0
    text = capsys.readouterr().out
    assert "Judged as of 1 January 2020." in text
    assert "could not be read again now (no shard" in text
    assert run(["explain", "00000000", str(tables)]) == 1
    assert "no row has a row_sha256" in capsys.readouterr().err


def test_a_claim_in_another_folder_is_explained(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FORMS["a.warc.wet.gz"](tmp_path / "a.warc.wet.gz", [Page("https://site.example/copie", press()[1].body)])
    tables, claims = str(tmp_path / "tables"), str(tmp_path / "claims")
    (row,) = scan_here([tmp_path / "a.warc.wet.gz"], corpus, tmp_path / "tables")
    licences = tmp_path / "licences.yaml"
    licences.write_text(
        "licences: [{id: portail, licensee: Portail, hosts: [site.example],"
        f" titles: [{row['title_id']}], document: contrat.pdf}}]\n",
        "utf-8",
    )
    made = ["claims", "--corpus", str(corpus), "--licences", str(licences), "--out", claims, tables]
    assert run(made) == 0
    capsys.readouterr()
    asked = ["explain", row["row_sha256"][:12], tables, "--corpus", str(corpus), "--lang", "en"]
    assert run(asked) == 0
    assert "[licensed]" not in capsys.readouterr().out
    assert run([*asked, "--claims", claims]) == 0
    assert "[licensed]" in capsys.readouterr().out
    assert run([*asked, "--claims", tables]) == 1
    assert "no claim is of this row" in capsys.readouterr().err


def test_a_row_of_another_table_has_no_case(tmp_path: Path) -> None:
    from tests.unit.matching.rights.test_rights_relation import rows
    from tests.unit.query.test_reservations import own, tables
    from tests.world.captures import robots

    (signal, *_) = rows(robots("User-agent: *\nDisallow: /"))
    folder = tables(tmp_path, [own("a")], signal)
    with pytest.raises(InputError, match="the row is one of rights_signals"):
        case_of(str(folder), signal["row_sha256"][:16], None, StorageOptions())


def test_a_copy_of_which_others_have_nearly_the_same_text_is_not_said_to_be_nobody_elses() -> None:
    text = flat(case(confidence_reasons=["strong_copy", "agency_text"]))
    assert "Les articles presque identiques mis à part, aucun article fourni d'un autre éditeur" in text
    assert "plusieurs autres éditeurs ont publié" in text
    assert "par morceaux ou dans un texte presque identique" in text
