"""Reasons: every code has a sentence in both languages that stands by itself."""

import re
import runpy

from presswatch_spark.core.translation import LANGUAGES, Translator
from presswatch_spark.tables.column_values import CONFIDENCES
from presswatch_spark.tables.confidence_reasons import REASONS
from tests.conftest import ROOT
from tests.world.proofs import cases


@cases("code", REASONS)
def test_a_reason_has_one_letter_whole_sentences_without_law_and_what_would_change_it(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    reason = REASONS[code]
    assert reason.gives in ("A", "B", None)
    assert reason.caps in ("B", "C", "D", None)
    assert None in (reason.gives, reason.caps)
    assert {reason.gives, reason.caps} - {None} <= set(CONFIDENCES)
    assert reason.mend if reason.caps in ("B", "C") else reason.mend is None or not reason.gives
    for translated in map(Translator, LANGUAGES):
        for sentence in map(translated, filter(None, (reason.sentence, reason.mend))):
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert not re.search(r"[_`{}<>]|  ", sentence)
            # A judge reads it aloud.
            assert all(len(part.split()) <= 25 for part in re.split(r"[.;:] ", sentence))
        law = r"CPI|L\. 1|la loi permet|le droit de|the law|by right"
        assert not re.search(law, translated(reason.sentence))


def test_no_two_reasons_say_the_same() -> None:
    for language in LANGUAGES:
        sentences = [Translator(language)(reason.sentence) for reason in REASONS.values()]
        assert len(set(sentences)) == len(sentences)


def test_their_page_lists_every_reason_with_its_sentences() -> None:
    docs = runpy.run_path(str(ROOT / "docs" / "conf.py"))
    page = ["before\n\n" + docs["REASONS_MARK"]]
    docs["fill_in"](None, "reference/reasons", page)
    for code, reason in REASONS.items():
        letters = f"| `{code}` | {reason.gives or ''} | {reason.caps or ''} |"
        assert f"{letters} {Translator('fr')(reason.sentence)} | {reason.sentence} |" in page[0]
    assert docs["REASONS_MARK"] in (ROOT / "docs" / "reference" / "reasons.md").read_text(encoding="utf-8")
