"""Where the name of an agency may begin or end: cheap looks that never miss one."""

import random

import pytest

from presswatch_spark.judgement.agencies import AgencyNames
from presswatch_spark.text.words import words_of

# Names of users that no list has: with a letter that case changes oddly, with marks, in another script.
OWN = ("Ağence ıstanbul", "Sıla Haber", "K-Press", "A.F.P. Sud", "Écho X!", "Źródło Press")
NAMES = AgencyNames(OWN)
BEHIND = ("", ".", " dit", "s", "'s", "’s", "_", "-X", "\u00ad", "é", "\u0301")


def written(rng: random.Random, name: str) -> str:
    """A name as somebody may write it: in another case, with other accents, hyphens and marks behind it."""
    ways = (
        name, name.lower(), name.upper(), name.replace(" ", "-"), name.replace("é", "e"),
        name.replace("i", "ı").replace("s", "ſ"), name.replace("é", "e\u0301"),
    )  # fmt: skip
    return rng.choice(ways) + rng.choice(BEHIND)


def test_no_name_that_a_text_begins_with_is_missed() -> None:
    rng, begun, spared = random.Random(1), 0, 0
    for _ in range(200):
        for spelling in NAMES.known:
            text = written(rng, spelling.text)
            data = text.encode()
            words = words_of(data)
            start, end = int(words.starts[0]), int(words.ends[0])
            begins = NAMES.run_at_start(data[start:].decode()) is not None
            assert NAMES.may_begin(data, start, end) or not begins, text
            begun += begins
            spared += not NAMES.may_begin(data, start, end)
    assert begun > 1_000
    assert spared > 1_000


@pytest.mark.parametrize("word", ["map", "tap", "ap", "Source", "AFPs", "conseil"])
def test_a_word_in_another_case_or_a_longer_one_begins_none(word: str) -> None:
    assert not NAMES.may_begin(f"{word} dit".encode(), 0, len(word))


@pytest.mark.parametrize("text", ["AFP", "l'AFP ", "Agence France-Presse", "le PRESSE CANADIENNE", "Écho X!"])
def test_names_at_the_end_of_a_text_stand_there(text: str) -> None:
    assert NAMES.stand_at_end(text)


@pytest.mark.parametrize("text", ["", "le maire. ", "l'AFP dit", "xAFP", "la presse", "«", "pa ", "é"])
def test_other_words_at_the_end_of_a_text_are_no_names(text: str) -> None:
    assert not NAMES.stand_at_end(text)
