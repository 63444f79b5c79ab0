"""A notice that breaks a rule is refused by the rule's name; what a person must look at is listed."""

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from presswatch_spark.claims import rights_and_mandates
from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.claims.selection import Choice, ClaimPlace
from presswatch_spark.core.errors import ConfigError, InputError
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.notices import refusal_rules
from presswatch_spark.legal.notices.follow_up import STATES, record
from presswatch_spark.legal.notices.formats import WordLetter
from presswatch_spark.legal.notices.laws import LAWS, laws
from presswatch_spark.legal.notices.letter import LetterWords
from presswatch_spark.legal.notices.notice import EventDetails, new_notice, today
from presswatch_spark.legal.notices.refusal_rules import (
    AUTHOR,
    INTERVIEW,
    OPINION,
    OUTSIDERS,
    RULES,
    CheckedNotice,
    Checking,
    outside_articles,
)
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Match, Target
from tests.world.claims import AS_OF, judge_all
from tests.world.corpora import article, corpus_of
from tests.world.documents import text_of
from tests.world.notices import (
    DRAFTED,
    Bureau,
    about,
    annex_rows,
    claim_changed,
    clock_at,
    recipients_with,
    rewrite_claims,
    text_in,
)
from tests.world.proofs import cases, each_time
from tests.world.release import probe

ELEMENTS = [(law, element) for law in LAWS for element in laws()[law].required()]
SOME_ELEMENTS = [(law, laws()[law].required()[-(number % 2)]) for number, law in enumerate(LAWS)]
NOTHING: dict[str, str] = {}
A_AND_B = Choice(confidences=("A", "B"))
DAY = timedelta(days=1)


def test_every_rule_state_and_element_is_on_the_page_of_notices() -> None:
    page = text_of("reference/notices")
    names = [*RULES, *STATES, *dict.fromkeys(element for _, element in ELEMENTS)]
    assert not [name for name in names if f"`{name}`" not in page]


@pytest.mark.parametrize("law", LAWS)
def test_a_whole_notice_passes_but_for_a_clause_that_nobody_signed(shared: Bureau, law: str) -> None:
    shared.copy(f"whole-{law}", law)
    found = shared.rules(f"whole-{law}")
    assert found == ({"unsigned_perjury": "perjury"} if law == "dmca512" else NOTHING)


# --- its files


def resum(folder: Path) -> None:
    """Write SHA256SUMS anew, as somebody does who hides a change."""
    names = [line.partition("  ")[2] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def edit_letter(path: Path, change: Callable[[str], str]) -> None:
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    body = parts["word/document.xml"].decode()
    assert change(body) != body
    parts["word/document.xml"] = change(body).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)


def without_element(body: str, element: str) -> str:
    """Take all text between the bookmarks of an element out of the body of a Word document."""
    start = body.index(f'w:name="element_{element}"')
    number = body[:start].rpartition('w:id="')[2].partition('"')[0]
    end = body.index(f'<w:bookmarkEnd w:id="{number}"')
    return body[:start] + re.sub(r"<w:t[ >].*?</w:t>", "", body[start:end], flags=re.DOTALL) + body[end:]


@pytest.mark.parametrize(("law", "element"), each_time(SOME_ELEMENTS, ELEMENTS))
def test_a_required_element_that_is_removed_even_in_one_of_two_languages_is_refused(
    shared: Bureau, law: str, element: str
) -> None:
    name = f"{law}-{element}"
    folder = shared.copy(name, law, "en")
    noted, letter, form = (folder / each for each in ("notice.json", "letter.docx", "form.txt"))
    whole = {file: file.read_bytes() for file in (noted, letter)}

    def missing() -> list[str]:
        return [about for rule, about in shared.refused(name) if rule == "missing_element"]

    assert missing() == []
    rewrite(noted, lambda data: data["elements"][element].update(text=None))
    resum(folder)
    assert missing() == [element]
    rewrite(noted, lambda data: data["elements"].pop(element))
    assert missing() == [element]
    noted.write_bytes(whole[noted])
    edit_letter(letter, lambda body: without_element(body, element))
    assert missing() == [element]
    letter.write_bytes(whole[letter])
    said = about(folder)["elements"][element]["text"].splitlines()[-1]
    flat = " ".join(form.read_text(encoding="utf-8").split())
    form.write_text(flat.replace(" ".join(said.split()), ""), encoding="utf-8")
    assert element in missing()

    folder = shared.copy(name := f"both-{name}", law, "both")
    letter, whole_letter = folder / "letter.docx", (folder / "letter.docx").read_bytes()
    for mark in (element, f"en_{element}"):
        letter.write_bytes(whole_letter)
        edit_letter(letter, lambda body, mark=mark: without_element(body, mark))  # type: ignore[misc]
        assert element in missing()
    letter.write_bytes(whole_letter)
    rewrite(folder / "notice.json", lambda data: data["elements"][element].update(second_text=None))
    assert element in missing()


