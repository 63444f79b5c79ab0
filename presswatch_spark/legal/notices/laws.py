"""The laws on which a notice can rest, each with the elements that it requires, from `conf/laws.yaml`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from presswatch_spark.core.settings.load import shipped

LAWS = ("fr", "dsa16", "dmca512", "optout")
LETTER_LANGUAGES = ("fr", "en", "both")
"""Languages of letters; `both`: French and English side by side."""
DEADLINE_DAYS = 15
"""Days from receipt to the deadline, for laws with `deadline`, unless a sender chooses others."""


@dataclass(frozen=True, slots=True)
class LegalElement:
    """An element of a notice. Texts are by language; each line of `text` is a paragraph.

    `source`: the provision that requires the element. `needs`: names of the facts that it must have. `list`:
    the name of the list after its text. `optional`: a notice is complete without the element.
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

    `deadline`: the letter sets one. `sworn`: a person must sign its clause of perjury. `location`: the law
    requires the exact location of the material, not a copy. `own_domains`: the annex lists those of the
    sender.
    """

    id: str
    title: Mapping[str, str]
    elements: tuple[LegalElement, ...]
    deadline: bool
    sworn: bool = False
    location: bool = False
    own_domains: bool = False

    def required(self, also: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the names of the elements of a notice; `also`: those that a recipient requires."""
        own = [element.name for element in self.elements if not element.optional]
        return tuple(dict.fromkeys([*own, *also]))


@cache
def laws() -> Mapping[str, Law]:
    """Return the laws by their ids."""
    # Imported here because the help of commands names laws, and must not load YAML.
    import yaml

    found = dict[str, Law]()
    for law in yaml.safe_load(shipped("laws.yaml").read_text(encoding="utf-8"))["laws"]:
        elements = [LegalElement(**each | {"needs": tuple(each["needs"])}) for each in law["elements"]]
        found[law["id"]] = Law(**law | {"elements": tuple(elements)})
    return found
