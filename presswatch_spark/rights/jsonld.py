"""What the objects in a page's JSON-LD declare of copyright, licence and payment."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from presswatch_spark.rights.declaration import Signal, stated

PARTS = 100
ACCESSIBLE = "isAccessibleForFree"

_COPYRIGHT = ("copyrightHolder", "copyrightNotice")


@dataclass(frozen=True, slots=True)
class PaywalledPart:
    """What `isAccessibleForFree` says of an object, and the selector of its text, if the object names one."""

    free: bool
    selector: str | None


def parts_of(item: dict[str, Any]) -> Iterator[PaywalledPart]:
    """Yield what an object says of its own accessibility: once for each selector, or once without any."""
    free = _truth(item.get(ACCESSIBLE))
    if free is None:
        return
    selectors = item.get("cssSelector")
    named = selectors[:PARTS] if isinstance(selectors, list) else [selectors]
    texts: list[str | None] = [
        selector.strip() for selector in named if isinstance(selector, str) and selector.strip()
    ]
    for selector in texts or [None]:
        yield PaywalledPart(free, selector)


def object_signals(item: dict[str, Any]) -> Iterator[Signal]:
    """Yield what an object says of copyright and licence."""
    for name in _COPYRIGHT:
        for text in _names(item.get(name)):
            yield stated("copyright", "json_ld", f"{name}: {text}")
    for text in _names(item.get("license")):
        yield stated("license", "json_ld", text)


def _truth(value: object) -> bool | None:
    """Read schema.org's Boolean as pages write it: `false`, "False", "http://schema.org/False"."""
    if isinstance(value, bool):
        return value
    word = value.rpartition("/")[2].strip().lower() if isinstance(value, str) else ""
    return {"true": True, "false": False}.get(word)


def _names(value: object) -> Iterator[str]:
    """Yield a string, or the name (or address) of an object; of a list, each."""
    for each in (value if isinstance(value, list) else [value])[:PARTS]:
        if isinstance(each, dict):
            each = next((each[key] for key in ("name", "url", "@id") if isinstance(each.get(key), str)), None)
        if isinstance(each, str) and each.strip():
            yield each
