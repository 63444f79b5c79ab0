"""Reasons: every code has a sentence in both languages that stands by itself."""

from __future__ import annotations

import re
import runpy

import pytest

from presswatch_spark.core.translation import LANGUAGES, Translator
from presswatch_spark.tables.literals import CONFIDENCES
from presswatch_spark.tables.reasons import REASONS, Reason
from tests.conftest import ROOT

ALL = pytest.mark.parametrize("reason", REASONS.values(), ids=list(REASONS))


@ALL
def test_a_reason_gives_a_letter_or_caps_one_and_never_both(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.code)
    assert reason.gives in ("A", "B", None)
    assert reason.caps in ("B", "C", "D", None)
    assert None in (reason.gives, reason.caps)
    assert {reason.gives, reason.caps} - {None} <= set(CONFIDENCES)


@ALL
@pytest.mark.parametrize("language", LANGUAGES)
def test_its_sentences_are_whole_and_hold_no_code(reason: Reason, language: str) -> None:
    translated = Translator(language)
    for sentence in map(translated, filter(None, (reason.sentence, reason.mend))):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "  " not in sentence
        assert not re.search(r"[_`{}<>]", sentence)
        # A judge reads it aloud.
        assert all(len(part.split()) <= 25 for part in re.split(r"[.;:] ", sentence))


@ALL
def test_it_says_facts_and_leaves_the_law_to_lawyers(reason: Reason) -> None:
    for language in LANGUAGES:
        text = Translator(language)(reason.sentence)
        assert not re.search(r"CPI|L\. 1|la loi permet|le droit de|the law|by right", text)


@ALL
def test_what_would_change_it_is_known_of_all_that_speaks_against_a_claim(reason: Reason) -> None:
    if reason.caps in ("B", "C"):
        assert reason.mend
    if reason.gives:
        assert reason.mend is None


def test_no_two_reasons_say_the_same() -> None:
    for language in LANGUAGES:
        sentences = [Translator(language)(reason.sentence) for reason in REASONS.values()]
        assert len(set(sentences)) == len(sentences)


def test_their_page_lists_every_reason_with_its_sentences() -> None:
    docs = runpy.run_path(str(ROOT / "docs" / "conf.py"))
    page = ["before\n\n" + docs["REASONS_MARK"]]
    docs["fill_in"](None, "reference/reasons", page)
    for reason in REASONS.values():
        letters = f"| `{reason.code}` | {reason.gives or ''} | {reason.caps or ''} |"
        assert f"{letters} {Translator('fr')(reason.sentence)} | {reason.sentence} |" in page[0]
    assert docs["REASONS_MARK"] in (ROOT / "docs" / "reference" / "reasons.md").read_text(encoding="utf-8")
