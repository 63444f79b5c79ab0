"""Where shards lie now: a copy of a release may stand for the place that a run read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from presswatch_spark.errors import ConfigError
from presswatch_spark.storage.uris import canonical, join, scheme_of


@dataclass(frozen=True, slots=True)
class Mirror:
    """What lies below `place` is looked for below `copy`; both are canonical, without a slash at the end."""

    place: str
    copy: str

    def of(self, uri: str) -> str | None:
        """Where the object at `uri` is to be found; None if it does not lie below the place.

        What leads out of the place by `..` does not: a table from elsewhere must not name other files.
        """
        if uri == self.place:
            return self.copy
        folder = f"{self.place.rstrip('/')}/"
        if not uri.startswith(folder):
            return None
        key = uri.removeprefix(folder)
        key = unquote(key) if scheme_of(self.place).startswith("http") else key
        return None if "\0" in key or ".." in key.split("/") else join(self.copy, key)


def parse_mirror(text: str) -> Mirror:
    """Read `FROM=TO`, divided at the first `=`; `ConfigError` if it has not both."""
    place, _, copy = text.partition("=")
    if not (place and copy):
        raise ConfigError(f"{text!r} is no mirror", remedy="write --mirror FROM=TO, e.g. s3://bucket=/disk")
    return Mirror(_folder(place), _folder(copy))


def mirrored(uri: str, mirrors: Sequence[Mirror]) -> str:
    """Where the object at `uri` is to be found: by the first mirror that has its place, else at `uri`."""
    return next((found for mirror in mirrors if (found := mirror.of(uri))), uri)


def _folder(uri: str) -> str:
    return canonical(uri).rstrip("/") or "/"
