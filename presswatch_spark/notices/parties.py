"""Who gets notices and who sends them, from YAML files.

Recipients are those of `conf/recipients.yaml`: each fact with its source and the day it was checked. A sender
says who it is, who signs, and for whom it acts by which mandate.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import yaml

from presswatch_spark.corpus.registry import Publisher, Registry, load_registry
from presswatch_spark.errors import ConfigError
from presswatch_spark.notices.annex import KNOWN_COLUMNS
from presswatch_spark.notices.wording import Sentence, sentence
from presswatch_spark.settings.checked_yaml import Check, compose, file_bytes, line_of
from presswatch_spark.settings.load import shipped
from presswatch_spark.terminal import did_you_mean
from presswatch_spark.translation import N_

FACTS = ("route", "language", "publishes", "elements", "columns")
SENDER_TEXTS = ("address", "email", "phone", "signatory", "signatory_title")
"""Facts of a sender that are texts; a missing one is empty."""
CHARACTERS = 300
"""A longer text is no name or address."""
NO_MANDATE = "the sender names no members file: without the mandates in it nobody can act for a publisher"
ONE_OWNER = "an owner is one publisher, and this file names {}: list the one under `publishers`"


@dataclass(frozen=True, slots=True)
class RecipientFact:
    """A fact about a recipient. `checked`: the day on which `source` was read; None if it was not."""

    value: str | bool | tuple[str, ...] | None
    source: str
    checked: date | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a notice. `datasets` and `places` say which rows concern it; see the file."""

    id: str
    name: str
    datasets: tuple[str, ...]
    places: tuple[str, ...]
    facts: Mapping[str, RecipientFact]

    def concerns(self, dataset: str, file: str) -> bool:
        """Return whether a record of this dataset, in the file at this URI, is a matter for the recipient."""
        return dataset in self.datasets or file.startswith(self.places)

    @property
    def route(self) -> str | None:
        """Return where the notice goes; None if that is not known."""
        value = self.facts["route"].value
        return value if isinstance(value, str) else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of the annex's rows that the recipient needs."""
        value = self.facts["columns"].value
        return value if isinstance(value, tuple) else ()

    @property
    def elements(self) -> tuple[str, ...]:
        """Return the elements that it asks for beside those of the law."""
        value = self.facts["elements"].value
        return value if isinstance(value, tuple) else ()

    def doubts(self) -> Iterator[Sentence]:
        """Yield the facts that must be verified before a notice is sent."""
        for name, fact in self.facts.items():
            facts = {"name": name, "id": self.id, "source": fact.source}
            unread = N_("verify before you send: {name} of {id}: nobody has read {source}")
            read = N_("verify before you send: {name} of {id}: {source} was read on {day}")
            yield sentence(read, day=fact.checked, **facts) if fact.checked else sentence(unread, **facts)


def load_recipient(id: str, path: str | None = None) -> Recipient:
    """Return a recipient by its id.

    Args:
        path: a file in the place of the one that comes with the package.

    Raises:
        ConfigError: there is no such recipient, or the file has mistakes; all of them are listed.
    """
    found = load_recipients(path)
    if id not in found:
        raise ConfigError(
            f"there is no recipient `{id}`{did_you_mean(id, found)}",
            where=str(_file(path)),
            remedy=f"name one of {', '.join(found)}, or add it to a copy and give --recipients",
        )
    return found[id]


def load_recipients(path: str | None = None) -> dict[str, Recipient]:
    """Return all recipients by their ids; `path` and errors as those of `load_recipient`."""
    file = _file(path)
    return parse_recipients(file_bytes(file, "the recipients", "--recipients"), str(file))


def _file(path: str | None) -> Path:
    return Path(path) if path else shipped("recipients.yaml")


def parse_recipients(raw: bytes, name: str) -> dict[str, Recipient]:
    """Return the recipients of a file by their ids; `name`: the file in messages."""
    check, found = Check(), dict[str, Recipient]()
    root = compose(raw, check, "recipients hold facts, and these hold no more", "recipients")
    top = check.entry(root, "recipients file", "recipients") if root is not None else {}
    for node in check.items(top.get("recipients"), "recipients"):
        keys = check.entry(node, "recipient", f"id name datasets places {' '.join(FACTS)}")
        own_id = check.unique_id(keys.get("id"), "recipient") or ""
        about = f"recipient `{own_id}`"
        found[own_id] = Recipient(
            id=own_id,
            name=check.text(keys.get("name"), f"{about}: name") or "",
            datasets=_texts(keys.get("datasets"), f"{about}: datasets", check),
            places=_texts(keys.get("places"), f"{about}: places", check),
            facts={each: _fact(keys.get(each), f"{about}: {each}", check) for each in FACTS},
        )
    check.finish(name, "the recipients file")
    return found


