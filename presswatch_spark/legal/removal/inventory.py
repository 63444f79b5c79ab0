"""An inventory of a release: size, ETag and time of each file, as proof that none was modified."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.threads import AskingThreads
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.legal.removal.case import Chain, RemovalCase
from presswatch_spark.legal.removal.server_answers import ask_part, finding, probe_of
from presswatch_spark.storage.host_limits import BlockedError, forget_hosts
from presswatch_spark.storage.http_exchanges import seconds_of_date
from presswatch_spark.storage.objects import StorageOptions, shown_uri
from presswatch_spark.tables.declarations import Probe, ReleaseFile

FILES_AT_ONCE = 16
FILES_WRITTEN = 1_000
_OF_PROBE = tuple(name for name in ReleaseFile.columns if name in Probe.columns)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The result of an inventory: `files` of the release, `outcomes`, files `changed` since the notice."""

    number: int
    files: int
    outcomes: Mapping[str, int]
    undated: int
    since: datetime
    changed: tuple[str, ...]
    newest: datetime | None
    blocked: str | None

    @property
    def is_complete(self) -> bool:
        """Return whether every file was requested."""
        return sum(self.outcomes.values()) == self.files


def take_inventory(
    case: RemovalCase,
    release: str,
    format: str,
    uris: Sequence[str],
    storage: StorageOptions,
    tell: Callable[[Sentence], None] = lambda news: None,
) -> Inventory:
    """Request size, ETag and time of each file of a release; add them to a case, or resume an inventory.

    `uris`: the files, as named by the list of the release. Files modified since the day of the notice count
    as changed. Raises `InputError` if there are no files, and `BrokenCaseError` if the chain is broken.
    """
    if not uris:
        raise InputError("the release has no files", where=release, remedy="check its name")
    forget_hosts()
    with case.held():
        rows, notes = case.release_files(), case.notes("inventories")
        number, about, blocked = len(notes), {"release": release, "format": format}, None
        is_begun = bool(notes) and about.items() <= notes[-1].items()
        found = [row for row in rows if is_begun and row.inventory == number]
        if not is_begun or len(found) >= len(uris):
            number, found = number + 1, []
            case.note("inventories", number, {"number": number, **about, "files": len(uris)})
        chain, done = Chain.of(case, rows, "release_files"), {row.file_uri for row in found}
        left = [uri for uri in uris if shown_uri(uri) not in done]
        of_all: dict[str, Any] = {"inventory": number, **about}
        for first in range(0, len(left), FILES_WRITTEN):
            answers = request_files(left[first : first + FILES_WRITTEN], storage)
            files = [
                ReleaseFile(**of_all, **{name: getattr(each, name) for name in _OF_PROBE})
                for each in answers
                if not isinstance(each, str)
            ]
            found += chain.append(number, files)
            news = N_("inventory {number}: {done} of {files} files")
            tell(sentence(news, number=number, done=len(found), files=len(uris)))
            if blocked := next((answer for answer in answers if isinstance(answer, str)), None):
                break

    since = datetime.combine(case.noticed_on, time(), UTC)
    there = [row for row in found if row.outcome == "same"]
    seconds = {row.file_uri: seconds_of_date(row.last_modified or "") for row in there}
    modified = {uri: datetime.fromtimestamp(each, UTC) for uri, each in seconds.items() if each is not None}
    return Inventory(
        number,
        len(uris),
        Counter(row.outcome for row in found),
        undated=len(there) - len(modified),
        changed=tuple(sorted(uri for uri, moment in modified.items() if moment >= since)),
        since=since,
        newest=max(modified.values(), default=None),
        blocked=blocked,
    )


def request_files(uris: Sequence[str], storage: StorageOptions) -> Sequence[Probe | str]:
    """Request the first byte of each file; return a probe of it, or why it was not requested."""

    def one(uri: str) -> Probe | str:
        try:
            part = ask_part(uri, 0, 1, storage)
        except BlockedError as error:
            return str(error)
        return probe_of("file", part.facts, part.failure or finding("same"))

    with AskingThreads(FILES_AT_ONCE, "inventory") as pool:
        return list(pool.map(one, uris))
