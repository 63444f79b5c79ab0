"""Whether a copied run stands in the main content of its page."""

import pytest

from presswatch_spark.core.settings.config import VerifyRules
from presswatch_spark.matching.judgement.passage_kinds import Placement, kind_of_line, kind_of_passage
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, verify
from presswatch_spark.reading.text.words import words_of
from tests.world.proofs import cases

ARTICLE = b"le conseil a vote hier soir une subvention de huit mille euros pour la place du marche couvert"
MENU = b"accueil contact abonnez vous "


def placed(document: bytes, main: bytes | None) -> bool | None:
    words = words_of(document)
    overlap = verify(
        NamedDocument(Joined(words), VerifyRules().anchor_words), Joined(words_of(ARTICLE)), VerifyRules()
    )
    return Placement(lambda: main, 11).holds_longest(words, overlap)


@cases(
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


@cases(
    ("kind", "line"),
    [
        ("link", "» LIRE AUSSI - La halle de Valmont sera rouverte avant l'hiver, dit le maire"),
        ("link", "À lire aussi : La halle de Valmont rouvre"),
        ("link", "Lire aussi La halle de Valmont rouvre"),
        ("link", "Voir aussi – La halle en images"),
        ("link", "Sur le même sujet"),
        ("link", "La halle de Valmont rouvre - Regarder sur Rives Live"),
        ("link", "Read also: The hall opens again"),
        ("caption", "Le maire de Valmont devant la halle, samedi matin. (Photo Anne Roy)"),
        ("caption", "Le maire de Valmont, samedi matin. © ANNE ROY"),
        ("caption", "Photo : la halle de Valmont, samedi matin"),
        ("caption", "La halle de Valmont, samedi. PHOTO ANNE ROY, ARCHIVES LE COURRIER"),
        ("caption", "La halle de Valmont en ruine. Anne Roy / AFP"),
        (
            "service",
            "Samedi 12 et dimanche 13, de 10 h à 18 h, 12 rue des Rives, tarif : 5 €. Tél. 04 00 00 00 00",
        ),
        ("service", "Rens. et réservations : 04 00 00 00 00, www.halle.example"),
        (None, "Le maire de Valmont a rouvert la halle, fermée depuis un an, devant 200 habitants."),
        (None, "Les rencontres devaient débuter mercredi, mais ont été reprogrammées à jeudi et vendredi."),
        (None, "La licence passerait de 170 euros à 2 800 euros, et le doctorat à 3 800 euros."),
        (None, "Il faut lire aussi entre les lignes de ce budget, dit la maire."),
        (None, "Sur les photos du rapport, on voit la halle en ruine."),
        (None, "« Je n'ai rien à voir avec cela », a-t-il déclaré à l'AFP."),
        (None, ""),
    ],
)
def test_a_line_is_prose_unless_its_begin_end_or_marks_show_another_kind(kind: str | None, line: str) -> None:
    assert kind_of_line(line) == kind


TEXT = (
    "La halle rouvre, dit le maire.\nLire aussi\n"
    "Le pont de Valmont rouvre avant l'hiver malgré la neige\nLa foule est venue."
)


def ranges(*parts: str) -> list[tuple[int, int]]:
    return [(TEXT.index(part), TEXT.index(part) + len(part)) for part in parts]


def kind_of(text: str, copied: list[tuple[int, int]]) -> str | None:
    return kind_of_passage(text.encode(), copied)


def test_the_line_after_a_heading_of_links_is_a_link() -> None:
    assert kind_of(TEXT, ranges("Le pont de Valmont rouvre avant l'hiver malgré la neige")) == "link"
    assert kind_of(TEXT, ranges("Lire aussi\nLe pont de Valmont rouvre avant")) == "link"


def test_a_passage_with_more_than_a_little_prose_is_prose() -> None:
    assert kind_of(TEXT, ranges("rouvre avant l'hiver malgré la neige\nLa foule est venue")) is None
    assert kind_of(TEXT, ranges("La halle rouvre, dit le maire", "Le pont de Valmont")) is None
    assert kind_of(TEXT, []) is None


def test_long_passages_and_hostile_lines_are_prose_at_once() -> None:
    long = "Lire aussi " + "mot " * 100_000
    assert kind_of(long, [(0, len(long))]) is None
    assert kind_of("\n" * 50_000 + TEXT, [(0, 500)]) is None
