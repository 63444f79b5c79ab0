"""How far a notice got: events in a chain, states that only a case can end, and the commands for both."""

import json
import os
import re
import shlex
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.legal.notices import follow_up, journal, refusal_rules
from presswatch_spark.legal.notices.follow_up import NoticeState, state_of
from presswatch_spark.legal.notices.notice import SCHEMA, EventDetails, EventKind, today
from tests.world.commands import outcome, presswatch
from tests.world.documents import blocks, commands, text_of
from tests.world.golden import assert_golden
from tests.world.notices import DRAFTED, Bureau, clock_at, recipients_with
from tests.world.proofs import each_time
from tests.world.release import probe

NAME = "Jeanne Valmont"
DAY = timedelta(days=1)
GUIDE = "how-to/send-a-notice"


def state(office: Bureau, name: str = "n", on: date = DRAFTED, case: str | None = None) -> NoticeState:
    return state_of(office.open(name), on, case)


def sign(office: Bureau, name: str = "n", on: date | None = DRAFTED, by: str = NAME) -> None:
    follow_up.record(office.open(name), "signed", EventDetails(by, on))


def send(office: Bureau, name: str = "n", on: date | None = DRAFTED) -> None:
    follow_up.record(office.open(name), "sent", EventDetails(None, on, "LRAR 1A 123 456 7890 1"))


def answer(office: Bureau, kind: str, name: str = "n", on: date | None = None) -> None:
    follow_up.record(office.open(name), "answered", EventDetails(on=on, answer=kind))


def record(office: Bureau, kind: EventKind, on: date | None = None, name: str = "n", **facts: str) -> None:
    facts = {"via": "LRAR 1A 123 456 7890 1"} | facts
    follow_up.record(office.open(name), kind, EventDetails(NAME, on, **facts))


def sent(office: Bureau, name: str = "n", **drafted: object) -> None:
    office.draft(name, **drafted)  # type: ignore[arg-type]
    sign(office, name)
    assert not office.check(name, again=True).refusals
    send(office, name)


# --- states


def test_a_deadline_runs_from_receipt_and_only_its_end_means_silence(shared: Bureau) -> None:
    first = DRAFTED - 3 * DAY
    shared.draft("n", drafted=first)
    assert (state(shared).state, state(shared).step) == ("drafted", "check")
    for step in (lambda: answer(shared, "acknowledged"), lambda: record(shared, "delivered")):
        with pytest.raises(InputError, match="not sent"):
            step()
    assert not shared.check("n").refusals
    assert (state(shared).state, state(shared).step) == ("checked", "sign")
    with pytest.raises(InputError, match="is not signed"):
        send(shared)
    with pytest.raises(InputError, match=NAME):
        sign(shared, by="Somebody Else")
    sign(shared, on=first)
    assert (state(shared).state, state(shared).step) == ("signed", "send")
    send(shared, on=first)
    found = state(shared, on=first + 90 * DAY)
    assert (found.state, found.deadline, found.step) == ("sent", None, "prove_receipt")
    assert found.due == first + 15 * DAY
    record(shared, "delivered", first + 2 * DAY)
    found = state(shared, on=first + 17 * DAY)
    assert (found.state, found.receipt, found.step) == ("delivered", first + 2 * DAY, "await_answer")
    assert found.deadline == found.due == first + 17 * DAY
    found = state(shared, on=first + 18 * DAY)
    assert (found.state, found.step, found.due) == ("silent", "remind", first + 25 * DAY)
    record(shared, "reminded")
    assert (state(shared, on=first + 18 * DAY).step, state(shared).state) == ("escalate", "delivered")
    for kind, on, newest, step in (
        ("declined", DRAFTED, "answered", "escalate"),
        ("acknowledged", DRAFTED - DAY, "answered", "escalate"),
        ("acknowledged", DRAFTED, "acknowledged", "await_answer"),
        ("says_complied", None, "answered", "probe"),
    ):
        answer(shared, kind, on=on)
        assert (state(shared).state, state(shared).step) == (newest, step)
    record(shared, "escalated")
    assert (state(shared).state, state(shared).step) == ("escalated", "follow")
    record(shared, "closed")
    assert (state(shared).state, state(shared).step) == ("closed", None)
    for step in (lambda: record(shared, "reminded"), lambda: send(shared), lambda: sign(shared)):
        with pytest.raises(InputError, match="was closed on"):
            step()
    answer(shared, "declined")
    assert state(shared).state == "closed"


