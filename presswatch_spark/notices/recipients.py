"""Who gets notices, from `conf/recipients.yaml`: each fact with its source and the day it was checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import yaml

from presswatch_spark.errors import ConfigError
from presswatch_spark.nearest import did_you_mean
from presswatch_spark.notices.annex_columns import ROW_COLUMNS
from presswatch_spark.notices.sentences import Sentence, sentence
from presswatch_spark.settings.checked_yaml import Check, compose, file_bytes, line_of
from presswatch_spark.settings.shipped import shipped

FACTS = ("route", "language", "publishes", "elements", "columns")


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a recipient, and by what.

    `checked`: the day on which somebody read `source`; None if nobody could.
    """

    value: str | bool | tuple[str, ...] | None
    source: str
    checked: date | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a notice. `datasets` and `places` say which rows concern it; see the file."""

    id: str
    name: str
    datasets: tuple[str, ...]
    places: tuple[str, ...]
    facts: Mapping[str, Fact]

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
        """Yield what must be verified before a notice is sent."""
        for name, fact in self.facts.items():
            facts = {"name": name, "id": self.id, "source": fact.source}
            if fact.checked is None:
                yield sentence("verify before you send: {name} of {id}: nobody has read {source}", **facts)
            else:
                yield sentence(
                    "verify before you send: {name} of {id}: {source} was read on {day}",
                    day=fact.checked,
                    **facts,
                )


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
    """Return the recipients of a file by their ids; `name` stands for the file in messages."""
    check = Check()
    root = compose(raw, check, "recipients hold facts, and these hold no more", "recipients")
    found = list(_recipients(root, check)) if root is not None else []
    check.finish(name, "the recipients file")
    return {recipient.id: recipient for recipient in found}


def _recipients(root: yaml.Node, check: Check) -> Iterator[Recipient]:
    top = check.entry(root, "recipients file", "recipients")
    for node in check.items(top.get("recipients"), "recipients"):
        keys = check.entry(node, "recipient", f"id name datasets places {' '.join(FACTS)}")
        own_id = check.unique_id(keys.get("id"), "recipient") or ""
        what = f"recipient `{own_id}`"
        yield Recipient(
            id=own_id,
            name=check.text(keys.get("name"), f"{what}: name") or "",
            datasets=_texts(keys.get("datasets"), f"{what}: datasets", check),
            places=_texts(keys.get("places"), f"{what}: places", check),
            facts={each: _fact(keys.get(each), f"{what}: {each}", check) for each in FACTS},
        )


def _fact(node: yaml.Node | None, what: str, check: Check) -> Fact:
    keys = check.entry(node, what, "source", "value checked note") if node is not None else {}
    value = _value(keys.get("value"), what, check)
    if what.endswith("columns") and isinstance(value, tuple):
        for unknown in sorted(set(value) - set(ROW_COLUMNS.names)):
            check.say(line_of(keys["value"]), f"{what}: `{unknown}` is no column of the annex")
    checked = check.date(keys.get("checked"), f"{what}: checked")
    # A day of Auckland may be one ahead.
    if checked and checked > datetime.now(UTC).date() + timedelta(days=1):
        check.say(line_of(keys["checked"]), f"{what}: checked: {checked} is to come")
    return Fact(
        value=value,
        source=check.text(keys.get("source"), f"{what}: source") or "",
        checked=checked,
        note=check.text(keys.get("note"), f"{what}: note"),
    )


def _value(node: yaml.Node | None, what: str, check: Check) -> str | bool | tuple[str, ...] | None:
    if isinstance(node, yaml.SequenceNode):
        return _texts(node, what, check)
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:bool":
        return node.value.lower() in ("true", "yes", "on")
    return check.text(node, f"{what}: value")


def _texts(node: yaml.Node | None, what: str, check: Check) -> tuple[str, ...]:
    """Return the texts of a list, which may be empty."""
    if not isinstance(node, yaml.SequenceNode):
        if node is not None:
            check.say(line_of(node), f"{what} must be a list")
        return ()
    return tuple(filter(None, (check.text(item, what) for item in node.value)))
