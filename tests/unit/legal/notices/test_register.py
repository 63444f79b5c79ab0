"""A campaign of twelve publishers: planned, carried out, told to a court, and checked for changes."""

import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from csv import DictReader
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from pypdf import PdfReader

from presswatch_spark.core.errors import InputError, InUseError, OutputError
from presswatch_spark.core.translation import LANGUAGES
from presswatch_spark.legal.notices import campaign as plans
from presswatch_spark.legal.notices.campaign import Register, plan_campaign
from presswatch_spark.legal.notices.journal import Journal, locked_campaign
from presswatch_spark.legal.notices.notice import EventDetails, Notice, today
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.seals import sealed_json, unsealed_json
from tests.world.campaigns import LAWS, PLANNED, PUBLISHERS, Bureaux, bureaux
from tests.world.commands import outcome, presswatch
from tests.world.processes import kill_at, raising
from tests.world.release import probe
from tests.world.servers import web

NAME, DAY, STORAGE = "Jeanne Valmont", timedelta(days=1), StorageOptions()
SENT = PLANNED + DAY
LATER = SENT + 40 * DAY


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureaux]:
    """An enlarged press, with the campaign `whole`, planned once; `printed` by the command."""
    with web() as server:
        made = bureaux(tmp_path_factory.mktemp("press"), server)
        printed = presswatch(*made.plan_words(str(made.folder / "whole")))
        (made.folder / "printed").write_text(printed, "utf-8")
        yield made


@pytest.fixture
def campaign(office: Bureaux, tmp_path: Path) -> Path:
    """A copy of the campaign, to be changed."""
    return Path(shutil.copytree(office.folder / "whole", tmp_path / "campaign"))


def signed_and_checked(path: Path) -> Path:
    presswatch("notice", "sign", "--by", NAME, "--on", PLANNED.isoformat(), path)
    presswatch("notice", "check", path)
    return path


def note(campaign: Path, id: str, kind: str, on: date, *more: object) -> None:
    number = ["--via", "LRAR 1A 123 456 7890 1"]
    path = campaign / "notices" / id
    presswatch("notice", "record", path, kind, "--by", NAME, "--on", on.isoformat(), *(more or number))


def send(campaign: Path, id: str, on: date = SENT) -> None:
    path = signed_and_checked(campaign / "notices" / id)
    presswatch("notice", "sent", "--by", NAME, "--on", on, "--via", "LRAR 1A 123 456 7890 1", path)


def register_of(campaign: Path, day: date | None = None) -> Register:
    return Register.open(str(campaign), day or today(), STORAGE)


def states(campaign: Path, day: date | None = None) -> dict[str, str]:
    return {each.id: each.found.state for each in register_of(campaign, day).notices}


def only_recipients(office: Bureaux, *ids: str, path: Path, **changed: Any) -> str:
    """Write the office's recipients with these ids, with changes to each; return the path."""
    recipients = yaml.safe_load(office.recipients.read_bytes())["recipients"]
    kept = [each | changed for each in recipients if each["id"] in ids]
    path.write_text(yaml.safe_dump({"recipients": kept}), "utf-8")
    return str(path)


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".partial" not in str(path))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# --- the whole of a campaign


