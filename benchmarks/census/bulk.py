"""Rows of an index by the hundred thousand: the columns of `material.row_of`, made as whole columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tests.world.index_files import (
    CRAWL,
    HOSTS,
    LANGUAGES,
    SCHEMA,
    SLUGS,
    START,
    STATUSES,
    WORDS,
    surt,
)

SEGMENTS, FILES_A_SEGMENT = 100, 1_000
QUERY_SHARE = 0.15
BASE32 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", np.uint8)
DIGEST_CHARACTERS = 32

Rng = np.random.Generator
Places = npt.NDArray[np.int64]


def table_of(rng: Rng, domains: Sequence[str], owners: Places, subset: str) -> pa.Table:
    """Captures in the order of their keys, one for each of `owners`, which are places in `domains`."""
    owners = rng.permutation(owners)
    count = len(owners)
    columns = {**_place_columns(rng, domains, owners, subset), **_record_columns(rng, count, subset)}
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in SCHEMA
    ]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return table.take(pc.sort_indices(table["url_surtkey"]))


def _place_columns(rng: Rng, domains: Sequence[str], owners: Places, subset: str) -> dict[str, pa.Array]:
    """The columns that the URL decides."""
    count, at = len(owners), pa.array(owners)
    name, tld = (pa.array([domain.split(".")[k] for domain in domains]).take(at) for k in (0, 1))
    domain = pa.array(domains).take(at)
    chosen = pa.array(rng.integers(0, len(HOSTS), count))
    host = _joined(pa.array(HOSTS).take(chosen), domain)
    path = pa.array(["/robots.txt"] * count) if subset == "robotstxt" else _paths(rng, count)
    with_query = (rng.random(count) < QUERY_SHARE) & (subset != "robotstxt")
    query = _joined("id=", pa.array(rng.integers(0, 10**6, count)).cast(pa.string()))
    query = pc.if_else(pa.array(with_query), query, None)
    tail = _joined(path, pc.fill_null(_joined("?", query), ""))
    # The key of a host is that of its domain, and a label more: of `www.` none.
    heads = pa.array([surt(domain, "").removesuffix(")") for domain in domains]).take(at)
    labels = [prefix.removesuffix(".") for prefix in HOSTS]
    more = pa.array([f",{label})" if label not in ("", "www") else ")" for label in labels]).take(chosen)
    label = pa.array([label or None for label in labels]).take(chosen)
    return {
        "url_surtkey": _joined(heads, more, tail),
        "url": _joined("https://", host, tail),
        "url_host_name": host,
        "url_host_tld": tld,
        "url_host_2nd_last_part": name,
        "url_host_3rd_last_part": label,
        "url_host_registry_suffix": tld,
        "url_host_registered_domain": domain,
        "url_host_private_suffix": tld,
        "url_host_private_domain": domain,
        "url_host_name_reversed": _joined(tld, ".", name, pc.fill_null(_joined(".", label), "")),
        "url_protocol": pa.array(["https"] * count),
        "url_path": path,
        "url_query": query,
    }


def _record_columns(rng: Rng, count: int, subset: str) -> dict[str, pa.Array]:
    """The columns of fetch, content and record."""
    times = np.datetime64(START.replace(tzinfo=None), "us") + rng.integers(0, 10**6, count) * 10**6
    numbers = range(SEGMENTS)
    segments = [f"17{number:04}{number * 7919:06}.{number}" for number in numbers]
    folders = [
        f"crawl-data/{CRAWL}/segments/{segment}/{subset}/CC-MAIN-{_hours(number)}-"
        for number, segment in zip(numbers, segments, strict=True)
    ]
    ends = [f"{number:05}.warc.gz" for number in range(FILES_A_SEGMENT)]
    segment = pa.array(rng.integers(0, SEGMENTS, count))
    kind = ("text/plain", "text/plain") if subset == "robotstxt" else ("text/html", "application/xhtml+xml")
    columns: dict[str, pa.Array] = {
        "fetch_time": pa.array(times),
        "fetch_status": pa.array(rng.choice(STATUSES[subset], count)),
        "content_digest": _digests(rng, count),
        "content_mime_type": pa.array([kind[0]] * count),
        "content_mime_detected": pa.array([kind[1]] * count),
        "warc_filename": _joined(pa.array(folders).take(segment), _drawn(rng, ends, count)),
        "warc_record_offset": pa.array(rng.integers(0, 10**9, count)),
        "warc_record_length": pa.array(rng.integers(500, 60_000, count)),
        "warc_segment": pa.array(segments).take(segment),
    }
    if subset == "warc":
        columns["content_charset"] = pa.array(["UTF-8"] * count)
        columns["content_languages"] = _drawn(rng, LANGUAGES, count)
    return columns


def _paths(rng: Rng, count: int) -> pa.Array:
    """Paths of one to four names, each form as often."""
    bounds = [count * n // len(SLUGS) for n in range(len(SLUGS) + 1)]
    parts = [
        _joined("/", *_between("/", [_slug(rng, words, end - first) for words in form]))
        for form, first, end in zip(SLUGS, bounds, bounds[1:], strict=False)
    ]
    return pa.concat_arrays(parts)


def _slug(rng: Rng, words: int, count: int) -> pa.Array:
    return _joined(*_between("-", [_drawn(rng, WORDS, count) for _ in range(words)]))


def _between(separator: str, parts: Sequence[pa.Array]) -> Iterator[pa.Array | str]:
    for number, part in enumerate(parts):
        if number:
            yield separator
        yield part


def _drawn(rng: Rng, values: Sequence[str | None], count: int) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(rng.integers(0, len(values), count)))


def _joined(*parts: pa.Array | str) -> Any:
    """Texts joined row by row; null where a part is null."""
    return pc.binary_join_element_wise(*parts, "")


def _digests(rng: Rng, count: int) -> pa.Array:
    """SHA-1 in base32, of nothing in particular."""
    letters = BASE32[rng.integers(0, len(BASE32), count * DIGEST_CHARACTERS, np.uint8)]
    ends = np.arange(count + 1, dtype=np.int32) * DIGEST_CHARACTERS
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(ends), pa.py_buffer(letters)])


def _hours(number: int) -> str:
    """When the files of a segment were begun and ended, as their names say it."""
    began = datetime.fromtimestamp(START.timestamp() + 10_000 * number, UTC)
    return f"{began:%Y%m%d%H%M%S}-{began + timedelta(hours=3):%Y%m%d%H%M%S}"