LACKING: dict[str, tuple[object, dict[str, str]]] = {
    "legal_form": (None, dict.fromkeys(LAWS, "sender")),
    "rna": (None, dict.fromkeys(LAWS, "sender")),
    "signatory": ({"name": "Jeanne Valmont", "title": "Directrice"}, dict.fromkeys(LAWS, "sender")),
    "phone": (None, {"dmca512": "contact"}),
    "fair_use": (None, {"dmca512": "fair_use"}),
}
"""Keys of the sender's file, each with another value, and the element by law that then is missing."""
SOME_LACKING = [*product(["dmca512"], LACKING), *product(LAWS, ["legal_form"]), ("fr", "phone")]


@pytest.mark.parametrize(("law", "key"), each_time(SOME_LACKING, product(LAWS, LACKING)))
def test_each_fact_that_is_removed_from_the_senders_file_refuses_its_element(
    shared: Bureau, law: str, key: str
) -> None:
    (value, elements), name = LACKING[key], f"lacks-{law}-{key}"
    drafted = shared.draft(name, law, sender=shared.sender(**{key: value}))
    lacks = {elements[law]} if law in elements else set()
    assert set(drafted.missing) == lacks
    folder = shared.folder / name
    assert {each for each in lacks if about(folder)["elements"][each]["text"]} == set()
    assert not lacks & set(WordLetter.read((folder / "letter.docx").read_bytes()).elements)
    refused = shared.refused(name, sender={key: value})
    assert {about for rule, about in refused if rule == "missing_element"} == lacks


def swap_files(folder: Path) -> None:
    (folder / "form.txt").unlink()
    (folder / "more.txt").write_text("x", encoding="utf-8")


def rewrite_rows(folder: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    lines = [json.dumps(row) for row in change(annex_rows(folder))]
    (folder / "annex/rows.jsonl").write_text("\n".join(lines), encoding="utf-8")


def name_a_person(folder: Path) -> None:
    path = folder / "annex/urls.jsonl"
    path.write_bytes(path.read_bytes().replace(b"https://", b"https://x.example/?to=a%40b.example&u=", 1))


def noted(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / "notice.json", change)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (
            noted(lambda data: data["recipient"].update(elements=["identity"])),
            {("missing_element", "identity")},
        ),
        (noted(lambda data: data.update(law="gdpr")), {("invalid_notice", "notice.json")}),
        (noted(lambda data: data.update(drafted_on="2026-02-30")), {("invalid_notice", "notice.json")}),
        (swap_files, {("changed_file", "form.txt"), ("changed_file", "more.txt")}),
        (
            lambda folder: rewrite_rows(folder, lambda rows: rows[1:]),
            {("annex_differs", "annex/rows.jsonl"), ("attachment_differs", "letter.pdf: rows.jsonl")},
        ),
        (
            lambda folder: rewrite_rows(folder, lambda rows: [row | {"body": "x"} for row in rows]),
            {("article_text", "annex/rows.jsonl")},
        ),
        (name_a_person, {("personal_data", "annex/urls.jsonl")}),
    ],
    ids=[
        "the recipient requires another element", "its law is unknown", "no calendar has its day",
        "a file is missing and one was added", "a row was taken out of the annex",
        "the annex has a column of text", "a URL has an email address",
    ],
)  # fmt: skip
def test_a_notice_that_was_changed_is_refused(
    shared: Bureau, tmp_path: Path, change: Callable[[Path], None], refused: set[tuple[str, str]]
) -> None:
    name = tmp_path.name
    change(shared.copy(name))
    assert refused <= shared.refused(name)