def test_a_refused_letter_counts_as_received_and_a_returned_one_does_not(shared: Bureau) -> None:
    folder = shared.copy("post")
    sign(shared, "post")
    assert not shared.check("post").refusals
    send(shared, "post")
    with pytest.raises(InputError, match="no proof that it was returned"):
        record(shared, "returned", DRAFTED, "post", via="a letter")
    with pytest.raises(InputError, match="before the day on which it was sent"):
        record(shared, "returned", DRAFTED - DAY, "post")
    record(shared, "returned", DRAFTED + DAY, "post")
    found = state(shared, "post", today() + 90 * DAY)
    assert (found.state, found.deadline, found.step) == ("returned", None, "find_address")
    send(shared, "post", DRAFTED + 2 * DAY)
    assert state(shared, "post").state == "sent"
    receipt = shared.folder / "avis de réception.pdf"
    receipt.write_bytes(b"receipt")
    record(shared, "refused", DRAFTED + 3 * DAY, "post", via="La Poste", proof=str(receipt))
    found = state(shared, "post")
    assert (found.state, found.deadline) == ("refused", DRAFTED + 18 * DAY)
    (proof,) = (folder / "proofs").iterdir()
    assert (proof.name, proof.read_bytes()) == ("0007-avis-de-réception.pdf", b"receipt")
    proof.write_bytes(b"another")
    assert state(shared, "post").changed == ("proofs/0007-avis-de-réception.pdf",)
    for step in (lambda: answer(shared, "declined", "post"), lambda: record(shared, "reminded", name="post")):
        with pytest.raises(InputError, match=r"proofs/0007.*has changed"):
            step()
    proof.unlink()
    (folder / "proofs/0009-added.pdf").write_bytes(b"added")
    assert state(shared, "post").changed == ("proofs/0007-avis-de-réception.pdf", "proofs/0009-added.pdf")


def test_a_proof_whose_event_was_never_written_raises_no_alarm(shared: Bureau, tmp_path: Path) -> None:
    proofs = shared.copy("unfinished") / "proofs"
    proofs.mkdir()
    (proofs / "0002-half.pdf").write_bytes(b"half")
    assert state(shared, "unfinished").changed == ()
    (tmp_path / "whole.pdf").write_bytes(b"whole")
    details = EventDetails(NAME, DRAFTED, proof=str(tmp_path / "whole.pdf"))
    follow_up.record(shared.open("unfinished"), "signed", details)
    assert [each.name for each in proofs.iterdir()] == ["0002-whole.pdf"]
    assert state(shared, "unfinished").changed == ()


ROUTES: dict[str, tuple[str | None, date | None]] = {
    "is not known": (None, None),
    "checked never": ("1 Main Street", None),
    "last on": ("1 Main Street", today() - 91 * DAY),
}


def test_no_letter_goes_to_an_address_that_nobody_checked_lately(shared: Bureau) -> None:
    folder, file = shared.copy("unknown"), shared.folder / "unknown.yaml"
    sign(shared, folder.name)
    assert not shared.check(folder.name).refusals
    for why, (value, checked) in ROUTES.items():
        route = {"value": value, "source": "https://a.example", "checked": checked}
        recipients_with(file, **{"common-crawl": {"route": route}})
        done = outcome("notice sent --recipients", file, folder)
        assert (done.code, why in done.err, "recipients file" in done.err) == (1, True, True), why
    assert outcome("notice sent --recipients", shared.recipients_file, folder).code == 0


def test_only_the_case_says_that_a_recipient_complied(office: Bureau) -> None:
    target = office.target()
    sent(office)
    sent(office, "one", choice=Choice(rows=frozenset([target.row_sha256])))
    answer(office, "says_complied")
    answer(office, "declined", "one")
    assert (state(office).state, state(office, "one").state) == ("answered", "answered")
    office.crawl.overwrite(target, b"\0" * target.record_length)
    probe(office.case, office.crawl)
    places = len(office.case.targets())
    for name, expected in (("n", ("partly", 1, places)), ("one", ("complied", 1, 1))):
        for kind in ("declined", "acknowledged"):
            answer(office, kind, name)
            found = state(office, name)
            assert (found.state, found.removed, found.places) == expected


