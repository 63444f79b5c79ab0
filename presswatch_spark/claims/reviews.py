"""Verdicts of people on claims; the newest verdict of each row counts."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import ConfigError, StorageError
from presswatch_spark.core.terminal import utc
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions, list_objects, read_object, shown_uri, stat
from presswatch_spark.storage.uris import SHA256, canonical
from presswatch_spark.tables.column_values import ReviewVerdict

VERDICTS: tuple[ReviewVerdict, ...] = get_args(ReviewVerdict)
COLUMNS = ("row_sha256", "verdict", "reviewer", "at", "note")
FORMATS = (".jsonl", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Review:
    """A verdict of a person on the row of a claim; `at` is in UTC."""

    row_sha256: str
    verdict: str
    reviewer: str
    at: datetime
    note: str

    def line(self) -> bytes:
        """Return the review as a line of JSON in ASCII."""
        at = self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return json.dumps(asdict(self) | {"at": at}).encode("ascii") + b"\n"


def load_reviews(
    paths: Sequence[str], storage: StorageOptions, tell: Callable[[Sentence], None] = lambda news: None
) -> dict[str, str]:
    """Return the newest verdict of each row, by `row_sha256`; of verdicts of the same time, the last.

    `paths`: files of JSONL, CSV or Parquet with `COLUMNS`, or folders of these. `tell` gets a message if the
    last line of JSONL is cut short. Raises `ConfigError` with all mistakes as `file:line: message`.
    """
    newest, mistakes = dict[str, Review](), list[str]()
    for path in paths:
        for uri in _files(path, storage):
            data = read_object(uri, storage)[0]
            whole = whole_lines(uri, data)
            reviews, found = _read(uri, whole)
            mistakes += found
            if torn := len(data) - len(whole):
                cut = N_("{file}: the last line is truncated ({torn} bytes), and was left out")
                tell(sentence(cut, file=shown_uri(uri), torn=torn))
            for review in reviews:
                if review.row_sha256 not in newest or newest[review.row_sha256].at <= review.at:
                    newest[review.row_sha256] = review
    _require_none(mistakes, ", ".join(paths))
    return {sha256: review.verdict for sha256, review in newest.items()}


def reviews_in(uri: str, data: bytes) -> list[Review]:
    """Return all verdicts of a file, in its order, by the ending of `uri`; raises as `load_reviews`."""
    reviews, mistakes = _read(uri, whole_lines(uri, data))
    _require_none(mistakes, shown_uri(uri))
    return reviews


def whole_lines(uri: str, data: bytes) -> bytes:
    """Return a file of reviews without a last line of JSONL that is cut short."""
    end = data.rfind(b"\n") + 1
    if not end or not uri.lower().endswith(".jsonl") or not data[end:].strip():
        return data
    try:
        parse_json(data[end:])
    except ValueError:
        return data[:end]
    return data


def _require_none(mistakes: Sequence[str], where: str) -> None:
    if mistakes:
        raise ConfigError("\n".join(["the reviews contain errors", *mistakes]), where=where)


def digest_of_reviews(reviews: Mapping[str, str]) -> str | None:
    """Return the SHA-256 (hex) of the verdicts that count, sorted by row; None if there are none."""
    if not reviews:
        return None
    return hashlib.sha256(json.dumps(sorted(reviews.items())).encode()).hexdigest()


def _files(path: str, storage: StorageOptions) -> list[str]:
    uri = canonical(path)
    if uri.lower().endswith(FORMATS):
        return [uri]
    try:
        stat(uri, storage)
        listed = []
    except StorageError:
        listed = sorted(file.uri for file in list_objects(uri, storage))
    named = [file for file in listed if file.lower().endswith(FORMATS)]
    if not named:
        raise ConfigError(
            "no reviews were found",
            where=shown_uri(path),
            remedy=f"pass a file that ends in {', '.join(FORMATS)}, or a folder of such files",
        )
    return named


def _read(uri: str, data: bytes) -> tuple[list[Review], list[str]]:
    reviews, mistakes = list[Review](), list[str]()
    for line, row in given_rows(uri, data):
        if not row.keys() - {"row_sha256"}:
            mistakes.append(f"{shown_uri(uri)}:{line}: this is not a row of a review")
            continue
        sha256, verdict, found = str(row.get("row_sha256") or ""), row.get("verdict"), list[str]()
        if not SHA256.fullmatch(sha256):
            found.append(f"row_sha256 {sha256!r} is not a SHA-256 of 64 lowercase hexadecimal digits")
        if verdict not in VERDICTS:
            found.append(f"verdict {verdict!r} is not one of {', '.join(VERDICTS)}")
        try:
            given = row.get("at")
            at = utc(given if isinstance(given, datetime) else datetime.fromisoformat(str(given)))
        except ValueError:
            found.append(f"at {row.get('at')!r} is not a time (write it as 2026-11-27T09:30:00Z)")
        if found:
            mistakes += [f"{shown_uri(uri)}:{line}: {mistake}" for mistake in found]
            continue
        reviewer, note = str(row.get("reviewer") or ""), str(row.get("note") or "")
        reviews.append(Review(sha256, str(verdict), reviewer, at, note))
    return reviews, mistakes


def given_rows(
    uri: str, data: bytes, errors: Literal["strict", "replace"] = "strict"
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of Parquet, CSV or JSONL with the numbers of their lines or, in Parquet, rows.

    A line of other text is the `row_sha256` of a row; an unreadable line gives an empty row. `errors`: as in
    `bytes.decode`, for text that is not UTF-8. Raises `ConfigError`.
    """
    try:
        if uri.lower().endswith(".parquet"):
            yield from enumerate(pq.read_table(pa.BufferReader(data)).to_pylist(), 1)
            return
        text = data.decode("utf-8-sig", errors)
        # Texts in JSON may contain U+2028 and U+0085, which are line ends for `splitlines`.
        lines = list(io.StringIO(text, newline=None))
        head = next(iter(lines), "")
        if "row_sha256" in head and not head.lstrip().startswith("{"):
            reader = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in head else ",")
            yield from ((reader.line_num, row) for row in reader)
            return
        for number, line in enumerate(lines, 1):
            if line.lstrip().startswith("{"):
                row = {}
                with suppress(ValueError):
                    row = parse_json(line)
                yield number, row
            elif line.strip():
                yield number, {"row_sha256": line.strip()}
    except (ValueError, pa.ArrowException, csv.Error) as error:
        raise ConfigError(
            f"the rows cannot be read: {error}",
            where=shown_uri(uri),
            remedy="pass JSONL, CSV or Parquet in UTF-8",
        ) from error
