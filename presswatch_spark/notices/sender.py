"""The sender of a notice, from a YAML file: who it is, who signs, and for whom it acts by which mandate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from presswatch_spark.corpus.registry import Publisher, Registry, load_registry
from presswatch_spark.errors import ConfigError
from presswatch_spark.nearest import did_you_mean
from presswatch_spark.settings.checked_yaml import Check, compose, file_bytes, line_of

CHARACTERS = 300
"""A longer text is no name or address."""
NO_MANDATE = "the sender names no members file: without the mandates in it nobody can act for a publisher"
ONE_OWNER = "an owner is one publisher, and this file names {}: list the one under `publishers`"


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
    registry = load_registry(Path(path).parent / members)
    publishers = _publishers(keys.get("publishers"), registry, check)
    if role == "owner" and len(publishers) != 1:
        # Whoever owns one publisher's rights needs a mandate for another's.
        check.say(line_of(keys["acts_as"]), ONE_OWNER.format(len(publishers)))
    return Sender(
        name=_short(keys.get("name"), "name", check) or "",
        address=_short(keys.get("address"), "address", check) or "",
        email=_email(keys.get("email"), check),
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


def _email(node: yaml.Node | None, check: Check) -> str:
    value = _short(node, "email", check) or ""
    name, at, host = value.partition("@")
    if node is not None and value and not (name and at and "." in host and " " not in value):
        check.say(line_of(node), f"email `{value}` is no address")
    return value


def _publishers(node: yaml.Node | None, registry: Registry, check: Check) -> tuple[Publisher, ...]:
    """Return the publishers that a sender acts for: those listed, or all of the members file."""
    known = {publisher.id: publisher for publisher in registry.publishers}
    if node is None:
        return registry.publishers
    found: Sequence[yaml.Node] = check.items(node, "publishers")
    named = [(item, check.text(item, "publisher")) for item in found]
    for item, name in named:
        if name is not None and name not in known:
            check.say(line_of(item), f"no member is the publisher `{name}`{did_you_mean(name, known)}")
    return tuple(known[name] for _, name in named if name in known)
