"""All signals of one capture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from presswatch_spark.formats.http.charsets import UTF_8, to_utf8
from presswatch_spark.formats.http.media import as_html, kind_of_content
from presswatch_spark.formats.http.site_files import site_file
from presswatch_spark.model import Capture
from presswatch_spark.rights.declaration import Signal, left_out
from presswatch_spark.rights.files import file_signals
from presswatch_spark.rights.headers import header_signals
from presswatch_spark.rights.jsonld import ACCESSIBLE, Part, object_signals, objects_of, parts_of, value_of
from presswatch_spark.rights.metas import meta_signals
from presswatch_spark.rights.paywall import paywall_signals
from presswatch_spark.rights.tags import ELEMENTS, PAGE_BYTES, elements_of

_TDMREP_IN_PDF = re.compile(rb"tdm[:-]?reservation", re.IGNORECASE)

SIGNALS = 200
"""The most that one capture gives; then a row says that there were more."""


def signals_of(capture: Capture) -> Iterator[Signal]:
    """Yield what a response declares, each once, in the order in which it is looked for.

    Files that declare for a whole site are read as such, everything else as a page. Hostile input gives few
    signals or none, never an error; time is linear in the page, of which `PAGE_BYTES` are read.
    """
    kind = site_file(capture.url)
    told = file_signals(capture, kind) if kind else _page_signals(capture)
    distinct = _distinct(told)
    yield from islice(distinct, SIGNALS)
    if next(distinct, None) is not None:
        yield left_out(f"more than {SIGNALS} signals", in_file=kind is not None)


def _distinct(signals: Iterator[Signal]) -> Iterator[Signal]:
    seen = set[Signal]()
    for signal in signals:
        if signal not in seen:
            seen.add(signal)
            yield signal


def _page_signals(capture: Capture) -> Iterator[Signal]:
    yield from header_signals(capture)
    kind = kind_of_content(capture.media_type, capture.body)
    if kind == "pdf" and _TDMREP_IN_PDF.search(capture.body):
        yield left_out("TDMRep within a PDF is not read")
    if kind != "html":
        return
    content = to_utf8(capture.body[:PAGE_BYTES], capture.encoding or UTF_8)
    page = bytes(as_html(content, capture.media_type))
    parts: list[Part] = []
    elements = elements_of(page)
    for element in islice(elements, ELEMENTS):
        if element.name != "script":
            yield from meta_signals(element)
            continue
        value = value_of(element.text)
        if value is None and ACCESSIBLE in element.text:
            yield Signal(
                "paywall", "json_ld", None, note=f"{ACCESSIBLE} stands in what cannot be read as JSON"
            )
        for item in objects_of(value):
            parts += parts_of(item)
            yield from object_signals(item)
    if next(elements, None) is not None:
        yield left_out(f"more than {ELEMENTS:,} elements that may declare something")
    longer = len(capture.body) > PAGE_BYTES
    yield from paywall_signals(parts, page, whole=not (capture.cut or longer))
    if capture.cut:
        yield left_out("the capture was cut")
    if longer:
        yield left_out(f"the page was read to {PAGE_BYTES >> 20} MiB")
