"""What damage to a shard of records may do, and what it must not: lose pages in silence, give text away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from presswatch_spark.errors import PresswatchError
from presswatch_spark.formats import registry
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import ObjectInfo

# A text has another's words if it has so many bytes in a row of it.
WINDOW_BYTES = 40


@dataclass(frozen=True, slots=True)
class Found:
    """A page as it was read. `damage`: what its rows would say in `record_damage`."""

    url: str
    text: bytes
    damage: str | None


@dataclass(frozen=True)
class Undamaged:
    """A whole shard: its format, its bytes, and a path where its harmed twins may be written."""

    format: str
    data: bytes
    path: Path

    @cached_property
    def pages(self) -> list[Found]:
        """Its pages, as they are read when nothing is wrong."""
        found, complete = _read(self, self.data)
        assert complete
        assert {page.damage for page in found} == {None}
        return found

    @cached_property
    def owners(self) -> Mapping[bytes, str]:
        """Whose each window is that only one page has."""
        seen: dict[bytes, set[str]] = {}
        for page in self.pages:
            for window in _windows(page.text):
                seen.setdefault(window, set()).add(page.url)
        return {window: urls.pop() for window, urls in seen.items() if len(urls) == 1}


def harm_of(whole: Undamaged, what: str, data: bytes) -> str | None:
    """What the shard's harmed twin `data` does that none may do, in words; None if nothing.

    Letters of a page's own URL or text may change unseen where nothing has their checksum. A deletion that
    begins in one header and ends at the same place of the next makes one record of both; nothing tells. Nor
    does it of ARC, which has no digests, if it is just as long as a record.
    """
    found, complete = _read(whole, data)
    urls, texts = {page.url for page in whole.pages}, {page.text for page in whole.pages}
    fits = whole.format == "arc" or {page.text for page in found} < texts
    fused = "deleted" in what and len(found) == len(whole.pages) - 1 and fits
    if complete and len(found) < len(whole.pages) and not fused:
        return f"{what}: complete with {len(found)} of {len(whole.pages)} pages"
    for page in found:
        words_of = {whole.owners[window] for window in _windows(page.text) if window in whole.owners}
        if page.url in urls and words_of - {page.url} and page.damage is None and not fused:
            return f"{what}: {page.url} has text of {sorted(words_of - {page.url})}"
    return None


def _read(whole: Undamaged, data: bytes) -> tuple[list[Found], bool]:
    """The pages of `data`, and whether the shard would be `complete`."""
    whole.path.write_bytes(data)
    found, report = list[tuple[str, bytes, str | None, str | None]](), ReadReport()
    shard = ObjectInfo(str(whole.path), size=len(data))
    try:
        for batch in registry.named(whole.format).read(shard, ReadOptions(), report):
            for i in range(len(batch)):
                text = batch.text[batch.text_starts[i] : batch.text_ends[i]].tobytes()
                locator = batch.locate(i)
                found.append((batch.url_of(i), text, locator.damage, locator.record_encoding))
    except PresswatchError:
        report.add_defect("refused")
    pages = [
        Found(url, text, damage or ("checksum" if report.unverified and encoding != "gzip" else None))
        for url, text, damage, encoding in found
    ]
    return pages, not report.defects_total and report.bytes_read == len(data)


def _windows(text: bytes) -> set[bytes]:
    return {text[i : i + WINDOW_BYTES] for i in range(len(text) - WINDOW_BYTES + 1)}
