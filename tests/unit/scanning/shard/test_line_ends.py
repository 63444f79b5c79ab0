"""Words that a line end parts: `infor-` / `mation` is found as `information`, `porte-` / `monnaie` as two."""

import random
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.settings.config import ReadRules, ScanConfig, VerifyRules
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, Overlap, verify
from presswatch_spark.query.pointers.audit import other_words
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.tables.declarations import Match
from tests.reference.words import reference_words
from tests.unit.matching.test_sieve import batch_of, index_over
from tests.world.corpora import article, corpus_of
from tests.world.proofs import cases
from tests.world.scanned import scan_here
from tests.world.warc import PDF, page, pdf

RULES = VerifyRules()
BODY = (
    "Le conseil municipal a voté hier soir une subvention de huit mille euros pour la rénovation du marché"
    " couvert, malgré les réserves de trois élus. Le porte-monnaie de la commune, dit-on, compte dix-sept"
    " millions, et l'information a surpris jusqu'au premier-adjoint de la ville voisine."
)
RUN = "une information de huit mille euros pour la place du porte-monnaie"
SURFACES = [
    "information",
    "porte-monnaie",
    "dix-sept",
    "été",
    "œuvre",
    "l'art",
    "ville",
    "de",
    "la",
    "marché",
]


def compared(document: str, original: str) -> Overlap:
    words = words_of(document.encode())
    return verify(
        NamedDocument(Joined(words), RULES.anchor_words), Joined(words_of(original.encode())), RULES
    )


def is_candidate(document: str, original: str) -> bool:
    sieve = Sieve(index_over([original.encode()]))
    return bool(len(sieve.candidates(batch_of([b"rien", document.encode()]))))


def parted(text: str, rng: random.Random, line_end: str) -> str:
    """The text with some words hyphenated, and some compounds broken at their hyphens, three words apart."""
    tokens = text.split(" ")
    for k in range(rng.randrange(3), len(tokens), 3):
        token = tokens[k]
        if "-" in token:
            tokens[k] = token.replace("-", f"-{line_end}", 1)
        elif len(letters := re.sub(r"\W", "", token)) > 3 and letters == token:
            cut = rng.randrange(1, len(token) - 1)
            tokens[k] = f"{token[:cut]}-{line_end}{token[cut:]}"
    return " ".join(tokens)


@cases("hyphen", ["-", "\u2010", "\u00ad"])
@cases("line_end", ["\n", "\r\n", " \n  ", " ", "\f"])
def test_a_run_of_eleven_words_is_found_in_both_readings(hyphen: str, line_end: str) -> None:
    copy = RUN.replace("information", f"infor{hyphen}{line_end}mation")
    broken = copy.replace("porte-monnaie", f"porte-{line_end}monnaie")
    for document in (copy, broken):
        assert is_candidate(document, RUN)
        assert compared(document, RUN).longest_run_words == 12
    assert compared(RUN, broken).longest_run_words == 12


@given(st.lists(st.sampled_from(SURFACES), min_size=14, max_size=40), st.randoms(use_true_random=False))
def test_no_choice_of_hyphens_hides_a_copy(surfaces: list[str], rng: random.Random) -> None:
    original = " ".join(f"{word} {word[: k % 4 + 1]}{k}" for k, word in enumerate(surfaces))
    copy = f"avant {parted(original, rng, chr(10))} ensuite"
    words = words_of(original.encode())
    overlap = compared(copy, original)
    assert is_candidate(copy, original)
    assert overlap.longest_run_words == overlap.copied_words == overlap.article_words == len(words)
    assert overlap.document_copied_words == overlap.document_words - 2
    seen, document = overlap.seen_from(0), words_of(copy.encode())
    places = document.characters(seen[:, 0].copy(), seen[:, 0] + seen[:, 2] - 1).tolist()
    assert [copy[start:end] for start, end in places] == [copy[6:-8]]


def test_no_word_is_joined_where_the_article_has_two() -> None:
    original = "le vote porte sur tout le territoire de la commune de Paris, surtout ailleurs"
    assert compared("le vote porte sur-\ntout le territoire de la commune", original).longest_run_words == 10
    assert compared("rien sur-\ntout ailleurs", original).longest_run_words == 0


def test_the_longest_run_decides_wherever_it_begins_and_whatever_else_is_hyphenated() -> None:
    run = "tout le territoire de la commune de Paris est inondé depuis"
    assert compared(f"lire sur-\n{run}", f"{run} hier, surtout ailleurs").longest_run_words == 11
    run = "de parti voisin information sur les deux places du marché couvert"
    original = f"il a dit hier à la presse locale de par ailleurs rien, {run}"
    broken = run.replace("parti", "par-\nti").replace("information", "infor-\nmation")
    assert compared(f"il a dit hier à la presse locale {broken}", original).longest_run_words == 11


@pytest.mark.parametrize("width", [30, 45, 60])
def test_wrapped_text_is_a_full_copy_wherever_it_was_broken(tmp_path: Path, width: int) -> None:
    """Python's textwrap breaks compounds at their hyphens; typesetters hyphenate other words too."""
    wrapped = textwrap.fill(BODY, width)
    typeset = parted(wrapped.replace("\n", " "), random.Random(width), "\n")
    folder = corpus_of(tmp_path, [article(0, body=BODY)])
    pages = [Page(f"https://ailleurs.fr/{k}", text) for k, text in enumerate((wrapped, typeset))]
    wet, warc, of_pdf = (tmp_path / name for name in ("a.warc.wet.gz", "pages.warc.gz", "pdf.warc"))
    shards.write_wet(wet, pages)
    warc.write_bytes(b"".join(page(f"<p>{each.text}</p>".encode(), url=each.url) for each in pages))
    of_pdf.write_bytes(page(pdf(*typeset.split("\n")), PDF))
    rows = scan_here([wet, warc, of_pdf], folder, tmp_path / "tables", ScanConfig(read=ReadRules(pdf=True)))
    assert [row["grade"] for row in rows] == ["full_copy"] * 5
    assert {(row["article_coverage"], row["document_coverage"]) for row in rows} == {(1.0, 1.0)}
    words = len(reference_words(BODY.encode()))
    assert {row["longest_run_words"] for row in rows} == {row["copied_words"] for row in rows} == {words}
    for row, text in zip(rows[:2], (wrapped, typeset), strict=True):
        (span,) = row["spans"]
        assert text[span["document_start"] : span["document_end"]] == text.rstrip(".")
        assert span["words"] == words
        assert other_words(Match.from_dict(row), text.encode(), Corpus.open(str(folder)).text_of) is None


def test_a_page_of_nothing_but_hyphens_costs_little() -> None:
    hostile = "a-\n" * 5_000
    assert not is_candidate(hostile, RUN)
    assert compared(hostile, "aa " * 400).longest_run_words in range(1, 401)
    assert np.array_equal(words_of(hostile.encode()).partings, np.arange(4_999))