def test_a_campaign_is_carried_out_from_its_plan_to_its_chronology(
    office: Bureaux, campaign: Path, tmp_path: Path
) -> None:
    printed = (office.folder / "printed").read_text("utf-8")
    assert printed.split()[:3] == ["lettre", "éditeurs", "lieux"]
    planned = register_of(campaign).journal.plan["notices"]
    assert len(planned) == 2 * sum(map(len, LAWS.values()))
    named = {name for each in planned.values() for name in each["publishers"]}
    assert named == {f"editeur-{number:02}" for number in range(PUBLISHERS)}
    ids = list(planned)
    assert states(campaign) == dict.fromkeys(ids, "drafted")
    for id in ids[:6]:
        send(campaign, id)
    receipt = tmp_path / "receipt.pdf"
    receipt.write_bytes(b"signed for")
    first, second, third, fourth, fifth = ids[:5]
    for id in (first, second, third):
        note(campaign, id, "delivered", SENT + DAY, "--file", receipt)
    note(campaign, fourth, "refused", SENT + DAY)
    note(campaign, fifth, "returned", SENT + 9 * DAY)
    answered = ["--kind", "declined", "--on", (SENT + 3 * DAY).isoformat()]
    presswatch("notice", "answer", *answered, campaign / "notices" / first)
    note(campaign, first, "escalated", SENT + 8 * DAY, "--via", "Tribunal judiciaire de Paris")
    note(campaign, second, "reminded", SENT + 19 * DAY)
    found = states(campaign, LATER)
    assert [found[id] for id in ids[:6]] == ["escalated", "silent", "silent", "silent", "returned", "sent"]
    rows = list(
        map(json.loads, presswatch("notice", "due", "--json", "--as-of", LATER, campaign).splitlines())
    )
    # What is not sent has no day, and comes last.
    left = [row["days_left"] for row in rows]
    assert left == [*sorted(days for days in left if days is not None), *([None] * (len(ids) - 6))]
    steps = {row["notice"]: row["step"] for row in rows}
    assert [steps.get(id) for id in ids[:6]] == [
        None, "escalate", "remind", "remind", "find_address", "prove_receipt",
    ]  # fmt: skip
    early = presswatch("notice", "due", "--as-of", (SENT + DAY).isoformat(), "--days", "7", campaign)
    assert "nothing is due" in early or first not in early
    out = tmp_path / "chronology.pdf"
    assert "events in" in presswatch("notice", "chronology", "--out", out, campaign)
    text = re.sub(r"\s+", "", "".join(page.extract_text() for page in PdfReader(out).pages))
    journal = register_of(campaign).journal
    proof = next(iter((campaign / "notices" / first / "proofs").iterdir()))
    for words in (
        "ChronologyoftheNotices".replace("N", "n"), "Tribunaljudiciairede", "Therecipientdeclinedtherequest.",
        f"proofs/{proof.name}", journal.head, "1A12345678901",
    ):  # fmt: skip
        assert words in text, words
    assert all(event.sha256 in text for event in journal.events)
    assert str(office.case.folder) not in text