@pytest.mark.parametrize(
    "name",
    each_time(["letter.pdf", "annex/rows.csv"], ["letter.pdf", "annex/rows.csv", "form.txt", "letter.docx"]),
)
def test_one_changed_byte_is_named_by_its_file(shared: Bureau, name: str) -> None:
    folder = shared.copy(f"byte-{name.replace('/', '-')}")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    assert ("changed_file", name) in shared.refused(folder.name)
    resum(folder)
    assert ("changed_file", "SHA256SUMS") in shared.refused(folder.name)
    # Nor can a person vouch for a letter that is missing.
    (folder / "letter.docx").unlink()
    assert ("changed_file", "letter.docx") in shared.refused(folder.name, edited_by="X")


def test_a_notice_that_has_a_lumen_json_of_an_older_version_is_checked_with_it(shared: Bureau) -> None:
    drafted, older = shared.copy("newer"), shared.folder / "older"
    with new_notice(str(older), StorageOptions()) as folder:
        unwanted = shutil.ignore_patterns("events", "SHA256SUMS")
        shutil.copytree(drafted, folder, dirs_exist_ok=True, ignore=unwanted)
        (folder / "lumen.json").write_text('{"notice": {"source": "Other"}}\n', encoding="utf-8")
    assert "lumen.json" in shared.open("older").sums
    assert shared.rules("older") == NOTHING
    (older / "lumen.json").write_text("{}\n", encoding="utf-8")
    assert shared.rules("older") == {"changed_file": "lumen.json"}


def corpus(office: Bureau) -> Corpus:
    return Corpus.open(str(office.crawl.corpus), check=False)


def test_an_edited_letter_passes_if_a_person_vouches_for_it_and_it_has_no_article(shared: Bureau) -> None:
    letter = shared.copy("edited") / "letter.docx"
    edit_letter(letter, lambda body: body.replace("sans autre avis", "sans autre préavis"))
    assert shared.rules("edited")["changed_file"] == "letter.docx"
    assert shared.rules("edited", edited_by="Maître Durand") == {"article_text": "letter.docx"}
    assert any("letter.pdf and form.txt are still those" in each for each in doubts(shared, "edited"))
    assert shared.rules("edited", corpus=corpus(shared)) == NOTHING
    words, row = corpus(shared), shared.case.targets()[0]
    ordinal = words.ordinal_of(row.article_id)
    assert ordinal is not None
    passage = " ".join(words.body(ordinal).decode().split()[:40]).translate({38: None, 60: None})
    edit_letter(letter, lambda body: body.replace("sans autre préavis", passage))
    assert shared.rules("edited", edited_by="Maître Durand", corpus=words) == {"article_text": "letter.docx"}


DELETED = '<w:del w:id="900" w:author="x"><w:r><w:delText>{}</w:delText></w:r></w:del>'
COMMENTS = (
    '<w:comments xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:comment w:id="0">'
    "<w:p><w:r><w:t>{}</w:t></w:r></w:p></w:comment></w:comments>"
)


@pytest.mark.parametrize("part", ["sentence", "deletion", "comment"])
def test_data_of_persons_is_refused_even_where_word_hides_it(shared: Bureau, part: str) -> None:
    """Tracked deletions and comments stay in a file that is sent, and published."""
    letter, private = shared.copy(f"open-{part}") / "letter.docx", "jeanne@prive.example, 06 99 00 00 00"
    if part == "comment":
        with zipfile.ZipFile(letter, "a") as file:
            file.writestr("word/comments.xml", COMMENTS.format(private))
    elif part == "deletion":
        edit_letter(letter, lambda body: body.replace("</w:p>", f"{DELETED.format(private)}</w:p>"))
    else:
        edit_letter(letter, lambda body: body.replace("droits@alliance.example", private))
    found = shared.rules(f"open-{part}", edited_by="X", corpus=corpus(shared))
    assert found["personal_data"] == "letter.docx"
    assert ("open_changes" in found) == (part != "sentence")


