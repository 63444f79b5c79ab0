"""Whom a page credits in or next to a passage: each form with its examples, and what only looks like one."""

import re

import numpy as np
import pytest

from presswatch_spark.core.settings.config import CORPUS_AGENCIES
from presswatch_spark.matching.judgement.agencies import AGENCIES, AgencyNames, key_of, spellings
from presswatch_spark.matching.judgement.credits import (
    AROUND_WORDS,
    CREDITS,
    HEAD_WORDS,
    CreditFinder,
    is_other,
)
from presswatch_spark.reading.text.words import words_of
from tests.world.documents import built, text_of
from tests.world.proofs import cases

FINDER = CreditFinder(CORPUS_AGENCIES)
PASSAGE = "Le conseil municipal a voté la réfection du pont suspendu après trois heures de débat"


def credits(text: str, passage: str = PASSAGE) -> list[str]:
    data = text.encode("utf-8", "replace")
    words = words_of(data)
    first = len(words_of(data[: data.index(passage.encode())]))
    count = len(words_of(passage.encode()))
    (found,) = FINDER.credits(data, words, [np.array([[first, 0, count, 0]], np.int64)])
    return found


MORE = (
    ("bracketed", "… a dit le maire. (APS)", "APS"),
    ("dateline", "BRUSSELS, June 12 - Reuters - The council", "Reuters"),
    ("byline", "avec Belga", "Belga"),
    ("byline", "Par Belga", "Belga"),
    ("byline", "… a dit le maire. Avec ATS", "Keystone-ATS"),
    ("copyright", "© AP", "Associated Press"),
    ("source", "source : AFP", "AFP"),
    ("source", "(Source : agence AFP)", "AFP"),
    ("bracketed", "[AFP]", "AFP"),
    ("bracketed", "(afp)", "AFP"),
    ("bracketed", "(with news agencies)", "unnamed agencies"),
    ("dateline", "AFP - Le conseil s'est réuni", "AFP"),
    ("dateline", "Bruxelles, AFP : le conseil", "AFP"),
    ("byline", "Le Soir avec l'AFP", "AFP"),
    ("byline", "Par Le Figaro avec AFP agence", "AFP"),
    ("byline", "With agencies", "unnamed agencies"),
    ("byline", "M. D. / Agencies", "unnamed agencies"),
    ("copyright", "© 2019 Reuters", "Reuters"),
    ("copyright", "Copyright Thomson Reuters 2019", "Reuters"),
    ("copyright", "(c) Reuters", "Reuters"),
    ("copyright", "© AFP", "AFP"),
    ("slash", "Marie Durand / AFP", "AFP"),
    ("source", "Sources: AFP, Reuters", "AFP; Reuters"),
    ("via", "via Reuters", "Reuters"),
    ("told", "Il a été interrogé par l'AFP.", "AFP"),
    ("told", "a indiqué une source à l'agence AFP", "AFP"),
    ("told", "a-t-il dit auprès de l'AFP", "AFP"),
    ("told", "according to Reuters", "Reuters"),
    ("none", "des photos diffusées par l'agence Reuters", ""),
    ("none", "Le directeur de l'AFP - un homme discret - a parlé", ""),
    ("none", "The town (MAP) is small", ""),
    ("none", "Il travaille avec des agences", ""),
    ("none", "Nos conseils/Agences", ""),
    ("none", "Marie Durand/Agences de la région", ""),
    ("none", "Le code source : tout le monde le lit", ""),
    ("none", "La source : elle est à sec depuis que la commune a fermé le captage du haut", ""),
)
"""Examples that the page does not list."""