@pytest.mark.full
def test_twelve_publishers_write_to_four_recipients_under_three_laws_and_a_kill_loses_nothing(
    tmp_path: Path,
) -> None:
    laws = dict.fromkeys(LAWS, ("fr", "dsa16", "dmca512"))
    campaign, receipt = tmp_path / "campaign", tmp_path / "receipt.pdf"
    receipt.write_bytes(b"signed for")
    with web() as server:
        office = bureaux(tmp_path, server, laws)
        words = office.plan_words(str(campaign))
        kill_at([sys.executable, "-m", "presswatch_spark", *words], campaign, "notices/*/SHA256SUMS", 5)
        before = {name: data for name, data in bytes_of(campaign).items() if not name.startswith("head")}
        presswatch(*words)
        after = bytes_of(campaign)
        assert {name: after[name] for name in before if name in after} == before
        planned = register_of(campaign).journal.plan["notices"]
        cells = [(name, of["recipient"], of["law"]) for of in planned.values() for name in of["publishers"]]
        publishers = (f"editeur-{number:02}" for number in range(PUBLISHERS))
        assert sorted(cells) == sorted(product(publishers, laws, laws["aws"]))
        ids = list(planned)
        assert len(ids) == 2 * 4 * 3

        for id in ids:
            done = outcome("notice sent", "--by", NAME, campaign / "notices" / id)
            assert (done.code, "was not checked as it is now" in done.err) == (1, True)
            send(campaign, id)
        assert set(states(campaign).values()) == {"sent"}
        refused, returned, *others = ids
        note(campaign, refused, "refused", SENT + DAY)
        note(campaign, returned, "returned", SENT + DAY)
        for id in others:
            note(campaign, id, "delivered", SENT + DAY, "--file", receipt)
        # Of the answers, one in three acknowledges, one claims to have complied, one declines.
        kinds = ("acknowledged", "says_complied", "declined")
        answers = {id: kinds[number % 3] for number, id in enumerate(others[:12])}
        for id, kind in answers.items():
            on = (SENT + 2 * DAY).isoformat()
            presswatch("notice", "answer", "--kind", kind, "--on", on, campaign / "notices" / id)
        silent = [id for id in others[12:] if id.endswith("-fr")]
        assert {states(campaign)[id] for id in silent} == {"silent"}
        for id in silent:
            note(campaign, id, "reminded", SENT + 17 * DAY)
        declined = [id for id, kind in answers.items() if kind == "declined"]
        for id in declined:
            note(campaign, id, "escalated", SENT + 18 * DAY, "--via", "Tribunal judiciaire de Paris")
        steps = {each.id: each.found.step for each in register_of(campaign, LATER).notices}
        assert {steps[id] for id in silent} == {"escalate"}
        assert {steps[id] for id in declined} == {"follow"}
        assert (steps[refused], steps[returned]) == ("remind", "find_address")
        assert {states(campaign)[id] for id, kind in answers.items() if kind == "acknowledged"} == {
            "acknowledged"
        }

        # What a recipient claims changes no state; what a probe finds does.
        assert not {"complied", "partly"} & set(states(campaign).values())
        for target in office.case.targets():
            if target.publisher_id >= "editeur-07" and target.dataset == "wet":
                office.crawl.overwrite(target, b"\0" * target.record_length)
        probe(office.case, office.crawl, deep=True, words=True)
    found = states(campaign)
    of_crawl = {f"syndicat-common-crawl-{law}" for law in laws["aws"]}
    assert {id for id, state in found.items() if state == "complied"} == of_crawl
    assert {id for id, state in found.items() if state == "partly"} <= {
        f"syndicat-{to}-{law}" for to in ("aws", "hugging-face") for law in laws["aws"]
    }
    for id in of_crawl:
        note(campaign, id, "closed", today(), "--note", "every record is gone")
    assert {states(campaign)[id] for id in of_crawl} == {"closed"}

    sheet = tmp_path / "register.jsonl"
    presswatch("notice", "status", "--export", sheet, "--calendar", tmp_path / "c.ics", campaign)
    assert len(sheet.read_text("utf-8").splitlines()) == PUBLISHERS * 4 * 3
    presswatch("notice", "chronology", "--out", tmp_path / "chronology.pdf", campaign)
    pages = PdfReader(tmp_path / "chronology.pdf").pages
    text = re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))
    journal = register_of(campaign).journal
    assert len(journal.events) > 5 * len(ids)
    assert all(text.count(event.sha256) == len(LANGUAGES) for event in journal.events[:-1])
    assert all(
        text.count(f"proofs/{event.number:04}-receipt.pdf")
        for event in journal.events
        if event.facts.get("proof")
    )
    for id in ids:
        letter = campaign / "notices" / id / "letter.pdf"
        whole = letter.read_bytes()
        letter.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        done = outcome("notice status", campaign)
        assert (done.code, f"{id}/letter.pdf" in done.err) == (1, True), done.err
        letter.write_bytes(whole)


def test_probes_show_what_is_left_and_a_probe_that_finds_nothing_left_ends_a_notice(tmp_path: Path) -> None:
    campaign, crawl, aws = tmp_path / "campaign", "syndicat-common-crawl-fr", "syndicat-aws-fr"
    with web() as server:
        office = bureaux(tmp_path, server, {"common-crawl": ["fr"], "aws": ["fr"]})
        order = office.order(senders=[str(office.folder / "syndicat.yaml")])
        plan_campaign(order, str(campaign), STORAGE)
        for id in (crawl, aws):
            send(campaign, id)
        for first, expected in (("editeur-11", "partly"), ("editeur-07", "complied")):
            for target in office.case.targets():
                if target.publisher_id >= first and target.dataset == "wet":
                    office.crawl.overwrite(target, b"\0" * target.record_length)
            probe(office.case, office.crawl, deep=True, words=True)
            # Of the places of the other notice, some are in another file.
            assert states(campaign) == {crawl: expected, aws: "partly"}
    rows = {
        row["notice"]: row
        for row in map(json.loads, presswatch("notice", "status", "--json", campaign).splitlines())
    }
    assert (rows[crawl]["step"], rows[crawl]["removed"]) == ("close", rows[crawl]["places"])
    assert 0 < rows[aws]["removed"] < rows[aws]["places"]


# --- its plan


