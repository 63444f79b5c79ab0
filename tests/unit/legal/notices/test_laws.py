"""Laws, recipients and senders are data: each is whole, and a mistake in one is named with its line."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import ascii_url
from presswatch_spark.core.translation import LANGUAGES
from presswatch_spark.legal.notices.laws import LAWS, laws
from presswatch_spark.legal.notices.letter import AMOUNTS, LetterWords
from presswatch_spark.legal.notices.parties import FACTS, load_recipient, load_sender, parse_recipients
from tests.conftest import ROOT
from tests.world.notices import Bureau

FILE = ROOT / "conf" / "recipients.yaml"
IDS = ("common-crawl", "inria-oscar", "ai2-c4", "hugging-face", "aws")
REQUIRED = {
    "fr": [
        "sender", "works", "rights", "facts", "demand", "deadline", "consequences", "signature",
    ],
    "dsa16": ["explanation", "location", "notifier", "good_faith"],
    "dmca512": ["work", "material", "contact", "good_faith", "perjury", "signature"],
    "optout": ["rightholder", "reservation", "scope", "demand", "contact", "signature"],
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_each_law_names_what_a_notice_must_have(law: str) -> None:
    assert list(laws()[law].required()) == REQUIRED[law]
    for element in laws()[law].elements:
        assert element.source
        assert all(element.text[lang].strip() for lang in LANGUAGES)


@pytest.mark.parametrize("law", LAWS)
def test_both_languages_say_the_same_numbers(law: str) -> None:
    for element in laws()[law].elements:
        said = [set(re.findall(r"\{(\w+)\}", element.text[lang])) & AMOUNTS.keys() for lang in LANGUAGES]
        assert said[0] == said[1], element.name


@pytest.mark.parametrize("law", LAWS)
def test_a_list_of_reservations_stands_behind_what_it_is_about(law: str) -> None:
    about = {"fr": "Pour {reserved_rows}, le site", "en": "For {reserved_rows}, the publisher’s site"}
    for element in laws()[law].elements:
        if element.list == "reservations":
            for lang in LANGUAGES:
                last = element.text[lang].strip().splitlines()[-1]
                assert last.removeprefix("[reserved_rows] ").startswith(about[lang]), element.name
                # Without a reservation in force neither the sentence nor the element is there.
                assert last.startswith("[reserved_rows]") or element.optional, element.name


@pytest.mark.parametrize("recipient", IDS)
def test_each_fact_of_a_recipient_has_its_source_and_an_address_was_seen(recipient: str) -> None:
    found = load_recipient(recipient)
    assert set(found.facts) == set(FACTS)
    for fact in found.facts.values():
        assert fact.source.startswith("https://")
    assert found.route is None or found.facts["route"].checked is not None
    assert all("verify before you send" in str(doubt) for doubt in found.doubts())


def test_a_recipient_that_is_not_known_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="common-crawl"):
        load_recipient("comon-crawl")


def test_a_column_that_no_annex_has_is_named_with_its_line() -> None:
    raw = FILE.read_bytes().replace(b"[release, file, record_offset", b"[release, text, record_offset", 1)
    with pytest.raises(ConfigError, match=r"f:\d+: .*`text` is no column"):
        parse_recipients(raw, "f")


def test_nobody_has_read_a_source_on_a_day_to_come() -> None:
    raw = re.sub(rb"checked: 20\d\d-\d\d-\d\d", b"checked: 2999-01-01", FILE.read_bytes(), count=1)
    with pytest.raises(ConfigError, match=r"f:\d+: recipient `.*`: \w+: checked: 2999-01-01 is to come"):
        parse_recipients(raw, "f")


def test_a_sender_without_members_file_cannot_act_for_anybody(shared: Bureau) -> None:
    with pytest.raises(ConfigError, match="no members file"):
        shared.sender(members=None)


def test_a_sender_whose_mandate_has_changed_is_refused(office: Bureau) -> None:
    (office.folder / "quai.txt").write_text("another mandate", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"quai.*another content"):
        office.sender()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "mot " * 200_000}, "may have 300"),
        ({"name": "Alliance\u202e"}, "cannot be shown"),
        ({"email": "nobody"}, "is no address"),
        ({"publishers": ["quay"]}, "quai"),
        ({"acts_as": "friend"}, "neither"),
        ({"fax": "1"}, "unknown key"),
    ],
)
def test_a_mistake_of_the_sender_is_named(shared: Bureau, changed: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        shared.sender(**changed)


def test_a_sender_may_act_for_some_of_the_members(shared: Bureau) -> None:
    assert [publisher.id for publisher in shared.sender(publishers=["quai"]).publishers] == ["quai"]
    assert len(shared.sender().publishers) == 3


def test_a_sender_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_sender(str(tmp_path / "nobody.yaml"))


def test_numbers_and_days_are_written_as_each_language_does() -> None:
    french, english = LetterWords("fr"), LetterWords("en")
    assert french.n("{n} row", "{n} rows", 1234) == "1\u202f234\u00a0lignes"
    assert english.n("{n} row", "{n} rows", 1234) == "1,234 rows"
    assert french.n("{n} row", "{n} rows", 0) == "0\u00a0ligne"
    assert LetterWords("fr").day(date(2026, 8, 1)) == "1er\u00a0août 2026"
    assert LetterWords("en").day(date(2026, 8, 1)) == "1 August 2026"


def test_a_url_in_a_letter_is_ascii() -> None:
    assert ascii_url("https://x.example/é?a=1&b=%20\u202e") == "https://x.example/%C3%A9?a=1&b=%20%EF%BF%BD"
