"""A notice that breaks a rule is refused by the rule's name."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.make import Sources
from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.notices import notice as states
from presswatch_spark.legal.notices import rules
from presswatch_spark.legal.notices.laws import LAWS, laws
from presswatch_spark.legal.notices.notice import Notice, new_notice
from presswatch_spark.legal.notices.parties import load_recipient
from presswatch_spark.legal.notices.rules import RULES
from presswatch_spark.storage.objects import StorageOptions
from tests.world.claims import AS_OF, judge_all
from tests.world.notices import Bureau, about, rewrite_claims
from tests.world.proofs import each_time
from tests.world.release import probe

ELEMENTS = [(law, element) for law in LAWS for element in laws()[law].required()]
SOME_ELEMENTS = [(law, laws()[law].required()[-(number % 2)]) for number, law in enumerate(LAWS)]
NOTHING: dict[str, str] = {}


def opened(office: Bureau, name: str) -> Notice:
    return Notice.open(str(office.folder / name), StorageOptions())


def resum(folder: Path) -> None:
    """Write SHA256SUMS anew, as somebody does who hides a change."""
    names = [line.partition("  ")[2] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def rewrite(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def edit_letter(path: Path, before: str, after: str) -> None:
    """Change the text of a Word document; `before` must be in it."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    body = parts["word/document.xml"].decode()
    assert before in body
    parts["word/document.xml"] = body.replace(before, after).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)


