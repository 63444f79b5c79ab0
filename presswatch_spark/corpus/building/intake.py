"""From the rows of article files to articles, or to refusals with a reason. Nothing is dropped silently.

A row is refused for the first of these that applies: `unreadable`, `no_id`, `bad_type`, `unknown_title`,
`no_body`, `too_short`, `bad_date`; later, over the whole corpus, `duplicate` or `id_reused`. A missing date
is no mistake, and neither is one that stands for none (the first moment of 1970, the year 1): the article is
taken without a date, and counted. Dates are read as `moments` says, and by the formats that were declared.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from presswatch_spark.corpus.building.bodies import PlainText, plain_text
from presswatch_spark.corpus.building.excerpts import is_excerpt
from presswatch_spark.errors import ConfigError
from presswatch_spark.formats.table.whole_rows import NamedColumns, Unreadable, whole_rows
from presswatch_spark.judgement.sites import TitleSites
from presswatch_spark.moments import NoMomentError, is_placeholder, moment_of
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable
from presswatch_spark.tables.declarations import RefusedArticle
from presswatch_spark.text.words import word_count

REQUIRED_COLUMNS = frozenset({"article_id", "title_id", "url", "body"})
COLUMNS = (
    "article_id", "title_id", "url", "headline", "body", "published_at",
    "language", "authors", "agency_credit", "modified_at", "alternate_urls",
)  # fmt: skip
LIST_MARK = "|"

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that may become an article: `fields` are the columns of `layout.ARTICLES`.

    `placeholder`: it has a date of publication that stands for none, and that was left out.
    """

    row_index: int
    fields: dict[str, Any]
    placeholder: bool = False


class _RefusedError(Exception):
    """Carries a reason and a detail from a check to `_examine`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def article_columns(mapping: Mapping[str, str]) -> NamedColumns:
    """The columns to look for, by a mapping of our names to theirs; `ConfigError` if we have no such name."""
    unknown = sorted(mapping.keys() - set(COLUMNS))
    if unknown:
        raise ConfigError(
            f"articles have no column {', '.join(unknown)}",
            where="columns",
            remedy=f"map some of {', '.join(COLUMNS)}",
        )
    names = {ours: mapping.get(ours, ours) for ours in COLUMNS}
    return NamedColumns(names, REQUIRED_COLUMNS | mapping.keys())


def read_articles(
    info: ObjectInfo, titles: TitleSites, config: CorpusConfig, storage: StorageOptions
) -> Iterator[Candidate | RefusedArticle]:
    """Examine every row of one article file, in order. `titles` are those that the registry knows.

    Raises: as `whole_rows`; a file that cannot be read to its end yields no corpus.
    """
    source = printable(info.uri)
    for index, row in whole_rows(info, article_columns(config.columns), storage, config.encoding):
        if isinstance(row, Unreadable):
            yield RefusedArticle(
                source=source,
                row_index=index,
                article_id=None,
                title_id=None,
                reason="unreadable",
                detail=row.detail,
            )
            continue
        try:
            yield _examine(index, row, titles, config)
        except _RefusedError as refused:
            yield RefusedArticle(
                source=source,
                row_index=index,
                article_id=_readable(row["article_id"]),
                title_id=_readable(row["title_id"]),
                reason=refused.reason,
                detail=refused.detail,
            )


def _examine(index: int, row: Mapping[str, Any], titles: TitleSites, config: CorpusConfig) -> Candidate:
    for value in row.values():
        if isinstance(value, Unreadable):
            raise _RefusedError("unreadable", value.detail)
    article_id, title_id = _id(row, "article_id"), _id(row, "title_id")
    if article_id is None:
        raise _RefusedError("no_id", "`article_id` is missing or empty")
    if title_id not in titles.title_ids:
        why = "is missing or empty" if title_id is None else "is not in the members file"
        raise _RefusedError("unknown_title", f"`title_id` {why}")
    fields: dict[str, Any] = {"article_id": article_id, "title_id": title_id}
    fields |= {name: _text(row[name], name) for name in ("url", "headline", "language", "agency_credit")}
    fields |= {name: _texts(row, name) for name in ("authors", "alternate_urls")}
    if fields["headline"]:
        fields["headline"] = plain_text(fields["headline"]).text
    body = _body(row, config)
    words = word_count(body.text.encode())
    if words < config.min_article_words:
        raise _RefusedError("too_short", f"{words} words, fewer than {config.min_article_words}")
    dates = {name: _moment(row, name, config.date_formats) for name in ("published_at", "modified_at")}
    kept = {name: None if when and is_placeholder(when) else when for name, when in dates.items()}
    placeholder = kept["published_at"] != dates["published_at"]
    url = fields["url"]
    fields |= {
        "body": body.text,
        "words": words,
        "is_excerpt": is_excerpt(body.text),
        "body_format": body.format,
        "body_repaired": body.repaired,
        "url_on_title": titles.title_at(url) == title_id if url else None,
    }
    return Candidate(index, fields | kept, placeholder)


def _body(row: Mapping[str, Any], config: CorpusConfig) -> PlainText:
    given = _text(row["body"], "body")
    if given is None:
        raise _RefusedError("no_body", "`body` is missing or empty")
    body = plain_text(given, config.body_format)
    if not body.text.strip():
        raise _RefusedError("no_body", "`body` is HTML without text")
    return body


def _id(row: Mapping[str, Any], name: str) -> str | None:
    """An id; whole numbers are taken as their decimal digits."""
    value = row[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value, name)


def _text(value: Any, name: str) -> str | None:
    """Text, or None if it is missing or blank. Lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise _RefusedError("unreadable", f"`{name}` is not UTF-8") from None
    if value is None or value == "" or (isinstance(value, str) and value.isspace()):
        return None
    if not isinstance(value, str):
        raise _RefusedError("bad_type", f"`{name}` is {_kind(value)}, not text")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", value)
    return value


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts; a single text is split at `|`."""
    value = row[name]
    if value is None:
        return []
    parts = value.split(LIST_MARK) if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise _RefusedError("bad_type", f"`{name}` is {_kind(value)}, not a list of texts")
    texts = (_text(part, name) for part in parts)
    return [text.strip() for text in texts if text is not None]


def _moment(row: Mapping[str, Any], name: str, formats: Sequence[str]) -> datetime | None:
    value = _text(row[name], name) if isinstance(row[name], bytes) else row[name]
    if isinstance(value, bool | list | dict) or (isinstance(value, float) and not math.isfinite(value)):
        raise _RefusedError("bad_type", f"`{name}` is {_kind(value)}, not a date")
    try:
        return moment_of(value, formats)
    except NoMomentError as error:
        raise _RefusedError("bad_date", f"`{name}` {error}") from None


def _kind(value: object) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")


def _readable(value: object) -> str | None:
    return _SURROGATES.sub("\ufffd", str(value)) if isinstance(value, str | int) else None
