"""A case on a web server of one's own, a sender with mandates, and notices drafted of them."""

import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
import yaml

from presswatch_spark.claims.selection import Choice, PlaceSelection
from presswatch_spark.cli.demo.generate import package_file, write_recipients
from presswatch_spark.legal.evidence.sources import source_at
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.letter import NoticeOrder
from presswatch_spark.legal.notices.notice import DraftedNotice, Notice, draft_notice
from presswatch_spark.legal.notices.parties import Recipient, Sender, load_recipient, load_sender
from presswatch_spark.legal.notices.refusal_rules import Checking, NoticeCheck, check_notice
from presswatch_spark.legal.removal import case as removal_case
from presswatch_spark.legal.removal import server_answers
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Claim, Target
from presswatch_spark.tables.store import TableStore
from tests.world.release import Release, probe
from tests.world.tables import write

DRAFTED = datetime.now(UTC).date() - timedelta(days=4)
PROBED = datetime.now(UTC).date() - timedelta(days=21)
"""The day of the first probe: a letter states only facts before its own day."""
_OF_SELECTION = ("source", "choice", "claims", "mirrors")
SENDER: dict[str, Any] = {
    "name": "Alliance de la presse des régions",
    "address": "1 rue des Vallées, 99999 Lisière",
    "email": "droits@alliance.example",
    "phone": "+33 1 99 00 00 00",
    "legal_form": "association régie par la loi du 1er juillet 1901",
    "rna": "W999000001",
    "signatory": {
        "name": "Jeanne Valmont",
        "title": "Directrice juridique",
        "capacity": "déléguée du président, statuts, art. 12",
    },
    "fair_use": {"by": "Jeanne Valmont", "on": PROBED},
    "members": "members.yaml",
}


def clock_at(difference: timedelta) -> type[datetime]:
    """A clock that is ahead of the real one by this difference, in place of `datetime`."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + difference

    return Clock


@dataclass
class Bureau:
    """A case whose targets were read once, and the sender's files, in a folder."""

    crawl: Release
    case: RemovalCase

    @property
    def folder(self) -> Path:
        return self.crawl.folder

    @property
    def mirror(self) -> Mirror:
        """Where the shards are public, as the annex names them."""
        return self.crawl.mirror

    @property
    def sender_file(self) -> Path:
        return self.folder / "sender.yaml"

    @property
    def recipients_file(self) -> Path:
        """The shipped recipients, after a person has found their addresses and checked them today."""
        path = self.folder / "recipients.yaml"
        if not path.exists():
            write_recipients(path)
        return path

    @property
    def recipient(self) -> Recipient:
        return load_recipient("common-crawl", str(self.recipients_file))

    def sender(self, **changed: Any) -> Sender:
        """The sender, with changes; None takes a key out."""
        facts = {name: value for name, value in (SENDER | changed).items() if value is not None}
        self.sender_file.write_text(yaml.safe_dump({"sender": facts}, allow_unicode=True), encoding="utf-8")
        return load_sender(str(self.sender_file))

    def members(self, change: Callable[[dict[str, Any]], object] = lambda publisher: None) -> None:
        """Write the members file, with the document of each mandate; `change` changes each publisher."""
        members = yaml.safe_load(package_file("members.yaml").read_bytes())
        for publisher in members["publishers"]:
            document = self.folder / f"{publisher['id']}.txt"
            document.write_text(f"mandate of {publisher['id']}", encoding="utf-8")
            digest = hashlib.sha256(document.read_bytes()).hexdigest()
            publisher["mandate_document"] = {
                "path": document.name,
                "sha256": digest,
                "signatory": "Paul Armand",
            }
            change(publisher)
        text = yaml.safe_dump(members, allow_unicode=True)
        (self.folder / "members.yaml").write_text(text, encoding="utf-8")

    def target(self) -> Target:
        """A target whose record no other one shares: a page may have copies of several articles."""
        targets = self.case.targets()
        shared = Counter(target.record_offset for target in targets)
        # Digests of targets depend on the server's port: their order is another one in each run.
        alone = (target for target in targets if shared[target.record_offset] == 1)
        return min(alone, key=lambda target: target.record_offset or 0)

    def select(
        self,
        source: str | None = None,
        choice: Choice | None = None,
        claims: str | None = None,
        mirrors: Sequence[Mirror] | None = None,
        storage: StorageOptions | None = None,
    ) -> PlaceSelection:
        """The places of the case, or of another source."""
        opened = source_at(source or str(self.case.folder), storage or StorageOptions(), claims)
        return opened.select(choice or Choice(), [self.mirror] if mirrors is None else mirrors)

    def order(
        self, law: str = "fr", lang: str = "fr", *, selection: PlaceSelection | None = None, **changed: Any
    ) -> NoticeOrder:
        chosen = selection or self.select()
        read = [place.reading.at.date() for place in chosen.places if place.reading]
        order = NoticeOrder(
            selection=chosen,
            recipient=self.recipient,
            law=laws()[law],
            lang=lang,
            sender=self.sender(),
            drafted=max([DRAFTED, *read]),
        )
        return replace(order, **changed)

    def draft(self, name: str = "n", law: str = "fr", lang: str = "fr", **changed: Any) -> DraftedNotice:
        """Draft a notice; `source`, `choice`, `claims` and `mirrors` are those of `select`."""
        chosen = {each: changed.pop(each) for each in _OF_SELECTION if each in changed}
        order = self.order(law, lang, selection=self.select(**chosen), **changed)
        return draft_notice(order, str(self.folder / name))

    def drafted(self, law: str = "fr", lang: str = "fr") -> Path:
        """Return the folder of a notice of the case, which is drafted once and not changed."""
        folder = self.folder / f"drafted-{law}-{lang}"
        if not folder.exists():
            self.draft(folder.name, law, lang)
        return folder

    def copy(self, name: str, law: str = "fr", lang: str = "fr") -> Path:
        """Return the folder of a copy of such a notice, to be changed."""
        return Path(shutil.copytree(self.drafted(law, lang), self.folder / name))

    def open(self, name: str = "n") -> Notice:
        return Notice.open(str(self.folder / name), StorageOptions())

    def check(self, name: str = "n", sender: Mapping[str, Any] | None = None, **changed: Any) -> NoticeCheck:
        """Check a notice; `sender`: changes of the sender's file."""
        self.sender(**sender or {})
        return check_notice(self.open(name), Checking(**changed))

    def refused(self, name: str = "n", **changed: Any) -> set[tuple[str, str]]:
        """The rules that a notice breaks, each with what each refusal is about."""
        return {(each.rule, each.about) for each in self.check(name, **changed).refusals}

    def rules(self, name: str = "n", **changed: Any) -> dict[str, str]:
        return {each.rule: each.about for each in self.check(name, **changed).refusals}


