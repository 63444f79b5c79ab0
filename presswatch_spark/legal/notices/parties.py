"""Recipients and senders of notices, from YAML files.

`conf/recipients.yaml` has each fact about a recipient with its source and the day of its check. A sender's
file says who the sender is, who signs, and for whom the sender acts by which mandate.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.checked_yaml import Check, compose, file_bytes
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import did_you_mean
from presswatch_spark.core.translation import N_, Sentence, Word, sentence
from presswatch_spark.corpus.members import Publisher, Registry, country_code, load_registry, siren_of
from presswatch_spark.legal.notices.annex import KNOWN_COLUMNS
from presswatch_spark.legal.notices.laws import LAWS
from presswatch_spark.storage.objects import StorageOptions, canonical, read_object

ADDRESSES = {"dmca512": "agent", "dsa16": "contact_point"}
"""Facts with the address for notices of a law; other notices go to the `route`."""
SENDER_TEXTS = (
    "address", "email", "phone", "legal_form", "siren", "rna", "signatory", "signatory_title", "capacity",
)  # fmt: skip
"""Facts of a sender that are texts; a missing fact is the empty text, or None."""
_OF_PERSON = {"signatory": "name", "signatory_title": "title", "capacity": "capacity"}
_REQUIRED = ("name", "address", "email", "signatory", "signatory_title")
ACTS = ("trusted_flagger", "fair_use")
"""Acts of a sender, with the names of the elements of laws that state them."""
RNA = re.compile("W[0-9]{9}")
"""A number of the French register of associations."""
CHARACTERS = 300
"""Most characters of a name or address."""
NO_MANDATE = "the sender states no members file: without its mandates no one can act for a publisher"
ONE_OWNER = "an owner is one publisher, and this file lists {}: list the one under `publishers`"


@dataclass(frozen=True, slots=True)
class RecipientFact:
    """The source of a fact about a recipient, and the day on which somebody read it, or None."""

    source: str
    checked: date | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient of notices. `datasets` and `places` select the rows that concern it; see the file.

    Unknown facts are None or empty. `seat`: country (ISO 3166-1 alpha-2). `laws`: those that apply to it.
    `research`: it is a research body. `route`, `agent`, `contact_point`: addresses. `elements`: those that it
    requires besides the law's. `columns`: those that it needs in the annex. `facts`: the sources of all facts
    that the file states. `file`: the recipients file; None for the one of the package.
    """

    id: str
    name: str
    datasets: tuple[str, ...]
    places: tuple[str, ...]
    facts: Mapping[str, RecipientFact]
    file: str | None
    legal_name: str | None = None
    seat: str | None = None
    research: bool = False
    laws: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    route: str | None = None
    agent: str | None = None
    contact_point: str | None = None
    flagger_route: str | None = None
    publishes: bool = False
    elements: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        """Return the language of letters to it: French for a seat in France, else both."""
        return "fr" if self.seat == "FR" else "both"

    def address_for(self, law: str) -> tuple[str | None, RecipientFact]:
        """Return the address for notices of a law, or None if it is unknown, with its source."""
        special = ADDRESSES.get(law, "route")
        name = special if getattr(self, special) else "route"
        return getattr(self, name), self.facts.get(name, RecipientFact("", None))

    def concerns(self, dataset: str, file: str) -> bool:
        """Return whether a record of this dataset, in the file at this URI, concerns the recipient."""
        return dataset in self.datasets or file.startswith(self.places)

    def doubts(self) -> Iterator[Sentence]:
        """Yield the facts that somebody must verify before sending a notice: those that it relies on."""
        for name, fact in self.facts.items():
            if name not in ("route", "elements", "columns") and not getattr(self, name):
                continue
            facts = {"name": Word("notice", name), "id": self.id, "source": fact.source}
            unread = N_("verify before you send: {name} of {id}: {source} was never read")
            read = N_("verify before you send: {name} of {id}: {source} was read on {day}")
            yield sentence(read, day=fact.checked, **facts) if fact.checked else sentence(unread, **facts)


FACTS: Mapping[str, Any] = {each.name: each.type for each in fields(Recipient) if each.default is not MISSING}
"""The types of facts about a recipient, by their names."""


