"""Sentences about claims, each checked against the corpus and the tables by plain counting of words."""

import re
import unicodedata
from typing import Any

import pytest

from presswatch_spark.claims.explain import case_lines
from presswatch_spark.claims.narrative import case_of
from presswatch_spark.core.translation import Translator
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.reasons import OF_ROWS, REASONS
from presswatch_spark.tables.store import TableStore
from tests.world.claims import LATER, House, Seen, text

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
        case = case_of(
            str(house.tables), claim["row_sha256"], str(house.corpus), StorageOptions(), claims=where
        )
        shown = " ".join(" ".join(case_lines(case, language)).split())
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
    for reason in REASONS.values():
        french = Translator("fr")(reason.sentence)
        assert not re.search(UNPROVEN, f"{french} {reason.sentence}")
        if reason.gives and reason.code != "own_url":
            assert re.search(r"articles? fourni", french)
            assert re.search(r"supplied articles?", reason.sentence)
