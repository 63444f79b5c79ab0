"""Finds the declarations of a capture (*signals*), which are rows of `rights_signals` on a member's site.

schema.org's `isAccessibleForFree` states whether an object, or the part that its `cssSelector` names, is
free. If a captured page has text under the selector of a paid part, the site gave that text to the crawler.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from typing import Any

from presswatch_spark.core.scan_values import Capture
from presswatch_spark.core.terminal import json_text
from presswatch_spark.matching.judgement.sites import Owner
from presswatch_spark.matching.reservations.licences_in_documents import RSL_TYPE, document_signals
from presswatch_spark.matching.reservations.site_files import file_signals
from presswatch_spark.matching.reservations.verdicts import (
    PREFERENCES,
    SIGNALS,
    Signal,
    addressed,
    bounded,
    left_out,
    place_of,
    stated,
)
from presswatch_spark.reading.html.reader import text_of_page
from presswatch_spark.reading.http.message import UTF_8, as_html, kind_of_content, site_file, to_utf8
from presswatch_spark.reading.page_metadata import (
    ELEMENTS,
    PAGE_BYTES,
    HtmlElement,
    elements_of,
    json_of_script,
    objects_of,
)
from presswatch_spark.reading.pdf_and_main_content import (
    PARSER,
    UnparsablePageError,
    parse_in_subprocess,
    request_of,
)
from presswatch_spark.reading.text.words import word_count
from presswatch_spark.tables.column_values import SignalName
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.digests import row_digest, storable

# Columns that have the names and the values of a locator's fields.
_OF_LOCATOR = ("record_offset", "record_length", "record_encoding", "captured_at", "http_status")
_HEADER_CHARACTERS = 8 << 10
# RFC 8288: a target in angle brackets, then parameters.
_LINK = re.compile(r"<([^<>]*+)>((?:\s*;\s*[^\s;,=\"]++\s*(?:=\s*(?:\"[^\"]*+\"|[^\s;,\"]*+))?)*)")
_PARAMETER = re.compile(r";\s*([^\s;,=\"]++)\s*(?:=\s*(?:\"([^\"]*+)\"|([^\s;,\"]*+)))?")
_HEADERS: Mapping[str, SignalName] = {
    "x-robots-tag": "x_robots_tag", "tdm-reservation": "tdm_reservation", "tdm-policy": "tdm_policy",
    **PREFERENCES,
}  # fmt: skip
# A meta element with the name of an agent contains directives for that agent only.
_META_AGENTS = {name.lower(): name for name in ("CCBot", "GPTBot", "Google-Extended", "Googlebot")}
_COPYRIGHT = (
    "copyright", "dcterms.rights", "dcterms:rights", "dc.rights", "dc:rights", "rights",
    "dcterms.rightsholder",
)  # fmt: skip
_METAS: Mapping[str, SignalName] = {
    **dict.fromkeys(("robots", *_META_AGENTS), "meta_robots"),
    "tdm-reservation": "tdm_reservation", "tdm-policy": "tdm_policy",
    **dict.fromkeys(_COPYRIGHT, "copyright"),
}  # fmt: skip
_DECISIVE = frozenset(("x_robots_tag", "meta_robots", "tdm_reservation", *PREFERENCES.values()))

PARTS = 100
ACCESSIBLE = "isAccessibleForFree"
PaywalledPart = tuple[bool, str | None]
"""The value of `isAccessibleForFree` of an object, and the selector of its text, if it names one."""
SELECTORS, SELECTOR_CHARACTERS = 20, 200
# Selectors with a colon take quadratic time: `:has(p)` takes 2 s for 20,000 elements. Selectors with `+` and
# `~` depend on siblings, which may have been removed with an earlier match.
_SELECTOR = re.compile(r"[^:+~\\]+")
# Formatting elements: a parser opens them again in every block until they are closed.
_FORMATTING = re.compile(
    rb"<(/?)(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
MOST_NODES = 2_000_000
MOST_SPACES = 10_000


def signals_of(capture: Capture) -> Iterator[Signal]:
    """Yield the declarations of a response, each signal once, in the order in which it is looked for.

    A file that declares for a whole site is read by its format, any other response as a page. Hostile input
    gives few signals or none, never an error. Time is linear in the page; `PAGE_BYTES` of it are read.
    """
    kind = site_file(capture.url)
    seen = set[Signal]()
    for signal in file_signals(capture, kind) if kind else _page_signals(capture):
        if signal in seen:
            continue
        if len(seen) == SIGNALS:
            yield left_out(f"more than {SIGNALS} signals", in_file=kind is not None)
            return
        seen.add(signal)
        yield signal


def _page_signals(capture: Capture) -> Iterator[Signal]:
    yield from _header_signals(capture)
    kind = kind_of_content(capture.media_type, capture.body)
    if kind != "html":
        yield from document_signals(capture, kind)
        return
    content = to_utf8(capture.body[:PAGE_BYTES], capture.encoding or UTF_8)
    page = bytes(as_html(content, capture.media_type))
    parts: list[PaywalledPart] = []
    elements = elements_of(page)
    for element in islice(elements, ELEMENTS):
        if element.name != "script":
            yield from _element_signals(element)
            continue
        value = json_of_script(element.text)
        if value is None and ACCESSIBLE in element.text:
            yield Signal(
                "paywall", "json_ld", None, note=f"{ACCESSIBLE} is in text that cannot be read as JSON"
            )
        for item in objects_of(value):
            parts += _parts_of(item)
            for name in ("copyrightHolder", "copyrightNotice"):
                for text in _names(item.get(name)):
                    yield stated("copyright", "json_ld", f"{name}: {text}")
            for text in _names(item.get("license")):
                yield stated("license", "json_ld", text)
    if next(elements, None) is not None:
        yield left_out(f"more than {ELEMENTS:,} elements that may declare something")
    longer = len(capture.body) > PAGE_BYTES
    yield from _paywall_signals(parts, page, is_whole=not (capture.cut or longer))
    if capture.cut:
        yield left_out("the capture was cut")
    if longer:
        yield left_out(f"the page was read to {PAGE_BYTES >> 20} MiB")


def _header_signals(capture: Capture) -> Iterator[Signal]:
    for name, signal in _HEADERS.items():
        values = [value[:_HEADER_CHARACTERS].strip() for value in capture.header(name) if value.strip()]
        if values and name in PREFERENCES:
            # A header that is given several times is one list (RFC 9110, section 5.3).
            values = [", ".join(values)]
        for value in values:
            for agent, text in addressed(value) if signal == "x_robots_tag" else ((None, value),):
                yield stated(signal, "header", text, agent=agent)
    decisive = (name for name, signal in _HEADERS.items() if signal in _DECISIVE)
    if any(len(value) > _HEADER_CHARACTERS for name in decisive for value in capture.header(name)):
        yield left_out(f"a header was read to {_HEADER_CHARACTERS:,} characters")
    for value in capture.header("link"):
        for link in _LINK.finditer(value[:_HEADER_CHARACTERS]):
            # Of a parameter that is given twice, the first counts (RFC 8288, section 3).
            found = reversed(_PARAMETER.findall(link[2]))
            given = {name.lower(): quoted or bare for name, quoted, bare in found}
            yield from _linked("header", given.get("rel", ""), given.get("type", ""), link[1].strip())


def _linked(source: str, relations: str, kind: str, address: str) -> Iterator[Signal]:
    if "canonical" in relations.lower().split():
        yield stated("canonical", source, address)
    if "license" in relations.lower().split():
        yield stated("rsl" if kind.lower().startswith(RSL_TYPE) else "license", source, address)


def _element_signals(element: HtmlElement) -> Iterator[Signal]:
    if element.name == "link":
        if address := element.get("href"):
            yield from _linked("link", element.get("rel"), element.get("type"), address)
        return
    name, content = (element.get("name") or element.get("property")).lower(), element.get("content")
    signal = _METAS.get(name)
    if not (name and content):
        if not element.whole and (not name or signal in _DECISIVE):
            yield left_out("a meta with too many or too long attributes")
    elif signal:
        yield stated(signal, "meta", content, agent=_META_AGENTS.get(name))


def _parts_of(item: dict[str, Any]) -> Iterator[PaywalledPart]:
    free = item.get(ACCESSIBLE)
    if not isinstance(free, bool):
        name = free.rpartition("/")[2].strip().lower() if isinstance(free, str) else ""
        free = {"true": True, "false": False}.get(name)
    if free is None:
        return
    selectors = item.get("cssSelector")
    named = selectors[:PARTS] if isinstance(selectors, list) else [selectors]
    texts: list[str | None] = [
        selector.strip() for selector in named if isinstance(selector, str) and selector.strip()
    ]
    for selector in texts or [None]:
        yield free, selector


def _names(value: object) -> Iterator[str]:
    for each in (value if isinstance(value, list) else [value])[:PARTS]:
        if isinstance(each, dict):
            each = next((each[key] for key in ("name", "url", "@id") if isinstance(each.get(key), str)), None)
        if isinstance(each, str) and each.strip():
            yield each


def _paywall_signals(parts: Iterable[PaywalledPart], page: bytes, is_whole: bool) -> Iterator[Signal]:
    distinct = list(dict.fromkeys(parts))
    paid_for = (selector for free, selector in distinct if selector and not free)
    tried = [each for each in paid_for if len(each) <= SELECTOR_CHARACTERS and _SELECTOR.fullmatch(each)]
    elements = list[str | None]()
    if tried and _can_be_built(page):
        with suppress(UnparsablePageError):
            elements = json.loads(parse_in_subprocess("css", request_of(tried[:SELECTORS], page))[0])
    words_of = {
        selector: word_count(text_of_page(found.encode("utf-8", "replace")))
        for selector, found in zip(tried, elements, strict=False)
        if found is not None
    }
    for free, selector in distinct:
        words = None if free or selector is None else words_of.get(selector)
        # If the page was not read to its end, the text may be in the rest.
        is_missed = words == 0 and not is_whole
        words = None if is_missed else words
        declared = {ACCESSIBLE: free, "cssSelector": selector, "words": words}
        value, note = bounded(json_text({name: each for name, each in declared.items() if each is not None}))
        if selector is not None and not free and words is None:
            missed = "no text under the selector in what was read of the page"
            note = note or (missed if is_missed else "the selector was not tried")
        captured = None if words is None else words > 0
        yield Signal("paywall", "json_ld", value, note=note, paywalled_text_captured=captured, parser=PARSER)


def _can_be_built(page: bytes) -> bool:
    """Return whether a page's tree stays in proportion to the page; a larger tree could kill the parser.

    A parser opens every open formatting element again in each block that follows, so the tree may have as
    many nodes as tags times elements left open. It also compares a tag's attributes with each other.
    """
    opened = Counter[bytes]()
    most = now = 0
    for tag in _FORMATTING.finditer(page):
        name = tag[2].lower()
        if not tag[1]:
            opened[name] += 1
            now += 1
        elif opened[name]:
            opened[name] -= 1
            now -= 1
        most = max(most, now)
    if most * page.count(b"<") > MOST_NODES:
        return False
    stretches = (stretch for stretch in page.split(b">") if len(stretch) > MOST_SPACES and b"<" in stretch)
    return all(len(stretch.split(None, MOST_SPACES)) < MOST_SPACES for stretch in stretches)


def signal_rows(
    capture: Capture, owner: Owner | None, shard_uri: str, release: str | None
) -> Iterator[RightsSignal]:
    """Yield the rows of an owner's capture, without a run id; `release`: of captures that name none."""
    place = place_of(capture.url)
    if owner is None or place is None:
        return
    locator = capture.locator
    digest: str | None = None
    for signal in signals_of(capture):
        if digest is None and signal.source != "header":
            digest = hashlib.sha256(capture.body).hexdigest()
        row = RightsSignal(
            run_id="",
            release=storable(locator.release or release),
            document_url=storable(capture.url),
            host=storable(place.host),
            title_id=owner.title_id,
            publisher_id=owner.publisher_id,
            content_sha256=digest if signal.source != "header" else None,
            shard_uri=shard_uri,
            record_id=storable(locator.record_id),
            row_sha256="",
            **{name: getattr(locator, name) for name in _OF_LOCATOR},
            **asdict(signal),
        )
        yield row.with_columns(row_sha256=row_digest(row))