def test_a_notice_of_tables_asks_the_case_that_follows_it(office: Bureau) -> None:
    sent(office, source=str(office.crawl.tables), choice=Choice(confidences=("A", "B")))
    assert state(office).places is None
    found = state(office, case=str(office.case.folder))
    assert (found.state, found.removed, found.places) == ("sent", 0, len(office.case.targets()))
    rows = office.folder / "rows.txt"
    rows.write_text(office.case.targets()[0].row_sha256, encoding="utf-8")
    other = office.crawl.open("other", rows=str(rows))
    with pytest.raises(InputError, match="does not follow"):
        state(office, case=str(other.folder))


# --- files and events that changed


@pytest.mark.parametrize("name", each_time(["letter.pdf"], ["annex/rows.jsonl", "letter.docx", "letter.pdf"]))
def test_a_notice_with_a_changed_file_is_neither_checked_signed_nor_sent(shared: Bureau, name: str) -> None:
    folder = shared.copy(f"changed-{name.replace('/', '-')}")
    sign(shared, folder.name)
    with pytest.raises(InputError, match="not checked"):
        send(shared, folder.name)
    assert not shared.check(folder.name).refusals
    assert state(shared, folder.name).state == "signed"
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    found = state(shared, folder.name)
    assert (found.state, found.changed) == ("drafted", (name,))
    for step in (sign, send):
        with pytest.raises(InputError, match=re.escape(name)):
            step(shared, folder.name)


LOST = {
    "check": "refused: invalid_notice: notice.json",
    "status": "notice.json does not fit its schema",
    f"sign --by '{NAME}'": "the notice has changed: notice.json",
    "sent": "the notice has changed: notice.json",
    "answer --kind declined": "this notice was not sent",
}


def test_a_notice_whose_data_are_lost_is_named_by_every_command(shared: Bureau) -> None:
    folder = shared.copy("lost")
    (folder / "notice.json").write_text("{}", encoding="utf-8")
    for command, finding in LOST.items():
        done = outcome("notice", *shlex.split(command), folder)
        assert (done.code, finding in done.out + done.err) == (1, True), command
        assert str(folder) in done.err or command == "check"


def test_a_signature_has_the_name_of_the_notice_and_an_event_that_was_changed_or_taken_out_is_named(
    shared: Bureau,
) -> None:
    folder = shared.copy("events")
    done = outcome("notice sign --by", "jeanne  VALMONT", folder)
    assert done.out.startswith(f"recorded: signed by {NAME} on ")
    first = folder / "events/0001.json"
    kept = first.read_bytes()
    first.write_bytes(kept.replace(b"drafted", b"drafteD"))
    with pytest.raises(OutputError, match=r"0001\.json.*changed"):
        shared.open("events")
    first.unlink()
    with pytest.raises(OutputError, match=r"0001\.json"):
        shared.open("events")
    first.write_bytes(kept)
    assert [event.kind for event in shared.open("events").events] == ["drafted", "signed"]


# --- days


def test_events_happen_in_their_order_and_not_on_days_to_come(shared: Bureau) -> None:
    first, later = DRAFTED - 3 * DAY, today() + 3 * DAY
    shared.draft("days", drafted=first)
    for on, why in ((first - DAY, "before the day on which it was drafted"), (later, "is to come")):
        with pytest.raises(InputError, match=why):
            sign(shared, "days", on)
    sign(shared, "days", first)
    assert not shared.check("days").refusals
    with pytest.raises(InputError, match="before the day on which it was drafted"):
        send(shared, "days", first - DAY)
    sign(shared, "days", first + 2 * DAY)
    for on, why in ((first + DAY, "before the day on which it was signed"), (later, "is to come")):
        with pytest.raises(InputError, match=why):
            send(shared, "days", on)
    send(shared, "days", first + 2 * DAY)
    assert shared.open("days").events[-1].day == first + 2 * DAY
    for on, why in ((first + DAY, "before the day on which it was sent"), (later, "is to come")):
        with pytest.raises(InputError, match=why):
            answer(shared, "declined", "days", on)