def test_a_signature_ends_with_the_bytes_that_were_signed(shared: Bureau) -> None:
    letter = shared.copy("signed", "dmca512", "en") / "letter.docx"
    record(shared.open("signed"), "signed", EventDetails("jeanne  VALMONT"))
    assert shared.rules("signed") == NOTHING
    edit_letter(letter, lambda body: body.replace("allegedly infringed", "infringed"))
    assert "unsigned_perjury" in shared.rules("signed", edited_by="X", corpus=corpus(shared))


# --- its claims


JUDGED_OTHERWISE: list[tuple[str, dict[str, str | None]]] = [
    ("d_row", {"confidence": "D"}),
    ("c_row_without_verdict", {"confidence": "C", "review": None}),
    ("verdict_against", {"review": "no_claim"}),
    ("verdict_against", {"confidence": "C", "review": "unsure"}),
    ("licensed_host", {"kind": "licensed", "licence_id": "l1"}),
    ("outside_mandate", {"publisher_id": "stranger"}),
    ("no_claim", {"row_sha256": "0" * 64}),
]


def test_a_claim_that_is_judged_otherwise_since_refuses_its_row(shared: Bureau) -> None:
    shared.draft("of-tables", source=str(shared.crawl.tables), choice=A_AND_B)
    row = about(shared.copy("of-case"))["query"]["rows"][0]
    for rule, changed in JUDGED_OTHERWISE:
        with claim_changed(shared, row, **changed):
            for name in ("of-case", "of-tables"):
                assert shared.rules(name)[rule] == row, (name, changed)
    with claim_changed(shared, row, confidence="C", review="claim"):
        assert shared.rules("of-case") == NOTHING


# --- its sender and recipient


def test_a_publisher_without_mandate_or_its_document_is_refused_but_for_its_owner(shared: Bureau) -> None:
    shared.members(lambda publisher: publisher.pop("mandate_document"))
    shared.draft("agent")
    assert "outside_mandate" in shared.rules("agent")
    own = [target.row_sha256 for target in shared.case.targets() if target.publisher_id == "quai"]
    owner = {"acts_as": "owner", "publishers": ["quai"]}
    shared.draft("owner", sender=shared.sender(**owner), choice=Choice(rows=frozenset(own)))
    assert shared.rules("owner", sender=owner) == NOTHING
    shared.draft("others", sender=shared.sender(publishers=["quai"]))
    assert "outside_mandate" in shared.rules("others", sender={"publishers": ["quai"]})
    for publishers in (None, ["quai", "armorial"]):
        with pytest.raises(ConfigError, match="an owner is one publisher"):
            shared.sender(acts_as="owner", publishers=publishers)


def test_a_mandate_covers_today_and_the_day_that_the_letter_bears(shared: Bureau) -> None:
    """Until its last day a mandate covers a letter that is drafted for later, and then no more."""
    later = today() + 9 * DAY
    for name, last_day, drafted, refused in [
        ("ends-today", today(), DRAFTED, []),
        ("ended", today() - DAY, DRAFTED, [today()]),
        ("covers", later, later, []),
        ("ends-before", later - DAY, later, [later]),
    ]:
        shared.members()
        shared.draft(name, drafted=drafted)
        shared.members(lambda publisher, last_day=last_day: publisher.update(mandate_to=last_day))
        details = [str(each.detail) for each in shared.check(name).refusals]
        assert details == [f"the mandate is not in force on {day}" for day in refused], name


