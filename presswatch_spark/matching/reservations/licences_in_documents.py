"""Finds licences in documents: RSL 1.0, policies of TDMRep in ODRL, and TDMRep in the XMP of PDF files.

A licence against payment, under a duty, or by agreement with a server permits nothing by itself, so it
reserves the use. XML with a DOCTYPE is refused, as it may define entities.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import Any
from xml.etree import ElementTree

from presswatch_spark.core.scan_values import Capture
from presswatch_spark.core.terminal import json_text
from presswatch_spark.matching.reservations.verdicts import (
    ALLOWED,
    DOCUMENT_BYTES,
    RESERVED,
    RULES_READ,
    UNKNOWN,
    Signal,
    bounded,
    left_out,
    place_from,
    place_of,
    stated,
)
from presswatch_spark.reading.http.message import UTF_8, to_utf8
from presswatch_spark.reading.rows.lenient_json import parse_object
from presswatch_spark.tables.column_values import SignalName, Use

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
