"""The catalogue has the French of every text in the code, and whoever edits it sees the change at once."""

import re
import shutil
import tomllib
from datetime import date
from itertools import chain
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import check_and_call_extract_file
from babel.messages.frontend import parse_keywords
from babel.messages.pofile import read_po

import presswatch_spark
from presswatch_spark.core import translation
from presswatch_spark.core.translation import N_, Translator, p
from presswatch_spark.legal.notices.refusal_rules import RULES as NOTICE_RULES
from presswatch_spark.legal.removal.states import FollowedTarget, TargetRound
from tests.world.documents import text_of
from tests.world.release import probe_row

PACKAGE = Path(presswatch_spark.__file__).parent
FRENCH = translation.LOCALE / "fr.po"
NAMES = translation.LOCALE / "fr.names.po"
GLOSSARY = (
    "capture", "claim", "excerpt", "headline", "mandate", "match", "publisher", "record", "reservation",
    "title",
)  # fmt: skip
"""Words of the glossary with one meaning in all texts."""


def texts_of_code() -> Catalog:
    """The texts that the code marks, as `make texts` finds them; files without a mark are not looked into."""
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    methods = [(each["pattern"], each["method"]) for each in settings["tool"]["babel"]["mappings"]]
    keywords = {"N_": None, **parse_keywords(["_", "n:1,2", "p:1c,2"])}
    mark = re.compile(rf"\b({'|'.join(keywords)})\(|trans")
    found = Catalog()
    for path in chain(PACKAGE.rglob("*.py"), PACKAGE.rglob("templates/**/*.*")):
        if mark.search(path.read_text(encoding="utf-8")):
            parts = check_and_call_extract_file(path, methods, {}, None, keywords, (), False, PACKAGE)
            for _, _, message, _, context in parts:
                found.add(message, context=context)
    return found


def keys_of(catalog: Catalog) -> set[tuple[str | None, str | tuple[str, ...]]]:
    return {(each.context, each.id) for each in catalog if each.id}


def catalogue(path: Path = FRENCH) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, "fr")


def test_the_catalogue_has_every_text_of_the_code_and_no_other() -> None:
    advice = "run `make texts`, and translate what is new in fr.po"
    assert keys_of(catalogue()) == keys_of(texts_of_code()), advice


def test_every_text_has_its_french() -> None:
    lacking = [
        each.id
        for each in (*catalogue(), *catalogue(NAMES))
        if not all([each.string] if isinstance(each.string, str) else each.string)
    ]
    assert lacking == []
    assert not any(each.fuzzy for each in catalogue() if each.id)


def test_translations_name_the_facts_of_their_texts() -> None:
    def facts(text: str) -> set[str]:
        return set(re.findall(r"\{(\w*)[^}]*\}", text))

    for each in catalogue():
        if isinstance(each.id, str):
            assert facts(each.string) == facts(each.id), each.id
            continue
        # What is one thing may be named without its number.
        assert facts(each.string[1]) == facts(each.id[1]), each.id
        assert all(facts(text) <= facts(each.id[1]) for text in (*each.string, *each.id)), each.id


def test_texts_of_rules_are_marked_for_the_catalogue() -> None:
    nothing_asked = TargetRound((probe_row(outcome="missing"),), (), (), FollowedTarget())
    reasons = {reason for *_, reason in nothing_asked.rules()} - {""}
    meanings = {rule.meaning for rule in NOTICE_RULES.values()}
    assert len(reasons) > 20
    assert {(None, text) for text in reasons | meanings} <= keys_of(catalogue())


def test_french_is_set_as_french() -> None:
    for each in filter(lambda each: each.id, catalogue()):
        for text in [each.string] if isinstance(each.string, str) else each.string:
            # A space stands before ; : ? ! and %, and none before a comma or full stop.
            assert not re.search(r"[^\W\d_][;?!%]|[^\W\d_]:(?!//| True »)", text), text
            assert " ," not in text, text


def test_french_says_what_the_glossary_says() -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) \|", text_of("reference/glossary"), re.MULTILINE)
    words = {english: french for english, french in rows if english in GLOSSARY}
    assert len(words) == len(GLOSSARY)
    for each in filter(lambda each: each.id, (*catalogue(), *catalogue(NAMES))):
        pairs = zip(each.id, each.string, strict=True) if each.pluralizable else [(each.id, each.string)]
        for text, translated in pairs:
            # Names of commands, of options and of facts are no words.
            plain = re.sub(r"\{\w+\}|(--|presswatch )\w+", "", text)
            for english, french in words.items():
                if re.search(rf"\b{english}(s|es)?\b", plain, re.IGNORECASE):
                    assert re.search(rf"\b{french[:7]}", translated, re.IGNORECASE), text


def test_a_changed_line_of_the_catalogue_is_what_is_said_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(FRENCH, tmp_path)
    shutil.copy(NAMES, tmp_path)
    edited = tmp_path / "fr.po"
    text = edited.read_text(encoding="utf-8")
    line = 'msgstr "Rien n\'abaisse cette lettre."\n'
    assert text.count(line) == 1
    edited.write_text(text.replace(line, 'msgstr "Cette lettre reste."\n'), encoding="utf-8")
    monkeypatch.setattr(translation, "LOCALE", tmp_path)
    translation._catalogue.cache_clear()
    try:
        assert Translator("fr")("Nothing lowers this letter.") == "Cette lettre reste."
    finally:
        translation._catalogue.cache_clear()


def test_names_are_words_of_the_code_and_none_is_a_text_too() -> None:
    names = {(each.context, each.id) for each in catalogue(NAMES) if each.id}
    assert not names & keys_of(catalogue())
    assert Translator("fr").word("column", "matches") == "corresp."
    assert Translator("en").word("column", "matches") == "matches"
    assert Translator("fr").word("column", "nameless") == "nameless"


def test_a_context_chooses_the_translation_and_is_not_shown() -> None:
    marked = p("of the press", "Title")
    assert [Translator(language)(marked) for language in ("en", "fr")] == ["Title", "Titre de presse"]
    assert Translator("fr").p("of the press", "Title") == "Titre de presse"


def test_numbers_and_days_are_written_as_the_language_does() -> None:
    english, french = Translator("en"), Translator("fr")
    assert (english.number(1234567), french.number(1234567)) == ("1,234,567", "1\u202f234\u202f567")
    assert (english.number(1234.56, 1), french.number(1234.56, 1)) == ("1,234.6", "1\u202f234,6")
    assert (english.day(date(2026, 5, 1)), french.day(date(2026, 5, 1))) == ("1 May 2026", "1er mai 2026")
    assert french.day(date(2026, 8, 21)) == "21 août 2026"


def test_facts_that_look_like_texts_are_shown_as_they_are() -> None:
    text = N_("Letter {letter}.")
    assert Translator("fr")(text, letter="{letter} Nothing lowers this letter.") == (
        "Lettre {letter} Nothing lowers this letter.."
    )