def _fact(node: yaml.Node | None, about: str, check: Check) -> RecipientFact:
    keys = check.entry(node, about, "source", "value checked note") if node is not None else {}
    check.text(keys.get("note"), f"{about}: note")
    given = keys.get("value")
    value: str | bool | tuple[str, ...] | None
    if isinstance(given, yaml.SequenceNode):
        value = _texts(given, about, check)
    elif isinstance(given, yaml.ScalarNode) and given.tag == "tag:yaml.org,2002:bool":
        value = given.value.lower() in ("true", "yes", "on")
    else:
        value = check.text(given, f"{about}: value")
    if about.endswith("columns") and isinstance(value, tuple):
        for unknown in sorted(set(value) - KNOWN_COLUMNS["rows"]):
            check.say(line_of(keys["value"]), f"{about}: `{unknown}` is no column of the annex")
    checked = check.date(keys.get("checked"), f"{about}: checked")
    # The day in Auckland may be one ahead.
    if checked and checked > datetime.now(UTC).date() + timedelta(days=1):
        check.say(line_of(keys["checked"]), f"{about}: checked: {checked} is to come")
    return RecipientFact(value, check.text(keys.get("source"), f"{about}: source") or "", checked)


def _texts(node: yaml.Node | None, what: str, check: Check) -> tuple[str, ...]:
    if not isinstance(node, yaml.SequenceNode):
        if node is not None:
            check.say(line_of(node), f"{what} must be a list")
        return ()
    return tuple(filter(None, (check.text(item, what) for item in node.value)))


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a notice. `publishers` are those that it acts for; `is_owner`: it is one of them itself.

    `address`, `email` and `phone` are those of the organisation: notices are published.
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

    @property
    def by_id(self) -> Mapping[str, Publisher]:
        """Return the publishers by their ids."""
        return {publisher.id: publisher for publisher in self.publishers}


def load_sender(path: str) -> Sender:
    """Read and check the file of a sender, and the members file that it names.

    Raises:
        ConfigError: a file cannot be read, or has mistakes; all of them are listed as `file:line: message`.
    """
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
    keys = check.entry(
        top["sender"], "sender", "name address email signatory", "phone siren members publishers acts_as"
    )
    signatory = keys.get("signatory")
    person = check.entry(signatory, "signatory", "name title") if signatory is not None else {}
    role = _short(keys.get("acts_as"), "acts_as", check) or "agent"
    if role not in ("agent", "owner"):
        check.say(line_of(keys["acts_as"]), f"acts_as `{role}` is neither `agent` nor `owner`")
    members = _short(keys.get("members"), "members", check)
    if members is None:
        return None
    email = _short(keys.get("email"), "email", check) or ""
    name, at, host = email.partition("@")
    if email and not (name and at and "." in host and " " not in email):
        check.say(keys["email"], f"email `{email}` is no address")
    registry = load_registry(Path(path).parent / members)
    publishers = _publishers(keys.get("publishers"), registry, check)
    if role == "owner" and len(publishers) != 1:
        # Whoever owns one publisher's rights needs a mandate for another's.
        check.say(line_of(keys["acts_as"]), ONE_OWNER.format(len(publishers)))
    return Sender(
        name=_short(keys.get("name"), "name", check) or "",
        address=_short(keys.get("address"), "address", check) or "",
        email=email,
        phone=_short(keys.get("phone"), "phone", check),
        siren=_short(keys.get("siren"), "siren", check),
        signatory=_short(person.get("name"), "signatory: name", check) or "",
        signatory_title=_short(person.get("title"), "signatory: title", check) or "",
        is_owner=role == "owner",
        publishers=publishers,
    )


def _short(node: yaml.Node | None, what: str, check: Check) -> str | None:
    value = check.text(node, what)
    if node is None or value is None:
        return None
    if len(value) > CHARACTERS:
        check.say(line_of(node), f"{what} has {len(value):,} characters, and may have {CHARACTERS}")
        return None
    if not all(character.isprintable() or character == "\xa0" for character in value):
        check.say(line_of(node), f"{what} holds characters that cannot be shown")
        return None
    return value


def _publishers(node: yaml.Node | None, registry: Registry, check: Check) -> tuple[Publisher, ...]:
    """Return the publishers that a sender acts for: those listed, or all of the members file."""
    known = registry.by_id
    if node is None:
        return registry.publishers
    found: Sequence[yaml.Node] = check.items(node, "publishers")
    named = [(item, check.text(item, "publisher")) for item in found]
    for item, name in named:
        if name is not None and name not in known:
            check.say(line_of(item), f"no member is the publisher `{name}`{did_you_mean(name, known)}")
    return tuple(known[name] for _, name in named if name is not None and name in known)
