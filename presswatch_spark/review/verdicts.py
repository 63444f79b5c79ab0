"""The file of verdicts: JSONL that `claims --reviews` reads, to which several reviewers may add at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from presswatch_spark.claims.reviews import Review, reviews_in, whole_lines
from presswatch_spark.errors import ConfigError, OutputError
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    StorageOptions,
    canonical,
    printable,
    read_object,
    write_object,
)

ENDING = ".jsonl"
NONE, DISPUTED = "none", "disputed"
TRIES = 50
"""How often a verdict is written anew because another process wrote one meanwhile."""


@dataclass(frozen=True, slots=True)
class ReviewFile:
    """A file of verdicts on disk or S3, by its canonical URI. Verdicts are only added."""

    uri: str
    storage: StorageOptions

    @classmethod
    def of(cls, path: str, storage: StorageOptions) -> Self:
        """Return the file at a path, which need not be there yet; `ConfigError` if it is no JSONL."""
        uri = canonical(path)
        if not uri.endswith(ENDING):
            raise ConfigError(
                "verdicts are added to JSONL alone",
                where=printable(path),
                remedy=f"name a file that ends in {ENDING}",
            )
        return cls(uri, storage)

    def __str__(self) -> str:
        return printable(self.uri)

    def read(self) -> list[Review]:
        """Return all verdicts, in the order in which they were added; `ConfigError` lists mistakes."""
        return reviews_in(self.uri, self._data()[0])

    def add(self, row: str, verdict: str, reviewer: str, note: str) -> Review:
        """Add a verdict behind all others, and return it once it is stored.

        The file is replaced as a whole, and only if nobody changed it since it was read: so no verdict is
        lost, and none is there in part.

        Raises:
            OutputError: an older verdict on the row has a later time, and would count in its place; or others
                write all the time.
            ConfigError: the file has mistakes, and `claims` could not read it.
            StorageError: it cannot be written. Nothing was added then.
        """
        for _ in range(TRIES):
            data, etag = self._data()
            now = datetime.now(UTC)
            if any(each.row_sha256 == row and each.at >= now for each in reviews_in(self.uri, data)):
                raise OutputError(
                    "a verdict on this row has a later time than now, and would count in the place of yours",
                    where=str(self),
                    remedy="set the clock of this machine",
                )
            added = Review(row, verdict, reviewer, now, note)
            kept = whole_lines(self.uri, data)
            missing_end = b"\n" if kept and not kept.endswith(b"\n") else b""
            whole = kept + missing_end + added.line()
            try:
                write_object(self.uri, whole, self.storage, absent=etag is None, etag=etag, private=True)
            except ConflictError:
                continue
            return added
        raise OutputError("others write verdicts all the time", where=str(self), remedy="judge it again")

    def _data(self) -> tuple[bytes, str | None]:
        try:
            return read_object(self.uri, self.storage)
        except MissingError:
            return b"", None


def by_row(reviews: Iterable[Review]) -> dict[str, list[Review]]:
    """Return the verdicts of each row, oldest first; of one moment, the one that was added last is newest."""
    found = dict[str, list[Review]]()
    for review in sorted(reviews, key=lambda each: each.at):
        found.setdefault(review.row_sha256, []).append(review)
    return found


def states_of(verdicts: Mapping[str, list[Review]]) -> dict[str, str]:
    """Return the state of each row: its newest verdict, or `disputed` if reviewers do not agree.

    Of each reviewer, the newest verdict counts.
    """
    return {
        row: DISPUTED
        if len({review.verdict for review in {each.reviewer: each for each in given}.values()}) > 1
        else given[-1].verdict
        for row, given in verdicts.items()
    }
