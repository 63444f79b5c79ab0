"""Finds the declarations of a capture (*signals*), which are rows of `rights_signals` on a member's site.

schema.org's `isAccessibleForFree` states whether an object, or the part that its `cssSelector` names, is
free. If a captured page has text under the selector of a paid part, the site gave that text to the crawler.

Licences in documents are those of RSL 1.0, policies of TDMRep in ODRL, and TDMRep in the XMP of PDF files. A
licence against payment, under a duty, or by agreement with a server permits nothing by itself, so it reserves
the use. XML with a DOCTYPE is refused, as it may define entities.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache, partial
from itertools import islice
from typing import Any
from xml.etree import ElementTree

from presswatch_spark.core.scan_values import Capture
from presswatch_spark.core.terminal import json_text
from presswatch_spark.matching.judgement.sites import Owner
from presswatch_spark.matching.reservations.site_files import file_signals
from presswatch_spark.matching.reservations.verdicts import (
    ALLOWED,
    DOCUMENT_BYTES,
    PREFERENCES,
    RESERVED,
    RULES_READ,
    SIGNALS,
    UNKNOWN,
    Signal,
    addressed,
    bounded,
    left_out,
    place_from,
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
from presswatch_spark.reading.rows.lenient_json import parse_object
from presswatch_spark.reading.text.words import word_count
from presswatch_spark.tables.column_values import SignalName, Use
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


# --- licences in documents

RSL, RSL_TYPE = "https://rslstandard.org/rsl", "application/rsl+xml"
_TDMREP = re.compile(r"\{http://www\.w3\.org/ns/tdmrep[/#]?\}(reservation|policy)")
_PACKET, _PACKET_END = b"<x:xmpmeta", b"</x:xmpmeta>"
PACKETS = 20
_TDMREP_IN_PDF = re.compile(rb"tdm[:-]?reservation", re.IGNORECASE)
_MINE = re.compile(r"tdm:mine|/ns/tdmrep[#/]mine")
# RSL's words for each use; drafts had `train-ai`. What is only a part of mining does not permit all of it.
_USAGES: Mapping[Use, frozenset[str]] = {
    "train": frozenset(("all", "ai-all", "ai-train", "train-ai", "train-genai")),
    "search": frozenset(("all", "search")),
    "tdm": frozenset(("all", "ai-all")),
}
_PARTS_OF_MINING = frozenset(("ai-input", "ai-index", "ai-use"))
_FREE = frozenset(("free", "attribution"))


def document_signals(capture: Capture, kind: str) -> Iterator[Signal]:
    """Yield the licences in a response of a `kind` other than `html`."""
    document = bytes(to_utf8(capture.body[:DOCUMENT_BYTES], capture.encoding or UTF_8))
    if kind == "pdf":
        yield from xmp_signals(capture.body)
    elif capture.locator.http_status not in (200, None):
        return
    elif (capture.media_type or "").startswith("multipart/"):
        yield left_out("the parts of a multipart response were not read")
    elif RSL.encode() in document:
        yield from rsl_signals(document.decode("utf-8", "replace"), capture.url)
    elif b"mine" in document:
        yield from policy_signals(document)


def rsl_signals(text: str, url: str) -> Iterator[Signal]:
    """Yield a signal for each `content` of an RSL document at `url`: a part of the site, and its licences."""
    root = _xml(text)
    if root is None:
        yield _rsl(None, verdict=UNKNOWN, path="/", note="no XML, or XML with a DOCTYPE")
        return
    own = place_of(url)
    contents = root.iter(f"{{{RSL}}}content")
    for number, content in enumerate(islice(contents, RULES_READ), 1):
        address = (content.get("url") or "/").strip()
        place = place_from(url, f"/{address}" if address.startswith("*") else address)
        if place and own and place.origin == own.origin:
            value, cut = bounded(json_text(_terms_of(content)))
            verdict = UNKNOWN if cut else rsl_verdict(value, "train")
            yield _rsl(value, verdict=verdict, path=place.path, note=cut, rule=number)
    if next(contents, None) is not None:
        yield _rsl(None, verdict=UNKNOWN, path="/", note=f"more than {RULES_READ} contents")


_rsl = partial(stated, "rsl", "file", scope="path")


def _xml(text: str) -> ElementTree.Element | None:
    if "<!DOCTYPE" in text:
        return None
    try:
        return ElementTree.fromstring(text.strip())
    except (ElementTree.ParseError, ValueError):
        return None


def _terms_of(content: ElementTree.Element) -> dict[str, Any]:
    """Return the licences of a `content` as JSON: uses, users and places, and payments."""
    licences = list[dict[str, Any]]()
    for licence in content.findall(f"{{{RSL}}}license"):
        terms = dict[str, Any]()
        for name in ("permits", "prohibits"):
            for each in licence.findall(f"{{{RSL}}}{name}"):
                words = re.split(r"[\s,]+", (each.text or "").strip().lower())
                terms.setdefault(name, {}).setdefault(each.get("type") or "usage", []).extend(words)
        if payments := [each.get("type") or "free" for each in licence.findall(f"{{{RSL}}}payment")]:
            terms["payment"] = payments
        licences.append(terms)
    server = content.get("server")
    return ({"server": server} if server else {}) | {"licenses": licences}


@lru_cache(maxsize=1024)
def rsl_verdict(value: str, use: Use) -> str | None:
    """Return the verdict of the licences of a `content` on a use, from the JSON that `rsl_signals` wrote.

    What a licence prohibits is prohibited. If licences permit only other uses, this one is reserved (RSL 1.0,
    section 3.5); one without `permits` covers every use that no other one names. `unknown`: the permission is
    only for some users or places.
    """
    terms = json.loads(value)
    words, parts = _USAGES[use], _PARTS_OF_MINING if use == "tdm" else frozenset[str]()
    licences = [(_usages(each, "permits"), each) for each in terms["licenses"]]
    if any(_usages(each, "prohibits") & (words | parts) for _, each in licences):
        return RESERVED
    covering = [each for permitted, each in licences if permitted & words]
    covering = covering or [each for permitted, each in licences if not permitted]
    if not covering:
        return RESERVED if licences and not any(permitted & parts for permitted, _ in licences) else None
    found = set[str | None]()
    for each in covering:
        is_limited = any(kind != "usage" for name in ("permits", "prohibits") for kind in each.get(name, ()))
        if not {*each.get("payment", ())} <= _FREE:
            found.add(RESERVED)
        elif _usages(each, "permits") or "payment" in each:
            found.add(UNKNOWN if is_limited else RESERVED if "server" in terms else ALLOWED)
    return next((verdict for verdict in (ALLOWED, UNKNOWN, RESERVED) if verdict in found), None)


def _usages(licence: Mapping[str, Any], name: str) -> frozenset[str]:
    return frozenset(licence.get(name, {}).get("usage", ()))


def policy_signals(body: bytes) -> Iterator[Signal]:
    """Yield the rules about mining of an ODRL policy, to which a `tdm_policy` may lead."""
    policy = parse_object(body) or {}
    rules = dict[str, list[dict[str, Any]]]()
    for kind in ("permission", "prohibition"):
        given = policy.get(kind)
        listed = (rule for rule in (given if isinstance(given, list) else [given]) if isinstance(rule, dict))
        rules[kind] = [rule for rule in listed if _MINE.search(json_text(rule.get("action")))]
    if not any(rules.values()):
        return
    free = any(not rule.get("duty") and not rule.get("constraint") for rule in rules["permission"])
    verdict = ALLOWED if free and not rules["prohibition"] and not policy.get("obligation") else RESERVED
    value = json_text({kind: found for kind, found in rules.items() if found})
    yield stated("tdm_policy", "file", value, verdict=verdict, path="/", scope="path")


def xmp_signals(pdf: bytes) -> Iterator[Signal]:
    """Yield the TDMRep in the XMP packets of a PDF file, which are not compressed."""
    found = list[Signal]()
    for rest in pdf.split(_PACKET, PACKETS)[1:]:
        packet = _PACKET + rest.partition(_PACKET_END)[0][:DOCUMENT_BYTES] + _PACKET_END
        root = _xml(packet.decode("utf-8", "replace"))
        for element in root.iter() if root is not None else ():
            for name, value in ((element.tag, element.text or ""), *element.attrib.items()):
                if match := _TDMREP.fullmatch(name):
                    signal: SignalName = "tdm_policy" if match[1] == "policy" else "tdm_reservation"
                    found.append(stated(signal, "xmp", value))
    yield from found
    if not found and _TDMREP_IN_PDF.search(pdf):
        yield left_out("TDMRep within a PDF is not in an XMP packet that can be read")
