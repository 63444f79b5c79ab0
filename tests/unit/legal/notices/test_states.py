"""How far a notice got: events in a chain, and states that only a case of removal can end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.legal.notices import notice as states
from presswatch_spark.legal.notices.notice import Notice, NoticeState, state_of
from presswatch_spark.storage.objects import StorageOptions
from tests.world.notices import DRAFTED, Bureau
from tests.world.proofs import each_time
from tests.world.release import probe

STORAGE = StorageOptions()
NAME = "Jeanne Valmont"


def opened(office: Bureau, name: str = "n") -> Notice:
    return Notice.open(str(office.folder / name), STORAGE)


def state(office: Bureau, on: date = DRAFTED, case: str | None = None) -> NoticeState:
    return state_of(opened(office), on, STORAGE, case)


def sent(office: Bureau, **drafted: object) -> None:
    office.draft("n", **drafted)  # type: ignore[arg-type]
    states.sign(opened(office), NAME, DRAFTED, None)
    assert office.check("n", again=True).passes
    states.send(opened(office), DRAFTED, "LRAR 1A 000", None)


def test_a_notice_goes_from_draft_to_silence(office: Bureau) -> None:
    office.draft("n")
    assert state(office).state == "draft"
    assert office.check("n").passes
    assert state(office).state == "checked"
    with pytest.raises(InputError, match="nobody signed"):
        states.send(opened(office), DRAFTED, None, None)
    states.sign(opened(office), NAME, DRAFTED, None)
    assert state(office).state == "signed"
    states.send(opened(office), DRAFTED, "LRAR", None)
    assert state(office).state == "sent"
    assert state(office, date(2026, 12, 12)).state == "sent"
    assert state(office, date(2026, 12, 13)).state == "silent"
    states.answer(opened(office), "acknowledged", None, "dossier 7", None)
    assert state(office, date(2026, 12, 13)).state == "acknowledged"
    states.answer(opened(office), "refused", None, None, None)
    assert state(office).state == "refused"


def test_only_the_case_says_that_a_recipient_complied(office: Bureau) -> None:
    sent(office)
    states.answer(opened(office), "says_complied", None, None, None)
    assert state(office).state == "acknowledged"
    target = office.target()
    office.crawl.overwrite(target, b"\0" * target.record_length)
    probe(office.case, office.crawl)
    found = state(office)
    assert (found.state, found.removed, found.places) == ("partly", 1, len(office.case.targets()))
    states.answer(opened(office), "refused", None, None, None)
    assert state(office).state == "partly"


def test_a_notice_is_complied_with_when_all_its_places_are_gone(office: Bureau) -> None:
    target = office.target()
    sent(office, choice=Choice(rows=frozenset([target.row_sha256])))
    states.answer(opened(office), "refused", None, None, None)
    assert state(office).state == "refused"
    office.crawl.overwrite(target, b"\0" * target.record_length)
    probe(office.case, office.crawl)
    found = state(office)
    assert (found.state, found.removed, found.places) == ("complied", 1, 1)


def test_a_notice_of_tables_asks_the_case_that_follows_it(office: Bureau) -> None:
    sent(office, source=str(office.crawl.tables), choice=Choice(confidences=("A", "B")))
    assert state(office).places is None
    found = state(office, case=str(office.case.folder))
    assert (found.state, found.removed, found.places) == ("sent", 0, len(office.case.targets()))
    row = office.case.targets()[0].row_sha256
    rows = office.folder / "rows.txt"
    rows.write_text(row, encoding="utf-8")
    other = office.crawl.open("other", rows=str(rows), confidences=())
    with pytest.raises(InputError, match="does not follow"):
        state(office, case=str(other.folder))


def test_nobody_sends_what_was_not_checked_as_it_is_now(office: Bureau) -> None:
    office.draft("n")
    states.sign(opened(office), NAME, None, None)
    with pytest.raises(InputError, match="not checked"):
        states.send(opened(office), None, None, None)
    with pytest.raises(InputError, match="not sent"):
        states.answer(opened(office), "acknowledged", None, None, None)
    assert office.check("n").passes
    (office.folder / "n" / "form.txt").write_text("other", encoding="utf-8")
    with pytest.raises(InputError, match=r"form\.txt"):
        states.send(opened(office), None, None, None)
    assert "form.txt" in state(office).changed


@pytest.mark.parametrize("name", each_time(["letter.pdf"], ["annex/rows.jsonl", "letter.docx", "letter.pdf"]))
def test_a_notice_with_a_changed_file_is_neither_checked_nor_signed(office: Bureau, name: str) -> None:
    office.draft("n")
    assert office.check("n").passes
    states.sign(opened(office), NAME, DRAFTED, None)
    assert state(office).state == "signed"
    file = office.folder / "n" / name
    file.write_bytes(file.read_bytes() + b"\n")
    found = state(office)
    assert (found.state, found.changed) == ("draft", (name,))


def test_only_the_named_person_signs(office: Bureau) -> None:
    office.draft("n")
    with pytest.raises(InputError, match=NAME):
        states.sign(opened(office), "Somebody Else", None, None)


def test_an_event_that_was_changed_or_taken_out_is_named(office: Bureau) -> None:
    office.draft("n")
    assert office.check("n").passes
    folder = office.folder / "n" / "events"
    first = folder / "0001.json"
    kept = first.read_bytes()
    first.write_bytes(kept.replace(b"drafted", b"drafteD"))
    with pytest.raises(OutputError, match=r"0001\.json.*changed"):
        opened(office)
    first.unlink()
    with pytest.raises(OutputError, match=r"0002\.json"):
        opened(office)
    first.write_bytes(kept)
    assert [event.kind for event in opened(office).events] == ["drafted", "checked"]


def test_nothing_happens_on_a_day_that_is_to_come(office: Bureau) -> None:
    sent(office)
    later = datetime.now(UTC).date() + timedelta(days=3)
    for note in (
        lambda: states.sign(opened(office), NAME, later, None),
        lambda: states.send(opened(office), later, None, None),
        lambda: states.answer(opened(office), "refused", later, None, None),
    ):
        with pytest.raises(InputError, match="is to come"):
            note()


def test_nobody_signs_or_sends_a_notice_before_it_was_drafted(office: Bureau) -> None:
    before = DRAFTED - timedelta(days=1)
    sent(office)
    with pytest.raises(InputError, match="before the day on which it was drafted"):
        states.sign(opened(office), NAME, before, None)
    with pytest.raises(InputError, match="before the day on which it was drafted"):
        states.send(opened(office), before, None, None)


def test_nobody_sends_a_notice_before_the_day_on_which_it_was_signed(office: Bureau) -> None:
    office.draft("n", drafted=DRAFTED - timedelta(days=3))
    states.sign(opened(office), NAME, DRAFTED - timedelta(days=1), None)
    assert office.check("n").passes
    with pytest.raises(InputError, match="before the day on which it was signed"):
        states.send(opened(office), DRAFTED - timedelta(days=2), None, None)
    states.send(opened(office), DRAFTED - timedelta(days=1), None, None)
    assert opened(office).events[-1].day == DRAFTED - timedelta(days=1)


def test_the_answer_of_the_latest_day_counts_in_whatever_order_they_are_noted(office: Bureau) -> None:
    office.draft("n", drafted=DRAFTED - timedelta(days=3))
    states.sign(opened(office), NAME, DRAFTED - timedelta(days=3), None)
    assert office.check("n").passes
    states.send(opened(office), DRAFTED - timedelta(days=3), None, None)
    states.answer(opened(office), "refused", DRAFTED, None, None)
    states.answer(opened(office), "acknowledged", DRAFTED - timedelta(days=2), None, None)
    assert state(office).state == "refused"
    states.answer(opened(office), "acknowledged", DRAFTED, None, None)
    assert state(office).state == "acknowledged"


def test_a_check_of_long_ago_sends_nothing(office: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    class Earlier(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) - timedelta(days=31)

    today = datetime.now(UTC).date()
    office.draft("n", law="dsa16", lang="en", drafted=today - timedelta(days=40))
    states.sign(opened(office), NAME, today - timedelta(days=40), None)
    with monkeypatch.context() as then:
        then.setattr(states, "datetime", Earlier)
        assert office.check("n").passes
    with pytest.raises(InputError, match="more than 30 days before"):
        states.send(opened(office), None, None, None)
    states.send(opened(office), today - timedelta(days=1), None, None)


def test_nobody_answers_before_the_notice_was_sent(office: Bureau) -> None:
    sent(office)
    with pytest.raises(InputError, match="before the day on which it was sent"):
        states.answer(opened(office), "refused", DRAFTED - timedelta(days=1), None, None)


def test_a_notice_whose_deadline_is_over_is_not_sent(office: Bureau) -> None:
    office.draft("n", drafted=DRAFTED - timedelta(days=40))
    states.sign(opened(office), NAME, DRAFTED, None)
    assert office.check("n").passes
    with pytest.raises(InputError, match="the deadline in this notice is over"):
        states.send(opened(office), DRAFTED, None, None)