def test_every_place_is_in_a_notice_or_among_the_exclusions(office: Bureaux, tmp_path: Path) -> None:
    members = yaml.safe_load((office.folder / "members.yaml").read_bytes())
    members["publishers"][0]["mandate_to"] = date(2025, 1, 1)
    (tmp_path / "members.yaml").write_text(yaml.safe_dump(members), "utf-8")
    for path in office.folder.glob("*.txt"):
        shutil.copy(path, tmp_path)
    shutil.copy(office.folder / "alliance.yaml", tmp_path / "sender.yaml")
    recipients = yaml.safe_load(office.recipients.read_bytes())
    kept = [each for each in recipients["recipients"] if each["id"] in ("common-crawl", "ai2-c4")]
    next(each for each in kept if each["id"] == "ai2-c4").pop("laws")
    (tmp_path / "recipients.yaml").write_text(yaml.safe_dump({"recipients": kept}), "utf-8")
    files = {"members": str(tmp_path / "members.yaml"), "recipients": str(tmp_path / "recipients.yaml")}
    order = office.order(**files, senders=[str(tmp_path / "sender.yaml")])
    journal = plan_campaign(order, str(tmp_path / "campaign"), STORAGE)
    with open(tmp_path / "campaign/exclusions.csv", encoding="utf-8-sig", newline="") as file:
        excluded = list(DictReader(file))
    named = {
        target
        for id in journal.notices
        for target in Notice.open(str(tmp_path / "campaign/notices" / id), STORAGE).about["query"]["targets"]
    }
    assert {row["reason"] for row in excluded} == {
        "of no sender's publisher", "without a mandate in force", "under no known law of the recipient",
        "listed for another claim",
    }  # fmt: skip
    every = {target.target_sha256 for target in office.case.targets()}
    assert named | {row["target_sha256"] for row in excluded} == every
    assert not named & {row["target_sha256"] for row in excluded if not row["recipient"]}
    assert Counter(row["recipient"] for row in excluded)["ai2-c4"] == 6
    assert (journal.plan["places"], journal.plan["named"]) == (len(every), len(named))


def test_owners_on_a_hub_that_no_recipient_names_become_recipients(office: Bureaux, tmp_path: Path) -> None:
    places = ["hf://", "https://huggingface.co/"]
    hub = only_recipients(office, "hugging-face", path=tmp_path / "recipients.yaml", places=places)
    mirror = office.crawl.mirror.__class__(str(office.crawl.shards), "hf://datasets/some-body/dump")
    senders = [str(office.folder / "alliance.yaml")]
    order = office.order(recipients=hub, mirrors=(mirror,), senders=senders)
    journal = plan_campaign(order, str(tmp_path / "campaign"), STORAGE)
    recipients = Counter(each["recipient"] for each in journal.plan["notices"].values())
    assert recipients == {"hf-some-body": 2, "hugging-face": 2}
    assert journal.plan["notices"]["alliance-hf-some-body-dsa16"]["recipient_name"] == "some-body"
    (entry,) = yaml.safe_load((tmp_path / "campaign/reuploaders.yaml").read_bytes())["recipients"]
    assert (entry["route"]["value"], entry["laws"]["value"]) == (None, LAWS["hugging-face"])
    done = outcome("notice check", tmp_path / "campaign/notices/alliance-hf-some-body-dsa16")
    assert "query_differs" not in done.out