def load_recipient(id: str, path: str | None = None, storage: StorageOptions | None = None) -> Recipient:
    """Return a recipient by its id; `path`: a file, also on S3, that replaces the one of the package.

    Raises `ConfigError` if there is no such recipient, or with all mistakes of the file, and `StorageError`
    if it cannot be read.
    """
    found = load_recipients(path, storage)
    if id not in found:
        raise ConfigError(
            f"there is no recipient `{id}`{did_you_mean(id, found)}",
            where=str(path or shipped("recipients.yaml")),
            remedy=f"choose one of {', '.join(found)}, or add it to a copy and pass that with --recipients",
        )
    return found[id]


def load_recipients(path: str | None = None, storage: StorageOptions | None = None) -> dict[str, Recipient]:
    """Return all recipients by their ids; `path` and errors as those of `load_recipient`."""
    file = path or str(shipped("recipients.yaml"))
    raw, _ = read_object(canonical(file), storage or StorageOptions())
    check, found = Check(), dict[str, Recipient]()
    root = compose(raw, check, "recipients contain facts, and nothing is nested deeper", "recipients")
    top = check.entry(root, "recipients file", "recipients") if root is not None else {}
    for node in check.items(top.get("recipients"), "recipients"):
        keys, own_id, about = check.named_entry(node, "recipient", "id name datasets places", " ".join(FACTS))
        values, facts = dict[str, Any](), dict[str, RecipientFact]()
        for each in FACTS:
            if each in keys:
                values[each], facts[each] = _fact(each, keys[each], f"{about}: {each}", check)
        found[own_id] = Recipient(
            id=own_id,
            name=check.text(keys.get("name"), f"{about}: name") or "",
            datasets=check.texts(keys.get("datasets"), f"{about}: datasets", may_be_empty=True),
            places=check.texts(keys.get("places"), f"{about}: places", may_be_empty=True),
            facts=facts,
            file=path,
            **{name: value for name, value in values.items() if value is not None},
        )
    check.finish(file, "the recipients file")
    return found


def _fact(name: str, node: yaml.Node, where: str, check: Check) -> tuple[Any, RecipientFact]:
    """Return the value of a fact, None if it is unknown, and the source."""
    noted = check.entry(node, where, "source", "value checked note")
    check.text(noted.get("note"), f"{where}: note")
    given = noted.get("value")
    value: Any = None
    if given is None:
        pass
    elif FACTS[name] == tuple[str, ...]:
        names = {"columns": KNOWN_COLUMNS["rows"], "laws": LAWS}.get(name, ())
        value = check.texts(given, where, sorted(names), may_be_empty=True)
    elif FACTS[name] is bool:
        value = check.flag(given, where)
    elif name == "seat":
        value = country_code(given, where, check)
    else:
        value = check.text(given, f"{where}: value")
    checked = check.date(noted.get("checked"), f"{where}: checked")
    # In some time zones, today is already tomorrow's date in UTC.
    if checked and checked > datetime.now(UTC).date() + timedelta(days=1):
        check.report(noted["checked"], f"{where}: checked: {checked} is to come")
    return value, RecipientFact(check.text(noted.get("source"), f"{where}: source") or "", checked)


@dataclass(frozen=True, slots=True)
class SenderAct:
    """An act of the sender that a letter states: who did it, and on which day."""

    by: str
    on: date


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender of notices. It acts for `publishers`; `is_owner`: it is itself their one publisher.

    `address`, `email` and `phone` are those of the organisation, not of a person: notices are published.
    `capacity`: in which the signatory acts for it. `trusted_flagger`: the authority that gave it this status.
    `fair_use`: who considered fair use of the articles. `file`: the sender's file; `folder`: that of the
    members file and its mandates.
    """

    name: str
    address: str
    email: str
    phone: str | None
    siren: str | None
    signatory: str
    signatory_title: str
    is_owner: bool
    publishers: tuple[Publisher, ...]
    legal_form: str | None = None
    rna: str | None = None
    capacity: str | None = None
    trusted_flagger: SenderAct | None = None
    fair_use: SenderAct | None = None
    file: str = ""
    folder: Path = Path()

    @property
    def registration(self) -> str:
        """Return its number in a French register, with the register's name; empty without one."""
        if self.siren:
            return f"SIREN {self.siren}"
        return f"RNA {self.rna}" if self.rna else ""

    @property
    def by_id(self) -> Mapping[str, Publisher]:
        """Return the publishers by their ids."""
        return {publisher.id: publisher for publisher in self.publishers}


