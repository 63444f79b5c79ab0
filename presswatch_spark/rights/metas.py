"""What the `meta` and `link` elements of a page declare."""

from __future__ import annotations

from collections.abc import Iterator

from presswatch_spark.rights.declaration import Signal, bounded, left_out
from presswatch_spark.rights.directives import directive_verdict
from presswatch_spark.rights.tags import Element
from presswatch_spark.rights.tdmrep import reservation_verdict

# Meta elements named after agents hold directives for these alone.
_AGENTS = {name.lower(): name for name in ("CCBot", "GPTBot", "Google-Extended", "Googlebot")}
_COPYRIGHT = frozenset(
    (
        "copyright",
        "dcterms.rights",
        "dcterms:rights",
        "dc.rights",
        "dc:rights",
        "rights",
        "dcterms.rightsholder",
    )
)
_LINKED = ("canonical", "license")
_DECISIVE = frozenset(("robots", "tdm-reservation", *_AGENTS))


def meta_signals(element: Element) -> Iterator[Signal]:
    """What a `meta` or `link` element declares: at most two signals, mostly none."""
    if element.name == "link":
        relations = element.get("rel").lower().split()
        for relation in _LINKED:
            if relation in relations and element.get("href"):
                yield _signal(relation, element.get("href"), source="link")
        return
    name, content = (element.get("name") or element.get("property")).lower(), element.get("content")
    if not (name and content):
        if not element.whole and (not name or name in _DECISIVE):
            yield left_out("a meta with too many or too long attributes")
        return
    if name == "robots" or name in _AGENTS:
        yield _signal("meta_robots", content, directive_verdict(content), _AGENTS.get(name))
    elif name == "tdm-reservation":
        yield _signal("tdm_reservation", content, reservation_verdict(content))
    elif name == "tdm-policy":
        yield _signal("tdm_policy", content)
    elif name in _COPYRIGHT:
        yield _signal("copyright", content)


def _signal(
    name: str, content: str, verdict: str | None = None, agent: str | None = None, source: str = "meta"
) -> Signal:
    text, note = bounded(content)
    return Signal(name, source, text, verdict=verdict, agent=agent, note=note)