def cut_element(path: Path, element: str) -> None:
    """Take all text between the bookmarks of an element out of a Word document."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    body = parts["word/document.xml"].decode()
    start = body.index(f'w:name="element_{element}"')
    number = body[:start].rpartition('w:id="')[2].partition('"')[0]
    end = body.index(f'<w:bookmarkEnd w:id="{number}"')
    inside = "".join(
        piece.partition("</w:t>")[2] if place else piece
        for place, piece in enumerate(body[start:end].split("<w:t"))
    )
    parts["word/document.xml"] = (body[:start] + inside + body[end:]).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)


@pytest.mark.parametrize("law", LAWS)
def test_a_whole_notice_passes_but_for_a_clause_that_nobody_signed(shared: Bureau, law: str) -> None:
    shared.draft(f"whole-{law}", law)
    found = shared.rules(f"whole-{law}")
    assert found == ({"unsigned_perjury": "perjury"} if law == "dmca512" else NOTHING)


@pytest.mark.parametrize(("law", "element"), each_time(SOME_ELEMENTS, ELEMENTS))
def test_a_required_element_that_is_removed_is_refused_by_its_name(
    shared: Bureau, law: str, element: str
) -> None:
    name, whole = f"{law}-{element}", shared.folder / f"{law}-in-english"
    if not whole.exists():
        shared.draft(whole.name, law, "en")
    folder = Path(shutil.copytree(whole, shared.folder / name))
    kept = {
        path: path.read_bytes()
        for path in (folder / "notice.json", folder / "letter.docx", folder / "form.txt")
    }

    def missing() -> list[str]:
        refusals = shared.check(name).refusals
        return [refusal.about for refusal in refusals if refusal.rule == "missing_element"]

    assert missing() == []
    rewrite(folder / "notice.json", lambda data: data["elements"][element].update(text=None))
    resum(folder)
    assert missing() == [element]
    rewrite(folder / "notice.json", lambda data: data["elements"].pop(element))
    assert missing() == [element]
    (folder / "notice.json").write_bytes(kept[folder / "notice.json"])
    cut_element(folder / "letter.docx", element)
    assert missing() == [element]
    (folder / "letter.docx").write_bytes(kept[folder / "letter.docx"])
    said = about(folder)["elements"][element]["text"].splitlines()[-1]
    flat = " ".join((folder / "form.txt").read_text(encoding="utf-8").split())
    (folder / "form.txt").write_text(flat.replace(" ".join(said.split()), ""), encoding="utf-8")
    assert element in missing()


def test_an_element_that_the_recipient_asks_for_is_required_too(shared: Bureau) -> None:
    shared.draft("asks")
    rewrite(
        shared.folder / "asks" / "notice.json", lambda data: data["recipient"].update(elements=["identity"])
    )
    assert shared.rules("asks")["missing_element"] == "identity"


JUDGED_OTHERWISE: list[tuple[str, dict[str, str | None]]] = [
    ("d_row", {"confidence": "D"}),
    ("c_row_without_verdict", {"confidence": "C", "review": None}),
    ("verdict_against", {"review": "no_claim"}),
    ("verdict_against", {"confidence": "C", "review": "unsure"}),
    ("licensed_host", {"kind": "licensed", "licence_id": "l1"}),
    ("outside_mandate", {"publisher_id": "stranger"}),
]
OF_A_CASE = [(*judged, "case") for judged in JUDGED_OTHERWISE]
OF_TABLES = [(*judged, "tables") for judged in JUDGED_OTHERWISE]
SOME_JUDGED = [OF_A_CASE[place] for place in (0, 4)] + OF_TABLES[5:6]


@pytest.mark.parametrize(("rule", "changed", "source"), each_time(SOME_JUDGED, OF_A_CASE + OF_TABLES))
def test_a_claim_that_is_judged_otherwise_since_refuses_its_row(
    office: Bureau, rule: str, changed: dict[str, str | None], source: str
) -> None:
    choice = {"source": str(office.crawl.tables), "choice": Choice(confidences=("A", "B"))}
    office.draft("n", **(choice if source == "tables" else {}))
    row = about(office.folder / "n")["query"]["rows"][0]
    rewrite_claims(office.crawl.tables, lambda claim: claim["row_sha256"] == row and claim.update(changed))
    assert office.rules("n")[rule] == row


def test_a_c_row_that_a_person_confirmed_passes(office: Bureau) -> None:
    office.draft("n")
    rewrite_claims(office.crawl.tables, lambda claim: claim.update(confidence="C", review="claim"))
    assert office.rules("n") == NOTHING


def test_a_claim_that_is_gone_refuses_its_row(office: Bureau) -> None:
    office.draft("n")
    row = about(office.folder / "n")["query"]["rows"][0]
    rewrite_claims(
        office.crawl.tables, lambda claim: claim["row_sha256"] == row and claim.update(row_sha256="0" * 64)
    )
    assert office.rules("n")["no_claim"] == row


def test_a_publisher_without_document_of_its_mandate_is_refused_but_for_its_owner(office: Bureau) -> None:
    office.members(lambda publisher: publisher.pop("mandate_document"))
    office.draft("agent")
    assert "outside_mandate" in office.rules("agent")
    own = [target.row_sha256 for target in office.case.targets() if target.publisher_id == "quai"]
    owner = office.sender(acts_as="owner", publishers=["quai"])
    office.draft("owner", sender=owner, choice=Choice(rows=frozenset(own)))
    assert office.rules("owner", sender=owner) == NOTHING


def test_an_owner_is_one_publisher_and_needs_mandates_of_others(shared: Bureau) -> None:
    with pytest.raises(ConfigError, match="an owner is one publisher"):
        shared.sender(acts_as="owner")
    with pytest.raises(ConfigError, match="an owner is one publisher"):
        shared.sender(acts_as="owner", publishers=["quai", "armorial"])
    shared.sender()


def test_a_mandate_that_ended_since_the_claims_were_made_is_refused(office: Bureau) -> None:
    office.draft("n")
    assert office.rules("n") == NOTHING
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    office.members(lambda publisher: publisher.update(mandate_to=yesterday))
    assert "outside_mandate" in office.rules("n")


def test_a_mandate_covers_the_day_that_the_letter_bears(office: Bureau) -> None:
    """Until its last day a mandate covers a letter that is drafted for later, and then no more."""
    later = datetime.now(UTC).date() + timedelta(days=9)
    office.members(lambda publisher: publisher.update(mandate_to=later))
    office.draft("n", drafted=later)
    assert office.rules("n") == NOTHING
    office.members(lambda publisher: publisher.update(mandate_to=later - timedelta(days=1)))
    details = [str(each.detail) for each in office.check("n").refusals if each.rule == "outside_mandate"]
    assert details == [f"the mandate is not in force on {later}"]


def test_a_mandate_whose_last_day_is_today_passes(office: Bureau) -> None:
    today = datetime.now(UTC).date()
    office.members(lambda publisher: publisher.update(mandate_to=today))
    office.draft("n")
    assert office.rules("n") == NOTHING


def test_a_recipient_whose_route_changed_since_refuses_the_notice(office: Bureau) -> None:
    office.draft("n")
    elsewhere = replace(load_recipient("common-crawl"), route="another@recipient.example")
    assert office.rules("n", recipient=elsewhere) == {"query_differs": "recipient"}


def test_a_row_that_was_read_in_days_to_come_counts_as_unread(
    office: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Earlier(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) - timedelta(days=2)

    office.draft("n")
    monkeypatch.setattr(rules, "datetime", Earlier)
    assert "not_read_again" in office.rules("n")


def test_rows_of_a_publisher_that_the_sender_does_not_act_for_are_refused(shared: Bureau) -> None:
    shared.draft("some", sender=shared.sender(publishers=["quai"]))
    assert "outside_mandate" in shared.rules("some", sender=shared.sender(publishers=["quai"]))
    shared.sender()


def test_rows_that_nobody_read_again_are_refused_until_they_are_read(office: Bureau) -> None:
    choice = Choice(confidences=("A", "B"))
    office.draft("n", source=str(office.crawl.tables), choice=choice)
    assert "not_read_again" in office.rules("n")
    assert office.rules("n", again=True) == NOTHING
    assert office.rules("n") == NOTHING
    office.draft("of-case")
    assert "not_read_again" in office.rules("of-case", days=0)


def test_a_row_that_does_not_read_any_more_stays_unread(office: Bureau) -> None:
    office.draft("n", source=str(office.crawl.tables), choice=Choice(confidences=("A", "B")))
    target = office.target()
    office.crawl.overwrite(target, b"\0" * target.record_length)
    refusals = office.check("n", again=True).refusals
    (refused,) = [each for each in refusals if each.rule == "not_read_again"]
    rows = {row["record_id"]: row["row_sha256"] for row in annex_rows(office.folder / "n")}
    assert refused.about == rows[target.record_id]


def test_a_row_where_something_else_was_found_since_counts_as_unread(office: Bureau) -> None:
    last = max(office.case.targets(), key=lambda target: target.record_offset)
    office.crawl.change(last, lambda data: data[: last.record_offset])
    probe(office.case, office.crawl)
    assert office.draft("n").figures.numbers["never_read"] == 1
    rows = {row["record_id"]: row["row_sha256"] for row in annex_rows(office.folder / "n")}
    assert office.rules("n") == {"not_read_again": rows[last.record_id]}


def annex_rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "annex" / "rows.jsonl").read_text("utf-8").splitlines()]


def test_files_on_a_disk_are_no_place_for_a_recipient(shared: Bureau) -> None:
    shared.draft("disk", mirrors=[])
    assert "file_on_a_disk" in shared.rules("disk")


@pytest.mark.parametrize(
    "name",
    each_time(
        ["letter.pdf", "annex/rows.csv"],
        ["letter.pdf", "annex/rows.csv", "form.txt", "letter.docx"],
    ),
)
def test_one_changed_byte_is_named_by_its_file(shared: Bureau, name: str) -> None:
    folder = shared.folder / f"byte-{name.replace('/', '-')}"
    shared.draft(folder.name)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    refused = shared.check(folder.name).refusals
    assert name in [each.about for each in refused if each.rule == "changed_file"]
    resum(folder)
    assert "SHA256SUMS" in [
        each.about for each in shared.check(folder.name).refusals if each.rule == "changed_file"
    ]


def test_a_file_that_is_missing_or_added_is_named(shared: Bureau) -> None:
    shared.draft("parts")
    (shared.folder / "parts" / "form.txt").unlink()
    (shared.folder / "parts" / "more.txt").write_text("x", encoding="utf-8")
    refused = [each.about for each in shared.check("parts").refusals if each.rule == "changed_file"]
    assert refused == ["form.txt", "more.txt"]


def test_a_notice_that_has_a_lumen_json_of_an_older_version_is_checked_with_it(shared: Bureau) -> None:
    drafted, older = shared.folder / "newer", shared.folder / "older"
    shared.draft(drafted.name)
    with new_notice(str(older), StorageOptions()) as folder:
        shutil.copytree(
            drafted, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("events", "SHA256SUMS")
        )
        (folder / "lumen.json").write_text('{"notice": {"source": "Other"}}\n', encoding="utf-8")
    assert "lumen.json" in opened(shared, "older").sums
    assert shared.rules("older") == NOTHING
    (older / "lumen.json").write_text("{}\n", encoding="utf-8")
    assert shared.rules("older") == {"changed_file": "lumen.json"}


def test_a_row_that_is_taken_out_of_the_annex_breaks_its_digest_and_the_pdf(shared: Bureau) -> None:
    shared.draft("less")
    path = shared.folder / "less" / "annex" / "rows.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    found = shared.rules("less")
    assert (found["annex_differs"], found["attachment_differs"]) == (
        "annex/rows.jsonl",
        "letter.pdf: rows.jsonl",
    )


def test_personal_data_in_what_gets_published_is_refused(shared: Bureau) -> None:
    shared.draft("person")
    folder = shared.folder / "person"
    path = folder / "annex" / "urls.jsonl"
    path.write_bytes(path.read_bytes().replace(b"https://", b"https://x.example/?to=a%40b.example&u=", 1))
    assert shared.rules("person")["personal_data"] == "annex/urls.jsonl"
    shared.draft("called")
    edit_letter(
        shared.folder / "called" / "letter.docx",
        "droits@alliance.example",
        "jeanne@prive.example, 06 99 00 00 00",
    )
    assert shared.rules("called", edited_by="X", corpus=corpus(shared))["personal_data"] == "letter.docx"


def corpus(office: Bureau) -> Corpus:
    return Corpus.open(str(office.crawl.corpus), check=False)


def test_an_edited_letter_passes_if_a_person_vouches_for_it_and_it_has_no_article(shared: Bureau) -> None:
    shared.draft("edited")
    letter = shared.folder / "edited" / "letter.docx"
    edit_letter(letter, "sans autre avis", "sans autre préavis")
    assert shared.rules("edited")["changed_file"] == "letter.docx"
    assert shared.rules("edited", edited_by="Maître Durand") == {"article_text": "letter.docx"}
    assert any(
        "letter.pdf and form.txt are still those" in str(doubt) for doubt in shared.check("edited").doubts
    )
    assert shared.rules("edited", corpus=corpus(shared)) == NOTHING
    words, row = corpus(shared), shared.case.targets()[0]
    ordinal = words.ordinal_of(row.article_id)
    assert ordinal is not None
    passage = " ".join(words.body(ordinal).decode().split()[:40])
    edit_letter(letter, "sans autre préavis", passage.translate({38: None, 60: None}))
    assert shared.rules("edited", edited_by="Maître Durand", corpus=words) == {"article_text": "letter.docx"}


DELETED = '<w:del w:id="900" w:author="x"><w:r><w:delText>{}</w:delText></w:r></w:del>'
COMMENTS = (
    '<w:comments xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:comment w:id="0">'
    "<w:p><w:r><w:t>{}</w:t></w:r></w:p></w:comment></w:comments>"
)


@pytest.mark.parametrize("part", ["word/document.xml", "word/comments.xml"])
def test_what_a_lawyer_took_back_or_noted_in_the_letter_is_refused_and_read(
    shared: Bureau, part: str
) -> None:
    """Tracked deletions and comments stay in a file that is sent, and published."""
    name = f"open-{Path(part).stem}"
    shared.draft(name)
    letter, private = shared.folder / name / "letter.docx", "jeanne@prive.example"
    if part == "word/comments.xml":
        with zipfile.ZipFile(letter, "a") as file:
            file.writestr(part, COMMENTS.format(private))
    else:
        edit_letter(letter, "</w:p>", f"{DELETED.format(private)}</w:p>")
    found = shared.rules(name, edited_by="X", corpus=corpus(shared))
    assert found == {"open_changes": "letter.docx", "personal_data": "letter.docx"}


def test_a_column_of_text_in_the_annex_is_refused(shared: Bureau) -> None:
    shared.draft("column")
    path = shared.folder / "column" / "annex" / "rows.jsonl"
    rows = [json.dumps({**json.loads(line), "body": "x"}) for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert shared.rules("column")["article_text"] == "annex/rows.jsonl"


def test_a_notice_that_does_not_fit_its_schema_is_refused(shared: Bureau) -> None:
    shared.draft("schema")
    rewrite(shared.folder / "schema" / "notice.json", lambda data: data.update(law="gdpr"))
    assert shared.rules("schema") == {"invalid_notice": "notice.json"}


def test_a_signature_ends_with_the_bytes_that_were_signed(shared: Bureau) -> None:
    shared.draft("signed", "dmca512", "en")
    states.sign(opened(shared, "signed"), "jeanne  VALMONT", None, None)
    assert shared.rules("signed") == NOTHING
    edit_letter(shared.folder / "signed" / "letter.docx", "allegedly infringed", "infringed")
    assert "unsigned_perjury" in shared.rules("signed", edited_by="X", corpus=corpus(shared))


def test_a_sender_that_changed_since_refuses_the_notice(shared: Bureau) -> None:
    shared.draft("moved")
    assert shared.rules("moved", sender=shared.sender(address="elsewhere"))["query_differs"] == "sender"
    shared.sender()


def test_what_nobody_looked_for_is_said(office: Bureau) -> None:
    office.draft("n", law="dsa16")
    without = "verify before you send: the claims were made without --licences, so no licence is known"
    assert without in map(str, office.check("n").doubts)
    searched = "Aucune licence enregistrée par l’expéditeur"
    assert searched not in about(office.folder / "n")["elements"]["explanation"]["text"]
    licence = "id: l, licensee: x, hosts: [never.example], titles: [le-meridien], document: d"
    (office.folder / "licences.yaml").write_text(f"licences: [{{{licence}}}]", encoding="utf-8")
    licences = str(office.folder / "licences.yaml")
    sources = Sources(corpus=str(office.crawl.corpus), as_of=AS_OF, licences=licences)
    judge_all(office.crawl.tables, office.crawl.tables, sources)
    assert without not in map(str, office.check("n").doubts)
    office.draft("known", law="dsa16")
    assert searched in about(office.folder / "known")["elements"]["explanation"]["text"]


def test_places_that_are_gone_since_change_the_query(office: Bureau) -> None:
    office.draft("n")
    target = office.target()
    office.crawl.overwrite(target, b"\0" * target.record_length)
    probe(office.case, office.crawl)
    assert "query_differs" in office.rules("n")
    assert office.draft("again").left_out == {"removed": 1}
    assert office.rules("again") == NOTHING


def test_every_rule_is_on_the_page_of_notices() -> None:
    from tests.world.documents import text_of

    page = text_of("reference/notices")
    names = [*RULES, *states.STATES, *dict.fromkeys(element for _, element in ELEMENTS)]
    assert not [name for name in names if f"`{name}`" not in page]