def test_a_killed_plan_resumes_and_changes_nothing_that_it_had_made(
    office: Bureaux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, made = tmp_path / "campaign", list[str]()
    order = office.order(senders=[str(office.folder / "alliance.yaml")])

    def killed(given: Any, out: str, *more: Any) -> Any:
        if len(made) == 3:
            (Path(out).parent / f".{Path(out).name}.partial/new/events").mkdir(parents=True)
            (Path(out).parent / f".{Path(out).name}.partial/presswatch-draft").touch()
            raise KeyboardInterrupt
        made.append(out)
        return drafted(given, out, *more)

    drafted = plans.draft_notice
    with monkeypatch.context() as patch:
        patch.setattr(plans, "draft_notice", killed)
        with pytest.raises(KeyboardInterrupt):
            plan_campaign(order, str(campaign), STORAGE)
    before = bytes_of(campaign / "notices")
    assert Counter(states(campaign).values()) == {"drafted": 3, "planned": 3}
    assert "plan again, to draft it" in presswatch("notice", "due", campaign)
    with pytest.raises(InputError, match="other arguments: --days"):
        plan_campaign(replace(order, days=20), str(campaign), STORAGE)
    with pytest.raises(InputError, match="other arguments: --date"):
        plan_campaign(replace(order, drafted=today()), str(campaign), STORAGE)
    with monkeypatch.context() as patch:
        patch.setattr(Notice, "add_event", raising(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            plan_campaign(order, str(campaign), STORAGE)
    assert Counter(states(campaign).values()) == {"drafted": 3, "planned": 3}
    journal = plan_campaign(replace(order, drafted=None), str(campaign), STORAGE)
    assert set(states(campaign).values()) == {"drafted"}
    after = bytes_of(campaign / "notices")
    assert {name: after[name] for name in before} == before
    assert plan_campaign(order, str(campaign), STORAGE).head == journal.head
    assert bytes_of(campaign / "notices") == after


def test_a_plan_refuses_files_that_do_not_fit_each_other(office: Bureaux, tmp_path: Path) -> None:
    members = yaml.safe_load((office.folder / "members.yaml").read_bytes())
    members["publishers"][3]["name"] = "Autre"
    for path in office.folder.glob("*.txt"):
        shutil.copy(path, tmp_path)
    (tmp_path / "members.yaml").write_text(yaml.safe_dump(members), "utf-8")
    with pytest.raises(Exception, match="editeur-03"):
        plan_campaign(office.order(members=str(tmp_path / "members.yaml")), str(tmp_path / "x"), STORAGE)
    twice = [str(office.folder / "alliance.yaml")] * 2
    shutil.copy(twice[0], office.folder / "again.yaml")
    order = office.order(senders=[twice[0], str(office.folder / "again.yaml")])
    with pytest.raises(Exception, match="two senders"):
        plan_campaign(order, str(tmp_path / "x"), STORAGE)
    with pytest.raises(InputError, match="cases of removal"):
        plan_campaign(office.order(cases=(str(office.crawl.tables),)), str(tmp_path / "x"), STORAGE)
    with pytest.raises(InputError, match="cannot state later facts"):
        plan_campaign(office.order(drafted=PLANNED - 9 * DAY), str(tmp_path / "early"), STORAGE)
    assert not Journal.at(str(tmp_path / "early"), STORAGE)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").touch()
    with pytest.raises(OutputError, match="something already"):
        plan_campaign(office.order(), str(tmp_path / "full"), STORAGE)


# --- changes by hand

FIRST, OTHER = "notices/alliance-common-crawl-fr", "notices/syndicat-aws-fr"
PROOF = "proofs/0015-receipt.txt"


def swap(campaign: Path) -> None:
    for source, target in ((FIRST, "x"), (OTHER, FIRST), ("x", OTHER)):
        (campaign / source).rename(campaign / target)


def insert(campaign: Path) -> None:
    shutil.copy(campaign / "events/0001.json", campaign / "events/0016.json")


def reorder(campaign: Path) -> None:
    for source, target in (("0001", "x"), ("0002", "0001"), ("x", "0002")):
        (campaign / f"events/{source}.json").rename(campaign / f"events/{target}.json")


def age(campaign: Path) -> None:
    marker = campaign / "_presswatch_register.json"
    marker.write_bytes(sealed_json({**unsealed_json(marker.read_bytes()), "layout": 1}))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "an event": (lambda at: (at / "events/0013.json").write_bytes(b"{}"), "events/0013.json"),
    "no event": (lambda at: (at / "events/0013.json").unlink(), "events/0013.json"),
    "no last event": (lambda at: (at / "events/0015.json").unlink(), "events/0015.json"),
    "an inserted event": (insert, "events/0016.json"),
    "another order": (reorder, "events/0001.json"),
    "exchanged notices": (swap, FIRST),
    "no notice": (lambda at: shutil.rmtree(at / OTHER), OTHER),
    "a notice more": (lambda at: shutil.copytree(at / OTHER, at / "notices/more"), "notices/more"),
    "a proof": (lambda at: (at / FIRST / PROOF).write_bytes(b"x"), PROOF),
    "no proof": (lambda at: (at / FIRST / PROOF).unlink(), PROOF),
    "a letter": (lambda at: (at / FIRST / "letter.pdf").write_bytes(b"x"), "letter.pdf"),
    "the plan": (
        lambda at: (at / "_presswatch_register.json").write_bytes(
            (at / "_presswatch_register.json").read_bytes().replace(b"alliance", b"Alliance")
        ),
        "_presswatch_register.json",
    ),
    "an older layout": (age, "layout 1, and this version reads 2"),
    "no plan": (lambda at: (at / "_presswatch_register.json").unlink(), "_presswatch_register.json"),
    "exclusions": (lambda at: (at / "exclusions.csv").write_bytes(b"x"), "exclusions.csv"),
    "the head": (lambda at: (at / "head.json").write_bytes(b"{}"), "head.json"),
}  # fmt: skip


@pytest.fixture(scope="module")
def sent(office: Bureaux) -> Path:
    """The campaign, of which a notice was sent with a receipt."""
    campaign = Path(shutil.copytree(office.folder / "whole", office.folder / "sent"))
    receipt = office.folder / "receipt.txt"
    receipt.write_text("receipt", "utf-8")
    path = signed_and_checked(campaign / FIRST)
    presswatch("notice", "sent", "--by", NAME, "--on", SENT.isoformat(), "--file", receipt, path)
    return campaign


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_named_by_every_command(sent: Path, tmp_path: Path, change: str) -> None:
    campaign = Path(shutil.copytree(sent, tmp_path / "campaign"))
    assert states(campaign)["alliance-common-crawl-fr"] == "sent"
    change_it, named = CHANGES[change]
    change_it(campaign)
    for words in (
        ["status", campaign], ["due", campaign], ["chronology", "--out", tmp_path / "c.pdf", campaign],
        ["record", campaign / FIRST, "reminded", "--by", NAME],
    ):  # fmt: skip
        if change == "exclusions" and words[0] == "record":
            continue
        done = outcome("notice", *words)
        assert done.code == 1, words
        assert named in done.err, done.err
        assert not (tmp_path / "c.pdf").exists()


def test_a_process_that_is_killed_before_it_writes_the_head_raises_no_alarm(
    campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = (campaign / "head.json").read_bytes()
    written = Folder.write

    def killed(folder: Folder, name: str, *data: Any, **how: Any) -> str:
        return written(folder, name, *data, **how) if name != "head.json" else raising(KeyboardInterrupt)()

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            Notice.open(str(campaign / FIRST), STORAGE).add_event("signed", EventDetails(NAME))
    assert (campaign / "head.json").read_bytes() == head
    assert states(campaign)["alliance-common-crawl-fr"] == "drafted"
    assert len(Notice.open(str(campaign / FIRST), STORAGE).events) == 2
    note(campaign, "syndicat-aws-fr", "closed", today())
    assert states(campaign)["syndicat-aws-fr"] == "closed"
    assert (campaign / "head.json").read_bytes() != head


def test_of_two_processes_one_adds_an_event_and_the_other_is_told(campaign: Path, tmp_path: Path) -> None:
    one, two = (Notice.open(str(campaign / FIRST), STORAGE) for _ in range(2))
    one.add_event("signed", EventDetails(NAME))
    with pytest.raises(OutputError, match="another process has noted an event"):
        two.add_event("signed", EventDetails(NAME))
    with locked_campaign(register_of(campaign).journal.folder), pytest.raises(InUseError, match="adding to"):
        Notice.open(str(campaign / FIRST), STORAGE).add_event("signed", EventDetails(NAME))
    assert len(Notice.open(str(campaign / FIRST), STORAGE).events) == 2
    # Through a link, the journal is kept, too.
    (tmp_path / "link").symlink_to(campaign / FIRST)
    presswatch("notice", "sign", "--by", NAME, "--on", PLANNED.isoformat(), tmp_path / "link")
    assert len(register_of(campaign).journal.events_of("alliance-common-crawl-fr")) == 3


# --- what it shows


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_register_fits_a_terminal_and_loses_no_notice(sent: Path, lang: str) -> None:
    ids = [path.name for path in (sent / "notices").iterdir()]
    for command in ("status", "due"):
        done = outcome(f"notice {command} --lang {lang}", sent, COLUMNS="80")
        assert done.code == 0, done.err
        assert max(map(len, done.out.splitlines())) <= 80
        if command == "status":
            assert all(id in done.out for id in ids)
            assert done.out.count("Éditeur") == 3 * PUBLISHERS + PUBLISHERS


def test_the_register_is_exported_with_days_and_a_calendar(sent: Path, tmp_path: Path) -> None:
    rows, sheet, calendar = (tmp_path / f"register.{ending}" for ending in ("jsonl", "xlsx", "ics"))
    presswatch("notice", "status", "--export", sheet, "--calendar", calendar, sent)
    assert sheet.read_bytes().startswith(b"PK")
    presswatch("notice", "status", "--export", rows, sent)
    found = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    assert len(found) == sum(len(each.planned["publishers"]) for each in register_of(sent).notices)
    assert {row["due"] for row in found if row["state"] == "sent"} == {(SENT + 15 * DAY).isoformat()}
    lines = calendar.read_bytes().split(b"\r\n")
    assert (lines[0], lines[-2:]) == (b"BEGIN:VCALENDAR", [b"END:VCALENDAR", b""])
    assert max(map(len, lines)) <= 75
    assert f"DTSTART;VALUE=DATE:{SENT + 15 * DAY:%Y%m%d}".encode() in lines
    again = tmp_path / "again.ics"
    presswatch("notice", "status", "--calendar", again, sent)
    assert again.read_bytes() == calendar.read_bytes()
    french = tmp_path / "french.ics"
    presswatch("notice", "status", "--lang", "fr", "--calendar", french, sent)
    unfolded = french.read_bytes().replace(b"\r\n ", b"").decode()
    assert "enregistrer la distribution\\, avec sa preuve" in unfolded


def test_a_calendar_replaces_no_file_and_an_option_for_another_thing_is_refused(
    sent: Path, tmp_path: Path
) -> None:
    exclusions, calendar = sent / "exclusions.csv", tmp_path / "n.ics"
    before = exclusions.read_bytes()
    done = outcome("notice status --calendar", exclusions, sent)
    assert (done.code, "already exists" in done.err, exclusions.read_bytes()) == (1, True, before)
    assert outcome("notice status --calendar", calendar, sent / FIRST).code == 2
    assert outcome("notice status --case x", sent).code == 2
    assert not calendar.exists()


# --- what persons record


def test_days_stay_within_the_calendar(office: Bureaux, campaign: Path, tmp_path: Path) -> None:
    """A deadline beyond the year 9999 would make a sent notice unreadable."""
    for words in (office.plan_words(str(tmp_path / "far")), ["notice", "due", campaign]):
        refused = outcome(*words, "--days", "99999999")
        assert (refused.code, "not in the range" in refused.err) == (2, True)
    last = presswatch("notice", "due", "--json", "--as-of", "9999-12-31", campaign)
    assert len(last.splitlines()) == len(list((campaign / "notices").iterdir()))


def test_an_event_needs_a_person_and_a_proof_that_says_something(sent: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.pdf").touch()
    before = bytes_of(sent)
    for words, why in (
        (["--by", " ", "--via", "LRAR 1A 123 456 7890 1"], "the person has no name"),
        (["--by", NAME, "--file", tmp_path / "empty.pdf"], "the proof is an empty file"),
    ):
        done = outcome("notice record", sent / FIRST, "delivered", *words)
        assert (done.code, why in done.err) == (1, True), done.err
    assert bytes_of(sent) == before


def test_no_step_after_a_reminder_ends_before_the_deadline_and_no_closure_before_an_event(
    campaign: Path,
) -> None:
    id = "syndicat-aws-fr"
    send(campaign, id)
    note(campaign, id, "delivered", SENT)
    note(campaign, id, "reminded", SENT + DAY)
    (task,) = (each for each in register_of(campaign, LATER).notices if each.id == id)
    assert task.found.deadline
    assert (task.found.step, task.found.due) == ("escalate", task.found.deadline + 8 * DAY)
    done = outcome("notice record", campaign / "notices" / id, "closed", "--by", NAME, "--on", SENT)
    assert (done.code, "before the day on which its newest event happened" in done.err) == (1, True)
    note(campaign, id, "closed", SENT + DAY)


def test_a_letter_is_not_sent_to_another_address_than_its_own(
    office: Bureaux, campaign: Path, tmp_path: Path
) -> None:
    path, recipients = signed_and_checked(campaign / FIRST), yaml.safe_load(office.recipients.read_bytes())
    for each in recipients["recipients"]:
        each["route"] |= {"value": "elsewhere@recipient.example", "checked": today()}
    (tmp_path / "recipients.yaml").write_text(yaml.safe_dump(recipients), "utf-8")
    done = outcome("notice sent --recipients", tmp_path / "recipients.yaml", path)
    assert (done.code, "drafted for another address" in done.err) == (1, True), done.err
