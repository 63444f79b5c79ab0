"""What a letter claims of rights, mandates and reservations: what files give, and nothing else."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pypdf import PdfReader

from presswatch_spark.core.errors import InputError
from presswatch_spark.legal.notices.notice import CHECKED, Notice, send, sign, today
from presswatch_spark.legal.notices.rules import RULES, CheckedNotice
from presswatch_spark.storage.objects import StorageOptions
from tests.world.notices import DRAFTED, Bureau, about, bureau, rewrite_claims, text_in
from tests.world.release import release
from tests.world.servers import web


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    """A case for all tests here; each writes the members file that it needs."""
    with web() as server:
        yield bureau(release(tmp_path_factory.mktemp("rights"), server))


@pytest.fixture(autouse=True)
def _as_before(office: Bureau) -> Iterator[None]:
    yield
    office.members()
    office.sender()


def said(office: Bureau, name: str) -> str:
    """All that a notice says to its recipient, and the annex."""
    folder = office.folder / name
    texts = [text_in((folder / "letter.docx").read_bytes()), (folder / "form.txt").read_text("utf-8")]
    texts += [path.read_text("utf-8") for path in (folder / "annex").glob("*.jsonl")]
    return " ".join("\n".join(texts).split())


def doubts(office: Bureau, name: str) -> str:
    return "\n".join(map(str, office.check(name).doubts))


def changed(**values: Any) -> Callable[[dict[str, Any]], object]:
    def change(publisher: dict[str, Any]) -> None:
        publisher.update(values)
        for name in [name for name, value in values.items() if value is None]:
            del publisher[name]

    return change


@pytest.mark.parametrize(
    ("country", "claimed", "doubt"),
    [
        ("BE", True, None),
        (None, False, "the members file gives no country of"),
        ("CH", False, "is established outside the EU and EEA (CH)"),
    ],
)
def test_the_press_publishers_right_is_claimed_for_publishers_in_the_eu_or_eea_alone(
    office: Bureau, country: str | None, claimed: bool, doubt: str | None
) -> None:
    office.members(changed(country=country))
    drafted = office.draft(f"country-{country}", sender=office.sender())
    assert (drafted.figures.numbers["press_rows"] > 0) == claimed
    assert drafted.figures.numbers["author_rows"] > 0
    letter = said(office, f"country-{country}")
    assert ("droit voisin" in letter) == claimed
    assert ("L. 218-1" in letter) == claimed
    told = doubts(office, f"country-{country}")
    assert doubt in told if doubt else "press publishers" not in told
    assert not office.rules(f"country-{country}")


@pytest.mark.parametrize(("law", "lang"), [("fr", "fr"), ("dsa16", "fr"), ("optout", "en")])
def test_a_letter_calls_nobody_a_holder_of_rights_without_the_basis(
    office: Bureau, law: str, lang: str
) -> None:
    office.members(changed(rights_basis=None))
    name = f"no-basis-{law}"
    office.draft(name, law, lang, sender=office.sender())
    assert not re.search(r"titulaire|holder|owner", said(office, name), re.IGNORECASE)
    assert "gives no rights_basis of" in doubts(office, name)


def test_a_letter_gives_the_basis_of_the_right(office: Bureau) -> None:
    office.members(changed(rights_basis=["contract", "presumption"]))
    office.draft("basis", sender=office.sender())
    letter = said(office, "basis")
    assert "titulaire des droits d’auteur par contrat (CPI, art. L. 131-3, L. 132-36)" in letter
    assert "titulaire présumé des droits d’auteur sur l’œuvre collective (CPI, art. L. 113-5)" in letter
    assert "rights_basis" not in doubts(office, "basis")
    office.members(changed(rights_basis="authors"))
    assert office.rules("basis")["query_differs"] == "sender"


def test_nobody_swears_to_act_for_a_holder_of_rights_without_the_basis(office: Bureau) -> None:
    office.members(lambda each: each["id"] == "quai" and each.pop("rights_basis"))
    drafted = office.draft("sworn", "dmca512", "en", sender=office.sender())
    assert drafted.missing == {"perjury": ["rights_basis"]}
    assert office.rules("sworn")["missing_element"] == "perjury"


def test_a_mandate_younger_than_the_articles_carries_a_letter_and_the_letter_gives_the_day_of_its_deed(
    office: Bureau,
) -> None:
    def young(publisher: dict[str, Any]) -> None:
        publisher["mandate_from"] = DRAFTED
        publisher["mandate_to"] = date(2027, 12, 31)
        publisher["mandate_document"]["signed_on"] = date(2026, 11, 3)

    office.members(young)
    # The claims were made for another day, on which this mandate was not in force.
    rewrite_claims(office.crawl.tables, lambda claim: claim.update(mandate="before"))
    for lang, words in (
        ("fr", ("mandat par acte du 3 novembre 2026", "en vigueur du 27 novembre 2026 au 31 décembre 2027")),
        ("en", ("mandate by deed of 3 November 2026", "in force from 27 November 2026 to 31 December 2027")),
    ):
        office.draft(f"young-{lang}", lang=lang, sender=office.sender())
        assert all(each in said(office, f"young-{lang}") for each in words)
        assert not office.rules(f"young-{lang}")
    assert "signed_on" not in doubts(office, "young-fr")
    office.members(
        lambda publisher: publisher["mandate_document"].update(signed_on=today() + timedelta(days=1))
    )
    assert "outside_mandate" in office.rules("young-fr")


def test_a_notice_is_not_sent_after_a_mandate_has_ended(office: Bureau) -> None:
    ends = today() + timedelta(days=3)
    office.members(lambda publisher: publisher["id"] == "quai" and publisher.update(mandate_to=ends))
    office.draft("ends", "optout", drafted=today() - timedelta(days=9), sender=office.sender())
    assert not office.rules("ends")
    checked = opened(office, "ends").newest(CHECKED)
    assert checked
    assert checked.facts["mandates_until"] == ends.isoformat()
    sign(opened(office, "ends"), "Jeanne Valmont", None, None)
    ended = (today() - timedelta(days=1)).isoformat()
    notice = opened(office, "ends")
    notice.add_event(CHECKED, days=30, mandates_until=ended)
    with pytest.raises(InputError, match=f"a mandate ended on {ended}"):
        send(opened(office, "ends"), None, None, None)


def opened(office: Bureau, name: str) -> Notice:
    return Notice.open(str(office.folder / name), StorageOptions())


def test_letters_name_reservations_that_were_in_force_and_no_other(office: Bureau) -> None:
    statuses = ["both", "before", "after", "none", "conflicting", "unknown"]
    for law, lang in (("fr", "fr"), ("dsa16", "en"), ("optout", "fr")):
        rewrite_claims(office.crawl.tables, lambda claim: claim.update(reservation="unknown"))
        office.draft(f"unknown-{law}", law, lang)
        letter = said(office, f"unknown-{law}")
        assert not re.search("unknown|inconnu|pas connu|not known|lors de la capture|at the capture", letter)
        assert about(office.folder / f"unknown-{law}")["reservations"] == {}
        assert not office.rules(f"unknown-{law}")
    turn = iter(range(10**6))
    rewrite_claims(
        office.crawl.tables, lambda claim: claim.update(reservation=statuses[next(turn) % len(statuses)])
    )
    drafted = office.draft("reserved")
    letter = said(office, "reserved")
    counts = drafted.figures.reservations
    assert set(counts) <= {"both", "before"}
    assert drafted.figures.numbers["reserved_rows"] == sum(counts.values()) > 0
    assert "La réserve de droits" in letter
    assert not re.search(
        r"\((?:after|none|conflicting|unknown)\)|\"(?:after|none|conflicting|unknown)", letter
    )
    rows = [
        json.loads(line) for line in (office.folder / "reserved/annex/rows.jsonl").read_text().splitlines()
    ]
    assert {row["reservation"] for row in rows} <= {"both", "before", None}


def test_an_address_that_is_copied_from_the_pdf_is_whole(office: Bureau) -> None:
    office.draft("copied", "dsa16")
    pdf = PdfReader(io.BytesIO((office.folder / "copied" / "letter.pdf").read_bytes()))
    text = "\n".join(page.extract_text() for page in pdf.pages)
    assert "\u200b" not in text
    assert "\u00ad" not in text
    assert f"{office.crawl.server.url}/crawl/a.warc.wet.gz" in text.replace("\n", "")


def files_with(rows: list[dict[str, Any]], form: str = "") -> dict[str, bytes]:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return {"annex/rows.jsonl": lines.encode(), "form.txt": form.encode()}


SENDER = {"email": "a@b.example", "phone": "+33 1 99 00 00 00", "signatory": "", "address": ""}
RECIPIENT = {"name": "Amazon Web Services", "route": "abuse@amazonaws.com, +1 206 266 4064"}


def persons(files: dict[str, bytes]) -> list[str]:
    notice: Any = SimpleNamespace(about={"sender": SENDER, "recipient": RECIPIENT})
    unused: Any = None
    return [str(about) for about, _ in RULES["personal_data"].breaches(CheckedNotice(notice, files, unused))]


def test_the_recipients_own_address_is_no_data_of_a_person() -> None:
    letter = "Amazon Web Services\nabuse@amazonaws.com, +1 206 266 4064\na@b.example, +33 1 99 00 00 00"
    assert persons(files_with([], letter)) == []
    assert persons(files_with([], f"{letter}\njean@amazonaws.com")) == ["form.txt"]
    assert persons(files_with([], f"{letter}\n06 12 34 56 78")) == ["form.txt"]


@pytest.mark.parametrize(
    "row",
    [
        {"record_id": "<urn:uuid:5d1cc9b7-0012-4345-8123-456789012345>"},
        {"record_id": "<urn:uuid:00331234-5678-4012-8123-456789012345>"},
        {"record_id": "+33-6-12-34-56-78-90"},
        {"document_url": "https://journal.example/a/5d1cc9b7-0012-4345-8123-456789012345.html"},
        {"document_url": "https://journal.example/2024-05-06-07-08-09/article"},
        {"file": "https://host.example/train-00000-of-00099-0123456789.parquet"},
        {"text_sha256": "0033612345678" + "0" * 51, "record_offset": 33612345678},
    ],
)
def test_ids_of_records_and_names_of_files_are_no_telephone_numbers(row: dict[str, Any]) -> None:
    assert persons(files_with([row])) == []


@pytest.mark.parametrize(
    "row",
    [
        {"document_url": "https://journal.example/?tel=%2B33%206%2012%2034%2056%2078"},
        {"document_url": "https://journal.example/06-12-34-56-78"},
        {"title": "0033 6 12 34 56 78"},
        {"record_id": "jean@prive.example"},
        {"file": "https://host.example/jean%40prive.example.gz"},
    ],
)
def test_numbers_and_addresses_of_persons_are_still_refused(row: dict[str, Any]) -> None:
    assert persons(files_with([row])) == ["annex/rows.jsonl"]


def test_ten_thousand_random_record_ids_refuse_no_letter() -> None:
    from random import Random
    from uuid import UUID

    random = Random(31)
    ids = [UUID(int=random.getrandbits(128), version=4) for _ in range(10_000)]
    assert persons(files_with([{"record_id": f"<urn:uuid:{each}>"} for each in ids])) == []