def examples() -> list[tuple[str, str, str]]:
    """The examples of the page of credits, and more: form, line, and the names that it gives."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", text_of("reference/credits"), re.MULTILINE)
    return [*MORE] + [
        (form, line, "; ".join(re.findall(r"`([^`]+)`", names)))
        for form, lines, names in rows
        for line in re.findall(r"`([^`]+)`", lines)
    ]


@cases(("form", "line", "names"), examples())
def test_every_example_of_the_documentation_is_read_as_it_says(form: str, line: str, names: str) -> None:
    for page in (f"{line}\n{PASSAGE}.", f"{PASSAGE}.\n{line}", f"Titre\n{line}\n\n{PASSAGE}.\nFin."):
        assert "; ".join(credits(page)) == names, page


def test_the_documentation_has_every_agency_and_every_number() -> None:
    page = re.sub(r"\s+", " ", built("reference/credits"))
    assert not [name for name in AGENCIES if f"`{name}`" not in page]
    for number in (AROUND_WORDS, HEAD_WORDS, CREDITS):
        assert re.search(rf"\b{number}\b", page)


@cases(
    ("before", "behind", "found"),
    [
        (AROUND_WORDS - 1, 0, ["AFP"]),
        (0, AROUND_WORDS - 1, ["AFP"]),
        (HEAD_WORDS - 2, 0, ["AFP"]),
        (HEAD_WORDS + 10, 0, []),
        (0, AROUND_WORDS + 1, []),
    ],
)
def test_a_credit_counts_next_to_the_passage_or_above_one_near_the_top(
    before: int, behind: int, found: list[str]
) -> None:
    filler = "mot "
    page = f"Par AFP\n{filler * before}" if before else ""
    page += PASSAGE
    page += f"\n{filler * behind}\nPar AFP" if behind else ""
    assert credits(page) == found


def test_a_credit_within_the_passage_counts_and_each_name_once() -> None:
    page = f"{PASSAGE} (AFP). Reuters - Puis\n(AFP)\n© AFP"
    assert credits(page, page) == ["AFP"]


def test_each_passage_of_a_page_has_its_own_credits() -> None:
    far = "mot " * 400
    text = f"{PASSAGE}.\n(Reuters)\n{far}\n{PASSAGE}.\n(AFP)".encode()
    words, count = words_of(text), len(words_of(PASSAGE.encode()))
    at = [np.array([[n, 0, count, 0]], np.int64) for n in (0, len(words) - count - 1)]
    assert FINDER.credits(text, words, at) == [["Reuters"], ["AFP"]]


def test_an_agency_of_the_settings_is_added_under_its_own_name() -> None:
    own = CreditFinder(["Agence du Vent", "ADV"])
    text = f"Par Agence du Vent\n{PASSAGE}.\n(ADV)".encode()
    words = words_of(text)
    (found,) = own.credits(text, words, [np.array([[4, 0, 10, 0]], np.int64)])
    assert found == ["Agence du Vent", "ADV"]


HOSTILE = [
    "(" * 1_000_000, "(AFP " * 200_000, "Source : " * 110_000, "©" * 500_000, "AFP/" * 250_000,
    "A" * 1_000_000, "avec " * 200_000, "[(" * 500_000 + "AFP)", "Source : " + "A." * 500_000,
    "Par " * 250_000 + "AFP", "a\u0301" * 300_000 + " AFP",
]  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:8])
def test_hostile_pages_are_read_to_their_end(hostile: str) -> None:
    """A form that takes more than linear time would take hours for some of these."""
    data = f"{hostile}\n{PASSAGE}\n(Reuters)".encode()
    words = words_of(data)
    (found,) = FINDER.credits(data, words, [np.array([[0, 0, len(words), 0]], np.int64)])
    assert found[-1] == "Reuters"


def test_a_credit_behind_any_number_of_names_that_are_none_is_found() -> None:
    text = f"{PASSAGE} {'AFP x ' * 30_000}\n(Reuters)"
    assert credits(text, text) == ["Reuters"]
    assert credits(text) == []


def test_the_credits_of_a_page_that_repeats_itself_are_those_of_its_parts() -> None:
    text = f"{PASSAGE}\n{'(AFP) x ' * 3_000}\n(Reuters)\n{'Source : Insee. ' * 3_000}"
    assert credits(text, text) == ["AFP", "Reuters", "Insee"]


def test_no_agency_has_two_names_and_no_spelling_two_agencies() -> None:
    known = spellings(CORPUS_AGENCIES)
    assert len({spelling.text for spelling in known}) == len(known)
    agencies: dict[str, set[str]] = {}
    for spelling in known:
        agencies.setdefault(key_of(spelling.text), set()).add(spelling.agency)
    assert [names for names in agencies.values() if len(names) > 1] == []
    assert {spelling.agency for spelling in known if spelling.text in CORPUS_AGENCIES} <= set(AGENCIES)


def test_a_credit_of_the_member_names_nobody_else() -> None:
    own = ("L'Écho du Pont", "Éditions du Pont SA", "echodupont.example")
    for credit in ("L’Écho du pont", "Echo du Pont", "ÉDITIONS DU PONT SA", "echodupont.example"):
        assert not is_other(credit, own)
    for credit in ("AFP", "Écho", "Le Pont", ""):
        assert is_other(credit, own)


# A name of a user's that no list has.
NAMES = AgencyNames(("Écho X!",))


AT_END = ("AFP", "l'AFP ", "Agence France-Presse", "le PRESSE CANADIENNE", "Écho X!")
OTHERS = ("", "le maire. ", "l'AFP dit", "xAFP", "la presse", "«", "pa ", "é")


def test_names_stand_at_the_end_of_a_text_and_other_words_do_not() -> None:
    assert [text for text in (*AT_END, *OTHERS) if NAMES.at_end.search(text)] == [*AT_END]
