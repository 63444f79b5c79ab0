"""The laws that a notice can rest on, each with the elements that it must have, from `conf/laws.yaml`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from presswatch_spark.settings.load import shipped


@dataclass(frozen=True, slots=True)
class LegalElement:
    """What a notice must say. Texts are by language; a line of `text` is a paragraph.

    `source`: the provision that asks for it. `needs`: names of facts without which it cannot be said.
    `list`: name of the list that follows the text; None if there is none. `is_optional`: a notice is whole
    without it, if its facts are missing.
    """

    name: str
    source: str
    needs: tuple[str, ...]
    heading: Mapping[str, str]
    text: Mapping[str, str]
    list: str | None
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Law:
    """A kind of notice.

    `deadline`: whether the letter sets one. `sworn`: whether a person must have signed its clause of perjury.
    `location`: whether it requires the exact location of the material; a reading of a copy does not show it.
    `domains`: `own`, if its annex lists the sender's domains, and not those of the pages.
    """

    id: str
    title: Mapping[str, str]
    elements: tuple[LegalElement, ...]
    deadline: bool
    sworn: bool
    location: bool
    own_domains: bool

    def required(self, also: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the names of the elements that a notice must have, with those that a recipient asks for."""
        own = [element.name for element in self.elements if not element.is_optional]
        return tuple(dict.fromkeys([*own, *also]))


@cache
def laws() -> Mapping[str, Law]:
    """Return the laws by their ids."""
    listed = yaml.safe_load(shipped("laws.yaml").read_text(encoding="utf-8"))["laws"]
    return {each["id"]: _law(each) for each in listed}


def _law(given: Mapping[str, Any]) -> Law:
    return Law(
        id=given["id"],
        title=given["title"],
        elements=tuple(_element(each) for each in given["elements"]),
        deadline=bool(given["deadline"]),
        sworn=bool(given.get("sworn")),
        location=bool(given.get("location")),
        own_domains=given.get("domains") == "own",
    )


def _element(given: Mapping[str, Any]) -> LegalElement:
    return LegalElement(
        name=given["name"],
        source=given["source"],
        needs=tuple(given["needs"]),
        heading=given["heading"],
        text=given["text"],
        list=given.get("list"),
        is_optional=bool(given.get("optional")),
    )