def recipients_with(path: Path, **changed: Any) -> None:
    """Write the recipients of the demo, whose addresses were checked today; `changed`: keys of some."""
    write_recipients(path)
    recipients = yaml.safe_load(path.read_bytes())
    for each in recipients["recipients"]:
        each |= changed.get(each["id"], {})
    path.write_text(yaml.safe_dump(recipients, allow_unicode=True), encoding="utf-8")


def bureau(crawl: Release) -> Bureau:
    """Open a case of the claims with the letters A and B, read its targets once, and write the sender."""
    made = Bureau(crawl, opened_earlier(crawl))
    made.members()
    made.sender()
    return made


def opened_earlier(crawl: Release) -> RemovalCase:
    """Open a case of the claims with the letters A and B, whose targets were read on the day `PROBED`."""
    case = crawl.open(confidences=("A", "B"))
    with pytest.MonkeyPatch.context() as clock:
        # Letters of earlier days than today state only earlier readings.
        for module in (removal_case, server_answers):
            clock.setattr(module, "datetime", clock_at(timedelta(days=-21)))
        clock.setattr(time, "time", lambda now=time.time: now() - 21 * 24 * 3600)
        probe(case, crawl)
    return case


def about(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "notice.json").read_text(encoding="utf-8"))
    return found


def rewrite_claims(tables: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the published claims, as if they were judged anew."""
    store = TableStore.open(str(tables))
    (run_id,) = store.made("claims")
    rows = store.read("claims").to_pylist()
    for row in rows:
        change(row)
    write(store, "claims", run_id, rows, Claim.schema)


@contextmanager
def claim_changed(office: Bureau, row: str, **columns: Any) -> Iterator[None]:
    """Change a published claim for as long as the block lasts, as if it were judged anew."""
    before = TableStore.open(str(office.crawl.tables)).read("claims").to_pylist()
    rewrite_claims(office.crawl.tables, lambda claim: claim["row_sha256"] == row and claim.update(columns))
    try:
        yield
    finally:
        rewrite_claims(office.crawl.tables, lambda claim: claim.update(before.pop(0)))


def annex_rows(folder: Path, table: str = "rows") -> list[dict[str, Any]]:
    """The rows of a table of the annex."""
    return [json.loads(line) for line in (folder / f"annex/{table}.jsonl").read_text("utf-8").splitlines()]


def text_in(letter: bytes) -> str:
    """The text of a letter in Word, a paragraph a line."""
    word = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    with ZipFile(BytesIO(letter)) as parts:
        body = ElementTree.fromstring(parts.read("word/document.xml"))
    return "\n".join(
        "".join(text.text or "" for text in each.iter(f"{word}t")) for each in body.iter(f"{word}p")
    )
