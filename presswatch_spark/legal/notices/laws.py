"""The laws that a notice can rest on, each with the elements that it must have, from `conf/laws.yaml`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from presswatch_spark.core.settings.load import shipped

LAWS = ("fr", "dsa16", "dmca512", "optout")


@dataclass(frozen=True, slots=True)
class LegalElement:
    """An element of a notice. Texts are by language; a line of `text` is a paragraph.

    `source`: the provision that requires it. `needs`: names of facts without which it cannot be stated.
    `list`: name of the list that follows the text. `optional`: a notice is complete without it.
    """

    name: str
    source: str
    needs: tuple[str, ...]
    heading: Mapping[str, str]
    text: Mapping[str, str]
    list: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Law:
    """A kind of notice.

    `deadline`: the letter sets one. `sworn`: a person must have signed its clause of perjury. `location`: it
    requires the exact location of the material, not a copy. `own_domains`: its annex lists the sender's.
    """

    id: str
    title: Mapping[str, str]
    elements: tuple[LegalElement, ...]
    deadline: bool
    sworn: bool = False
    location: bool = False
    own_domains: bool = False

    def required(self, also: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the names of the elements that a notice must have, with those that a recipient requires."""
        own = [element.name for element in self.elements if not element.optional]
        return tuple(dict.fromkeys([*own, *also]))


@cache
def laws() -> Mapping[str, Law]:
    """Return the laws by their ids."""
    # Commands name the laws in their help, which must not load YAML.
    import yaml

    found = dict[str, Law]()
    for law in yaml.safe_load(shipped("laws.yaml").read_text(encoding="utf-8"))["laws"]:
        elements = [LegalElement(**each | {"needs": tuple(each["needs"])}) for each in law["elements"]]
        found[law["id"]] = Law(**law | {"elements": tuple(elements)})
    return found
