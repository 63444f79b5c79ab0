"""Reads a page's metadata: the elements that declare something; publisher, authors, date, canonical address.

JSON-LD counts first, its articles before its other objects; then Open Graph and other metas of the head. No
tree is built, so time is linear in the page; comments, raw text and templates are skipped.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urljoin

from presswatch_spark.core.scan_values import PUBLISHER_SOURCES, PageMetadata
from presswatch_spark.core.times import NoMomentError, is_placeholder, moment_of
from presswatch_spark.reading.rows.lenient_json import parse

PAGE_BYTES = 2 << 20
"""The bytes of a page that are read."""
TAG_BYTES = 64 << 10
ATTRIBUTES = 64
ELEMENTS = 2_000
"""The most elements of a page that are read; a signal reports if there are more."""

_NAMES = rb"(?:meta|link|script|style|title|textarea|xmp|iframe|noembed|noframes|template|plaintext)"
# Text, other tags with their quoted values, and declarations.
_OTHERS = (
    rb"(?:[^<]++|<(?!!--|" + _NAMES + rb"[\s/>])"
    rb"(?:(?:[!?]|/(?![a-z]))[^>]*+(?:>|\Z)"
    rb"|/?[a-z](?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>\"'][^\s>]*+)?+)*+(?:>|\Z))?+)*+"
)
_OPENING = re.compile(_OTHERS + rb"<(?:!--|(" + _NAMES + rb")(?=[\s/>]))", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"'][^\s>]*+)?))?"
)
_TAG_END = re.compile(rb"[\s/]*+>")
_COMMENT_END = re.compile(rb"--!?>")
_IN_SCRIPT = re.compile(rb"<!(?=--)|-->|<(/?)script(?=[\s/>])", re.IGNORECASE)
# A `type` with a character reference may mean JSON-LD without containing `ld+json`.
_OF_TYPE = rb"[a-z/+\x00-\x20\x80-\xff]"
_TYPE_WITH_REFERENCE = re.compile(
    rb"type\s*+=\s*+[\"']?+(?:" + _OF_TYPE + rb"{0,64}+&|" + _OF_TYPE + rb"{65})"
)


@dataclass(frozen=True, slots=True)
class HtmlElement:
    """A `meta`, `link` or `script`; names of attributes in lower case. `whole`: all attributes were read."""

    name: str
    attributes: Mapping[str, str]
    text: str = ""
    whole: bool = True

    def get(self, name: str) -> str:
        """Return an attribute, stripped; empty if there is none."""
        return self.attributes.get(name, "").strip()


def elements_of(page: bytes) -> Iterator[HtmlElement]:
    """Yield the `meta`, `link` and JSON-LD `script` elements of a page in UTF-8."""
    lowered, at = page.lower(), 0
    if _TYPE_WITH_REFERENCE.search(lowered):
        last = len(lowered)
    else:
        # Stop after the last of these elements: most pages have them in the head, a tenth of the page.
        last = max(map(lowered.rfind, (b"<meta", b"<link", b"ld+json")))
    while at <= last and (opening := _OPENING.match(page, at)):
        at = opening.end()
        if not opening[1]:
            # An unclosed comment reaches to the end of the page, and `<!-->` is whole.
            closing = _COMMENT_END.search(page, at - 2)
            at = closing.end() if closing else len(page)
            continue
        name = opening[1].lower()
        attributes, end_of_tag, whole = _attributes(page, at)
        # A plaintext element has no end: all that follows is text.
        if end_of_tag is None or name == b"plaintext":
            return
        at = end_of_tag
        if name in (b"meta", b"link"):
            yield HtmlElement(name.decode(), attributes, whole=whole)
            continue
        end = _end_of_script(page, at) if name == b"script" else lowered.find(b"</" + name, at)
        text = page[at : end if end >= 0 else len(page)]
        at += len(text)
        kind = attributes.get("type", "").partition(";")[0].strip().lower()
        if name == b"script" and kind == "application/ld+json":
            yield HtmlElement("script", attributes, text.decode("utf-8", "replace"))


def _end_of_script(page: bytes, at: int) -> int:
    """Return where a script ends; -1 if nowhere. Between `<!--` and `-->`, it may contain another script."""
    is_escaped = is_nested = False
    for sign in _IN_SCRIPT.finditer(page, at):
        if sign[1] is None:
            is_escaped = sign[0] == b"<!"
            is_nested = is_nested and is_escaped
        elif sign[1] and not is_nested:
            return sign.start()
        else:
            is_nested = is_escaped and not sign[1]
    return -1


def _attributes(page: bytes, at: int) -> tuple[dict[str, str], int | None, bool]:
    # Return attributes, the end of the tag (None if the page ends within it), and True if all were read.
    attributes: dict[str, str] = {}
    last = min(len(page), at + TAG_BYTES)
    for _ in range(ATTRIBUTES):
        if end := _TAG_END.match(page, at, last):
            return attributes, end.end(), True
        attribute = _ATTRIBUTE.match(page, at, last)
        if not attribute:
            break
        name = attribute[1].decode("utf-8", "replace").lower()
        value = attribute[2] or attribute[3] or attribute[4] or b""
        attributes.setdefault(name, html.unescape(value.decode("utf-8", "replace")))
        at = attribute.end()
    end_of_tag = page.find(b">", at)
    return attributes, end_of_tag + 1 if end_of_tag >= 0 else None, False


TEXT_CHARACTERS = 300
"""Longer names are cut to this length."""
URL_CHARACTERS = 2_048
"""A longer address is left out: if it were cut, it would be that of another page."""
AUTHORS = 20
SCRIPT_CHARACTERS = 1 << 20
OBJECTS = 20_000
"""The most objects of one script that are read, the outer ones first."""

_ARTICLE_TYPES = re.compile(r".*(?:Article|Posting|Report|Review|Story)", re.DOTALL)
_WITH_ZONE = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(?:[Zz]|[+-]\d{2}:?\d{2})", re.ASCII
)
_WITHOUT_ZONE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)?", re.ASCII)
_SCHEMES = ("http://", "https://")
_OWN_KEYS = ("@graph", "mainEntity", "mainEntityOfPage")
_METAS: Mapping[str, Sequence[str]] = {
    "publisher": ("dc.publisher", "dcterms.publisher", "publisher"),
    "site_name": ("og:site_name",),
    "author": ("article:author", "author", "dc.creator", "dcterms.creator", "sailthru.author"),
    "published_at": (
        "article:published_time", "og:article:published_time", "dcterms.created", "dc.date.issued", "date",
        "pubdate", "parsely-pub-date",
    ),
    "canonical_url": ("og:url",),
}  # fmt: skip

Item = dict[str, Any]


def page_metadata_of(page: bytes, url: str) -> PageMetadata:
    """Return the metadata of a page in UTF-8 that was captured at `url`. Never raises."""
    metas: dict[str, str] = {}
    objects: list[Item] = []
    canonical = ""
    for element in islice(elements_of(page), ELEMENTS):
        if element.name == "script":
            objects += islice(_own_objects(json_of_script(element.text)), OBJECTS - len(objects))
        elif element.name == "link":
            if "canonical" in element.get("rel").lower().split():
                canonical = canonical or element.get("href")
        elif content := element.get("content"):
            metas.setdefault((element.get("property") or element.get("name")).lower(), content)
    by_json = _of_objects(objects)
    by_meta = {field: [metas[name] for name in names if name in metas] for field, names in _METAS.items()}
    named = (by_json["publisher"], by_meta["publisher"], by_meta["site_name"])
    publishers = (
        (_first_text(texts), source) for source, texts in zip(PUBLISHER_SOURCES, named, strict=True)
    )
    publisher, source = next((found for found in publishers if found[0]), (None, None))
    return PageMetadata(
        publisher=publisher,
        publisher_source=source,
        author=_first_text([*by_json["author"], *by_meta["author"]]),
        published_at=_first_moment([*by_json["published_at"], *by_meta["published_at"]]),
        based_on=_first_address([text for text in by_json["based_on"] if "/" in text], url)
        or _first_text(by_json["based_on"]),
        canonical_url=_first_address([canonical, *by_meta["canonical_url"], *by_json["canonical_url"]], url),
    )


def _own_objects(value: Any) -> Iterator[Item]:
    # Yield the objects about the page itself: those of the script, of its graph, and their main entities.
    level = [value]
    while level:
        items = [item for each in level for item in (each if isinstance(each, list) else [each])]
        objects = [item for item in items if isinstance(item, dict)]
        yield from objects
        level = [
            item[name] for item in objects for name in _OWN_KEYS if isinstance(item.get(name), dict | list)
        ]


def _of_objects(objects: Sequence[Item]) -> dict[str, list[str]]:
    # Return values by field: of the first article, then of the first other object with a date.
    named = {item["@id"]: item for item in objects if isinstance(item.get("@id"), str) and "name" in item}
    articles = [item for item in objects if any(map(_ARTICLE_TYPES.fullmatch, _strings(item.get("@type"))))]
    dated = [item for item in objects if "datePublished" in item and not (articles and item is articles[0])]
    values: dict[str, list[str]] = {
        field: [] for field in ("publisher", "author", "published_at", "based_on", "canonical_url")
    }
    for item in [*articles[:1], *dated[:1]]:
        values["publisher"] += _names(item.get("publisher"), named)[:1]
        if authors := _names(item.get("author"), named):
            values["author"].append(", ".join(dict.fromkeys(authors)))
        values["published_at"] += _strings(item.get("datePublished"))
        values["based_on"] += _addresses(item.get("isBasedOn") or item.get("isBasedOnUrl"))
        values["canonical_url"] += [*_addresses(item.get("mainEntityOfPage")), *_addresses(item.get("url"))]
    return values


def _listed(value: object) -> list[Any]:
    return value[:AUTHORS] if isinstance(value, list) else [value]


def _strings(value: object) -> list[str]:
    return [each for each in _listed(value) if isinstance(each, str) and each.strip()]


def _names(value: object, named: Mapping[str, Item]) -> list[str]:
    # Return strings, and names of objects, also of those that the value refers to by `@id`.
    names: list[str] = []
    for each in _listed(value):
        if isinstance(each, dict):
            key = each.get("@id")
            there = each if "name" in each else named.get(key, {}) if isinstance(key, str) else {}
            names += _strings(there.get("name"))[:1]
        else:
            names += _strings(each)
    return [name for name in map(_tidy, names) if name]


def _addresses(value: object) -> list[str]:
    found: list[str] = []
    for each in _listed(value):
        if isinstance(each, dict):
            each = next((each[key] for key in ("url", "@id", "name") if isinstance(each.get(key), str)), None)
        found += _strings(each)
    return found


def _first_text(texts: Sequence[str]) -> str | None:
    names = (text[:TEXT_CHARACTERS] for text in map(_tidy, texts))
    return next((name for name in names if name and not name.lower().startswith(_SCHEMES)), None)


def _tidy(text: str) -> str:
    return " ".join(text[: 8 * TEXT_CHARACTERS].split()).encode("utf-8", "replace").decode()


def _first_moment(texts: Sequence[str]) -> datetime | None:
    # Return the first moment with a zone, else the first day.
    written = [text.strip() for text in texts]
    days = (found[1] for text in written if (found := _WITHOUT_ZONE.fullmatch(text)))
    for text in [*filter(_WITH_ZONE.fullmatch, written), *days]:
        try:
            moment = moment_of(text)
        except NoMomentError:
            continue
        if moment and not is_placeholder(moment):
            return moment
    return None


def _first_address(texts: Sequence[str], url: str) -> str | None:
    for text in map(str.strip, texts):
        if not text or len(text) > URL_CHARACTERS or any(map(str.isspace, text)):
            continue
        try:
            address = urljoin(url, text)
        except ValueError:
            continue
        if address.lower().startswith(_SCHEMES) and len(address) <= URL_CHARACTERS:
            return address.encode("utf-8", "replace").decode()
    return None


def json_of_script(script: str) -> Any:
    """Parse a script; None if it is no JSON, or too long. Line ends within strings are accepted."""
    text = script.strip().rstrip(";")
    if len(text) > SCRIPT_CHARACTERS:
        return None
    if text.startswith(("<", "/")):  # wrapped in a comment or CDATA
        text = f"[{text[text.find('{') : text.rfind('}') + 1]}]"
    try:
        return parse(text.encode("utf-8", "replace"))
    except ValueError:
        pass
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def objects_of(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in a value, outer ones first, `OBJECTS` at most."""
    level, seen = [value], 0
    while level:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                yield item
                seen += 1
                if seen == OBJECTS:
                    return
            if isinstance(item, dict | list):
                within = item.values() if isinstance(item, dict) else item
                inner += [each for each in within if isinstance(each, dict | list)]
        level = inner