def load_sender(path: str) -> Sender:
    """Read a sender's file and its members file; raises `ConfigError` with all mistakes by line."""
    check, raw = Check(), file_bytes(path, "the sender", "--sender")
    root = compose(raw, check, "the sender has texts, and no more", "sender")
    sender = _sender(root, check, path) if root is not None else None
    check.finish(path, "the sender's file")
    if sender is None:
        raise ConfigError(NO_MANDATE, where=path, remedy="add `members: members.yaml`")
    return sender


def _sender(root: yaml.Node, check: Check, path: str) -> Sender | None:
    top = check.entry(root, "sender's file", "sender")
    if "sender" not in top:
        return None
    optional = "phone legal_form siren rna members publishers acts_as trusted_flagger fair_use"
    keys = check.entry(top["sender"], "sender", "name address email signatory", optional)
    texts = _sender_texts(keys, check)
    role, members, email = texts.pop("acts_as") or "agent", texts.pop("members"), texts["email"]
    if role not in ("agent", "owner"):
        check.report(keys["acts_as"], f"acts_as `{role}` is neither `agent` nor `owner`")
    if members is None:
        return None
    name, at, host = email.partition("@")
    if email and not (name and at and "." in host and " " not in email):
        check.report(keys["email"], f"email `{email}` is not an email address")
    if texts["rna"] and not RNA.fullmatch(texts["rna"]):
        check.report(keys["rna"], f"rna `{texts['rna']}` is not W and nine digits")
    folder = Path(path).parent / Path(members).parent
    registry = load_registry(folder / Path(members).name)
    publishers = _publishers(keys.get("publishers"), registry, check)
    if role == "owner" and len(publishers) != 1:
        # An owner of one publisher's rights needs a mandate to act for another publisher.
        check.report(keys["acts_as"], ONE_OWNER.format(len(publishers)))
    facts = texts | {name: _act(keys.get(name), name, check) for name in ACTS}
    siren = siren_of(keys.get("siren"), "siren", check)
    return Sender(
        **facts, siren=siren, is_owner=role == "owner", publishers=publishers, file=path, folder=folder
    )


def _sender_texts(keys: Mapping[str, yaml.Node], check: Check) -> dict[str, Any]:
    """Return the texts of a sender by the names of its fields, and `acts_as` and `members`."""
    person = (
        check.entry(keys["signatory"], "signatory", "name title", "capacity") if "signatory" in keys else {}
    )
    names = ("acts_as", "members", "name", "address", "email", "phone", "legal_form", "rna")
    nodes = {name: (name, keys.get(name)) for name in names}
    nodes |= {name: (f"signatory: {key}", person.get(key)) for name, key in _OF_PERSON.items()}
    texts = dict[str, Any](dict.fromkeys(_REQUIRED, ""))
    for name, (what, node) in nodes.items():
        text, fault = check.text(node, what), ""
        if text and len(text) > CHARACTERS:
            fault = f"{what} has {len(text):,} characters, and may have {CHARACTERS}"
        elif text and not all(character.isprintable() or character == "\xa0" for character in text):
            fault = f"{what} contains characters that cannot be shown"
        if node is not None and fault:
            check.report(node, fault)
        texts[name] = (None if fault else text) or texts.get(name)
    return texts


def _act(node: yaml.Node | None, what: str, check: Check) -> SenderAct | None:
    keys = check.entry(node, what, "by on") if node is not None else {}
    by, on = check.text(keys.get("by"), f"{what}: by"), check.date(keys.get("on"), f"{what}: on")
    return SenderAct(by, on) if by and on else None


def _publishers(node: yaml.Node | None, registry: Registry, check: Check) -> tuple[Publisher, ...]:
    if node is None:
        return registry.publishers
    found, known = list[Publisher](), registry.by_id
    for item in check.items(node, "publishers"):
        name = check.text(item, "publisher")
        if name is not None and name in known:
            found.append(known[name])
        elif name is not None:
            check.report(item, f"no member is the publisher `{name}`{did_you_mean(name, known)}")
    return tuple(found)
