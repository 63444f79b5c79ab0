"""Whether a copied run stands in the main content of its page."""

from __future__ import annotations

import pytest

from presswatch_spark.core.settings.config import VerifyRules
from presswatch_spark.matching.judgement.placement import Placement
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, verify
from presswatch_spark.reading.text.words import words_of

ARTICLE = b"le conseil a vote hier soir une subvention de huit mille euros pour la place du marche couvert"
MENU = b"accueil contact abonnez vous "


def placed(document: bytes, main: bytes | None) -> bool | None:
    words = words_of(document)
    overlap = verify(
        NamedDocument(Joined(words), VerifyRules().anchor_words), Joined(words_of(ARTICLE)), VerifyRules()
    )
    return Placement(lambda: main, 11).holds_longest(words, overlap)


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        (b"Titre. " + ARTICLE + b" Fin.", True),
        (ARTICLE, True),
        (b"Titre. " + ARTICLE[:-8], True),
        (b" ".join(ARTICLE.split()[:13]), False),
        (b"", False),
        (b"un autre texte " * 20, False),
        (None, None),
    ],
)
def test_the_longest_run_stands_in_it_or_not(main: bytes | None, expected: bool | None) -> None:
    assert placed(MENU + ARTICLE + b" un autre texte" * 20, main) is expected


@pytest.mark.parametrize("main", [b"", b"un autre texte " * 20, None])
def test_a_run_that_makes_up_most_of_the_page_is_its_main_content(main: bytes | None) -> None:
    assert placed(MENU + ARTICLE + b" " + MENU, main) is True


def test_of_several_runs_the_longest_decides() -> None:
    shorter = b" ".join(ARTICLE.split()[:12])
    page = shorter + b" plus bas " + ARTICLE + b" un autre texte" * 20
    assert placed(page, ARTICLE) is True
    assert placed(page, shorter) is False


def test_without_a_page_nothing_is_said() -> None:
    words = words_of(ARTICLE)
    overlap = verify(NamedDocument(Joined(words), 8), Joined(words), VerifyRules())
    assert Placement(None, 11).holds_longest(words, overlap) is None
