"""Names of agencies at the end of a text."""

import pytest

from presswatch_spark.matching.judgement.agencies import AgencyNames

# A name of a user's that no list has.
NAMES = AgencyNames(("Écho X!",))


@pytest.mark.parametrize("text", ["AFP", "l'AFP ", "Agence France-Presse", "le PRESSE CANADIENNE", "Écho X!"])
def test_names_at_the_end_of_a_text_stand_there(text: str) -> None:
    assert NAMES.at_end.search(text)


@pytest.mark.parametrize("text", ["", "le maire. ", "l'AFP dit", "xAFP", "la presse", "«", "pa ", "é"])
def test_other_words_at_the_end_of_a_text_are_no_names(text: str) -> None:
    assert not NAMES.at_end.search(text)