def test_a_party_that_changed_since_refuses_the_notice(shared: Bureau) -> None:
    shared.copy("moved")
    assert shared.rules("moved", sender={"address": "elsewhere"}) == {"query_differs": "sender"}
    file, route = shared.folder / "elsewhere.yaml", {"value": "b@recipient.example", "source": "letter"}
    recipients_with(file, **{"common-crawl": {"route": route}})
    assert shared.rules("moved", recipients=str(file)) == {"query_differs": "recipient"}


# --- its places


def test_rows_that_nobody_read_again_are_refused(shared: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.draft("unread", source=str(shared.crawl.tables), choice=A_AND_B)
    assert "not_read_again" in shared.rules("unread")
    assert shared.rules("unread", again=True) == NOTHING
    assert shared.rules("unread") == NOTHING
    shared.draft("disk", mirrors=[])
    assert "file_on_a_disk" in shared.rules("disk")
    shared.copy("read-once")
    assert "not_read_again" in shared.rules("read-once", days=0)
    # A reading in days to come is that of a wrong clock.
    monkeypatch.setattr(refusal_rules, "datetime", clock_at(-23 * DAY))
    assert "not_read_again" in shared.rules("read-once")


def test_rows_that_do_not_read_any_more_are_refused(office: Bureau) -> None:
    office.draft("of-tables", source=str(office.crawl.tables), choice=A_AND_B)
    office.draft("of-case")
    target = office.target()
    rows = {row["record_id"]: row["row_sha256"] for row in annex_rows(office.folder / "of-case")}
    office.crawl.overwrite(target, b"\0" * target.record_length)
    assert office.refused("of-tables", again=True) == {("not_read_again", rows[target.record_id])}
    probe(office.case, office.crawl)
    assert "query_differs" in office.rules("of-case")
    assert office.draft("again").content.order.selection.left_out == {"removed": 1}
    assert office.rules("again") == NOTHING

    # A place with something else is no place that was read.
    last = max(office.case.targets(), key=lambda target: target.record_offset)
    office.crawl.change(last, lambda data: data[: last.record_offset])
    probe(office.case, office.crawl)
    assert office.draft("cut").content.numbers["never_read"] == 1
    assert office.rules("cut") == {"not_read_again": rows[last.record_id]}


# --- data of persons


SENDER = {"email": "a@b.example", "phone": "+33 1 99 00 00 00", "signatory": "", "address": ""}
RECIPIENT = {"name": "Amazon Web Services", "route": "abuse@amazonaws.com, +1 206 266 4064"}
OURS = "Amazon Web Services\nabuse@amazonaws.com, +1 206 266 4064\na@b.example, +33 1 99 00 00 00"


def persons(*rows: dict[str, Any], form: str = "") -> list[str]:
    """The files with data of a person, of an annex with these rows and of a form."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    files = {"annex/rows.jsonl": lines.encode(), "form.txt": form.encode()}
    notice: Any = SimpleNamespace(about={"sender": SENDER, "recipient": RECIPIENT})
    unused: Any = None
    recipient: Any = SimpleNamespace(flagger_route=None)
    checked = CheckedNotice(notice, files, Checking(), unused, recipient)
    return [str(about) for about, _ in RULES["personal_data"].breaches(checked)]


@pytest.mark.parametrize("more", ["jean@amazonaws.com", "06 12 34 56 78"])
def test_addresses_of_others_in_a_letter_are_refused_but_the_recipients_own(more: str) -> None:
    assert persons(form=OURS) == []
    assert persons(form=f"{OURS}\n{more}") == ["form.txt"]


@cases(
    ("is_of_a_person", "row"),
    [
        (False, {"record_id": "<urn:uuid:5d1cc9b7-0012-4345-8123-456789012345>"}),
        (False, {"record_id": "<urn:uuid:00331234-5678-4012-8123-456789012345>"}),
        (False, {"record_id": "+33-6-12-34-56-78-90"}),
        (False, {"document_url": "https://journal.example/a/5d1cc9b7-0012-4345-8123-456789012345.html"}),
        (False, {"document_url": "https://journal.example/2024-05-06-07-08-09/article"}),
        (False, {"file": "https://host.example/train-00000-of-00099-0123456789.parquet"}),
        (False, {"text_sha256": "0033612345678" + "0" * 51, "record_offset": 33612345678}),
        (True, {"document_url": "https://journal.example/?tel=%2B33%206%2012%2034%2056%2078"}),
        (True, {"document_url": "https://journal.example/06-12-34-56-78"}),
        (True, {"title": "0033 6 12 34 56 78"}),
        (True, {"record_id": "jean@prive.example"}),
        (True, {"file": "https://host.example/jean%40prive.example.gz"}),
    ],
)
def test_ids_and_names_of_files_are_no_data_of_persons(is_of_a_person: bool, row: dict[str, Any]) -> None:
    assert persons(row) == (["annex/rows.jsonl"] if is_of_a_person else [])


def test_ten_thousand_random_record_ids_refuse_no_letter() -> None:
    random = Random(31)
    ids = (UUID(int=random.getrandbits(128), version=4) for _ in range(10_000))
    assert persons(*({"record_id": f"<urn:uuid:{each}>"} for each in ids)) == []


# --- rights and mandates that a letter claims


def said(office: Bureau, name: str) -> str:
    """All that a notice says to its recipient, and the annex."""
    folder = office.folder / name
    texts = [text_in((folder / "letter.docx").read_bytes()), (folder / "form.txt").read_text("utf-8")]
    texts += [path.read_text("utf-8") for path in (folder / "annex").glob("*.jsonl")]
    return " ".join("\n".join(texts).split())


def doubts(office: Bureau, name: str = "n") -> list[str]:
    return list(map(str, office.check(name).doubts))


def test_a_letter_claims_no_right_that_ended_before_its_day(shared: Bureau) -> None:
    ends = {
        rights_and_mandates.last_day(each.row.article_published_at.date())
        for each in shared.select().places
        if each.row.article_published_at
    }
    numbers = {
        day: shared.draft(f"on-{day}", drafted=day).content.numbers
        for day in (max(ends), max(ends) + timedelta(days=1))
    }
    assert [each["press_rows"] > 0 for each in numbers.values()] == [True, False]
    assert all(each["author_rows"] == each["rows"] for each in numbers.values())


@pytest.mark.parametrize(
    ("country", "doubt"),
    [
        ("BE", None),
        (None, "the members file states no country for"),
        ("CH", "is established outside the EU and EEA (CH)"),
    ],
)
def test_the_press_publishers_right_is_claimed_for_publishers_in_the_eu_or_eea_alone(
    shared: Bureau, country: str | None, doubt: str | None
) -> None:
    name, is_claimed = f"country-{country}", doubt is None
    shared.members(
        lambda publisher: publisher.update(country=country) if country else publisher.pop("country")
    )
    numbers = shared.draft(name, sender=shared.sender()).content.numbers
    assert (numbers["press_rows"] > 0, numbers["author_rows"] > 0) == (is_claimed, True)
    assert [word in said(shared, name) for word in ("droit voisin", "L. 218-1")] == [is_claimed] * 2
    assert any((doubt or "press publishers") in each for each in doubts(shared, name)) == (not is_claimed)
    assert not shared.rules(name)


@pytest.mark.parametrize(("law", "lang"), [("fr", "fr"), ("dsa16", "fr"), ("optout", "en")])
def test_nobody_is_called_a_holder_of_rights_without_the_basis(shared: Bureau, law: str, lang: str) -> None:
    shared.members(lambda publisher: publisher.pop("rights_basis"))
    shared.draft(f"no-basis-{law}", law, lang, sender=shared.sender())
    assert not re.search(r"titulaire|holder|owner", said(shared, f"no-basis-{law}"), re.IGNORECASE)
    assert any("states no rights_basis for" in each for each in doubts(shared, f"no-basis-{law}"))


def test_a_letter_gives_the_basis_of_the_right(shared: Bureau) -> None:
    shared.members(lambda publisher: publisher.update(rights_basis=["contract", "presumption"]))
    shared.draft("basis", sender=shared.sender())
    letter = said(shared, "basis")
    assert "titulaire des droits d’auteur par contrat (CPI, art. L. 131-3, L. 132-36)" in letter
    assert "titulaire présumé des droits d’auteur sur l’œuvre collective (CPI, art. L. 113-5)" in letter
    assert not any("rights_basis" in each for each in doubts(shared, "basis"))
    shared.members(lambda publisher: publisher.update(rights_basis="authors"))
    assert shared.rules("basis")["query_differs"] == "sender"


def test_nobody_swears_to_act_for_a_holder_of_rights_without_the_basis(shared: Bureau) -> None:
    shared.members(lambda each: each["id"] == "quai" and each.pop("rights_basis"))
    drafted = shared.draft("sworn", "dmca512", "en", sender=shared.sender())
    assert drafted.missing == {"perjury": ["rights_basis"]}
    assert shared.rules("sworn")["missing_element"] == "perjury"


def test_a_mandate_may_be_younger_than_the_articles(office: Bureau) -> None:
    first, last, signed = DRAFTED, DRAFTED + 399 * DAY, DRAFTED - 24 * DAY

    def young(publisher: dict[str, Any]) -> None:
        publisher |= {"mandate_from": first, "mandate_to": last}
        publisher["mandate_document"]["signed_on"] = signed

    office.members(young)
    # The claims were made for another day, on which this mandate was not in force.
    rewrite_claims(office.crawl.tables, lambda claim: claim.update(mandate="before"))
    for lang, words in (
        ("fr", "mandat par acte du {2}|en vigueur du {0} au {1}"),
        ("en", "mandate by deed of {2}|in force from {0} to {1}"),
    ):
        office.draft(f"young-{lang}", lang=lang, sender=office.sender())
        days = [LetterWords(lang).day(day) for day in (first, last, signed)]
        letter = said(office, f"young-{lang}").replace("\xa0", " ")
        assert all(each.replace("\xa0", " ") in letter for each in words.format(*days).split("|"))
        assert not office.rules(f"young-{lang}")
    assert not any("signed_on" in each for each in doubts(office, "young-fr"))
    office.members(lambda publisher: publisher["mandate_document"].update(signed_on=today() + DAY))
    assert "outside_mandate" in office.rules("young-fr")


def test_a_notice_is_not_sent_after_a_mandate_has_ended(shared: Bureau) -> None:
    ends = today() + 3 * DAY
    shared.members(lambda publisher: publisher["id"] == "quai" and publisher.update(mandate_to=ends))
    shared.draft("ends", "optout", drafted=today() - 9 * DAY, sender=shared.sender())
    assert not shared.rules("ends")
    checked = shared.open("ends").newest("checked")
    assert checked
    assert checked.facts["mandates_until"] == ends.isoformat()
    record(shared.open("ends"), "signed", EventDetails("Jeanne Valmont"))
    ended = (today() - DAY).isoformat()
    shared.open("ends").add_event("checked", days=30, mandates_until=ended)
    with pytest.raises(InputError, match=f"a mandate ended on {ended}"):
        record(shared.open("ends"), "sent", EventDetails())


def test_letters_name_reservations_that_were_in_force_and_no_other(office: Bureau) -> None:
    rewrite_claims(office.crawl.tables, lambda claim: claim.update(reservation="unknown"))
    for law, lang in (("fr", "fr"), ("dsa16", "en"), ("optout", "fr")):
        office.draft(f"unknown-{law}", law, lang)
        letter = said(office, f"unknown-{law}")
        assert not re.search("unknown|inconnu|pas connu|not known|lors de la capture|at the capture", letter)
        assert about(office.folder / f"unknown-{law}")["reservations"] == {}
        assert not office.rules(f"unknown-{law}")
    statuses = ["both", "before", "after", "none", "conflicting", "unknown"] * 99
    rewrite_claims(office.crawl.tables, lambda claim: claim.update(reservation=statuses.pop()))
    drafted = office.draft("reserved")
    letter, counts = said(office, "reserved"), drafted.content.reservations
    assert set(counts) <= {"both", "before"}
    assert drafted.content.numbers["reserved_rows"] == sum(counts.values()) > 0
    assert "L’opposition à la fouille de textes et de données" in letter
    assert not re.search(r"[(\"](?:after|none|conflicting|unknown)[)\"]", letter)
    assert {row["reservation"] for row in annex_rows(office.folder / "reserved")} <= {"both", "before", None}


def test_what_nobody_looked_for_is_said(office: Bureau) -> None:
    office.draft("n", law="dsa16")
    without = "verify before you send: the claims were made without --licences, so no licence is known"
    assert without in doubts(office)
    searched = "Aucune licence enregistrée par l’expéditeur"
    assert searched not in about(office.folder / "n")["elements"]["explanation"]["text"]
    licence = "id: l, licensee: x, hosts: [never.example], titles: [le-meridien], document: d"
    (office.folder / "licences.yaml").write_text(f"licences: [{{{licence}}}]", encoding="utf-8")
    licences = str(office.folder / "licences.yaml")
    sources = KnowledgePaths(corpus=str(office.crawl.corpus), as_of=AS_OF, licences=licences)
    judge_all(office.crawl.tables, office.crawl.tables, sources)
    assert without not in doubts(office)
    office.draft("known", law="dsa16")
    assert searched in about(office.folder / "known")["elements"]["explanation"]["text"]


# --- articles whose rights an outsider may hold


PLAIN = "Le pont du village a rouvert"


def place(article_id: str | None, headline: str | None = None, url: str | None = None) -> ClaimPlace:
    known = {"article_id": article_id, "title_id": "courrier", "headline": headline, "article_url": url}
    return ClaimPlace(Target.from_dict({}), Match.from_dict(known), None, "")


def listed(places: list[ClaimPlace], corpus: Any = None) -> dict[str, str]:
    kinds = {line: kind for kind, line in OUTSIDERS.items()}
    found = outside_articles(places, corpus)
    return {kinds[each.text]: str(each.facts["articles"]) for each in found if each.text in kinds}


@cases(
    ("kind", "headline", "url"),
    [
        (OPINION, "TRIBUNE. « Il faut sauver l’estuaire »", None),
        (OPINION, "Sauvons l'estuaire", "https://courrier.example/idees/sauvons-l-estuaire"),
        (OPINION, "Carte blanche à une lectrice", None),
        (OPINION, None, "https://courrier.example/2026/opinion_sauvons"),
        (INTERVIEW, "Entretien avec le maire", "https://courrier.example/1"),
        (INTERVIEW, None, "https://courrier.example/interview-du-maire-1234"),
        (None, PLAIN, "https://latribune.example/economie/1"),
        (None, "Les attributions du maire", None),
        (None, None, None),
    ],
)
def test_headline_or_address_show_an_opinion(kind: str | None, headline: str | None, url: str | None) -> None:
    found = listed([place("a1", headline, url), place("a2", PLAIN), place(None)])
    assert found == ({kind: "a1"} if kind else {})


def test_the_corpus_tells_authors_from_outside_and_interviews_by_their_text(tmp_path: Path) -> None:
    outsiders = (["Paul Martin, économiste"], ["Un collectif d'habitants"], ["Jeanne Val"])
    authors = [["Anne Roy"], ["ANNE  ROY"], *outsiders, ["Anne Roy"], []]
    rows = [article(number, article_id=f"a{number}", authors=each) for number, each in enumerate(authors, 1)]
    rows[5]["body"] += " Propos recueillis par Anne Roy."
    places = [place(f"a{number}", PLAIN) for number in range(1, 9)]
    found = listed(places, Corpus.open(str(corpus_of(tmp_path, rows))))
    assert found == {AUTHOR: "a3, a4, a5", INTERVIEW: "a6"}


def test_without_a_corpus_the_check_says_that_nobody_looked_at_authors_and_long_lists_are_counted() -> None:
    lines = [str(line) for line in outside_articles([place(f"a{n}", "Tribune") for n in range(30)], None)]
    assert "(30)" in lines[0]
    assert lines[0].endswith(" …")
    assert lines[1].endswith("pass --corpus")