def test_a_check_of_long_ago_sends_nothing(shared: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    drafted, choice = today() - 40 * DAY, Choice(confidences=("A", "B"))
    tables = str(shared.crawl.tables)
    shared.draft("old-check", "dsa16", "en", source=tables, choice=choice, drafted=drafted)
    sign(shared, "old-check", drafted)
    with monkeypatch.context() as then:
        for module in (journal, refusal_rules):
            then.setattr(module, "datetime", clock_at(-31 * DAY))
        assert not shared.check("old-check", again=True).refusals
    with pytest.raises(InputError, match="more than 30 days before"):
        send(shared, "old-check", None)
    send(shared, "old-check", today() - DAY)


# --- commands


@pytest.fixture
def guide(office: Bureau, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of the guide, in a folder with all that it takes for granted."""
    (sender,) = blocks(text_of(GUIDE), "yaml")
    office.sender_file.write_text(sender, encoding="utf-8")
    assert yaml.safe_load(sender)["sender"]["members"] == "members.yaml"
    (office.folder / "corpus").symlink_to(office.crawl.corpus)
    monkeypatch.chdir(office.folder)
    monkeypatch.setenv("LOGNAME", "greffe")
    assert office.recipients_file.exists()
    shards = f"{office.crawl.shards}="
    return [[re.sub("^shards=", shards, word) for word in words[1:]] for words in commands(text_of(GUIDE))]


def test_the_guide_leads_from_the_draft_to_what_came_of_it(guide: list[list[str]]) -> None:
    assert len(guide) == 14
    for words in guide:
        told = presswatch(*words)
    files = {"letter.docx", "letter.pdf", "form.txt", "notice.json", "annex", "SHA256SUMS", "events"}
    assert set(os.listdir("notice")) == files
    assert "registered letter 1A 123 456 7890 1" in told
    assert json.loads(outcome("", *guide[-1], "--json").out)["state"] == "acknowledged"
    assert json.loads(outcome("notice schema").out) == json.loads(SCHEMA.read_bytes())


def test_a_refused_notice_ends_with_1_and_names_its_rules(guide: list[list[str]]) -> None:
    draft = " ".join(guide[0]).replace("--law fr", "--law dmca512").split()
    assert outcome("", *draft).code == 0
    done = outcome("notice check notice")
    assert (done.code, "refused: unsigned_perjury: perjury: " in done.out) == (1, True)
    # The guide's mirror names files that the case did not read.
    told = outcome("notice check --json notice").out.splitlines()
    broken = {(line["rule"], line["about"].partition(",")[0]) for line in map(json.loads, told)}
    assert {"unsigned_perjury", "read_from_a_copy"} < {rule for rule, about in broken}
    # The sender's file does not record that fair use was considered.
    assert {about for rule, about in broken if rule == "missing_element"} == {"fair_use"}
    for words, why in ((["notice", "sent", "notice"], "was not checked"), (draft, "already exists")):
        done = outcome("", *words)
        assert (done.code, why in done.err) == (1, True)
    assert outcome("", *draft, "--rows", "x", "--confidence", "A").code == 2


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_each_step_is_told_in_both_languages(guide: list[list[str]], office: Bureau, lang: str) -> None:
    draft = shlex.join(guide[0]).replace("--lang fr", f"--lang {lang}")
    told, table = f"$ presswatch {draft.partition(' --mirror')[0]}\n", office.folder / "notice/annex/rows.csv"
    done = outcome("", *shlex.split(draft))
    told += f"{done.out}{done.err}\n"
    kept = table.read_bytes()
    steps = ("check --days 25", "check", f"sign --by '{NAME}'", "sent", "answer --kind declined", "status")
    for step in steps:
        table.write_bytes(kept[:-1] if "--days" in step else kept)
        command = f"notice {step} --lang {lang} notice"
        done = outcome("", *shlex.split(command))
        told += f"$ presswatch {command}\n{done.out}{done.err}\n"
    assert_golden(f"notice.{lang}.txt", re.sub(r"\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4}", "TODAY", told))
