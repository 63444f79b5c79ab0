"""A notice on disk or S3: its files under SHA256SUMS, and its events beside them.

N/letter.docx letter.pdf form.txt notice.json
N/annex/rows.csv rows.xlsx rows.jsonl, and the same of urls and domains
N/SHA256SUMS           digests of all of these; written last
N/events/0001.json …   what happened since; only added to
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presswatch_spark.errors import OutputError
from presswatch_spark.evidence.libraries import library
from presswatch_spark.notices.events import DRAFTED, EDITED, FOLDER, Event, add_event, events_in, newest
from presswatch_spark.notices.wording import Sentence, sentence
from presswatch_spark.storage.disk import disk_errors, file_sha256
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, StorageOptions

SUMS, NOTICE, LETTER, PDF, FORM = "SHA256SUMS", "notice.json", "letter.docx", "letter.pdf", "form.txt"
ANNEX = "annex"
SCHEMA = Path(__file__).with_name("notice.schema.json")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that was drafted. `about` is its notice.json, `sums` the digests of SHA256SUMS by name."""

    folder: Folder
    about: Mapping[str, Any]
    sums: Mapping[str, str]
    events: tuple[Event, ...]

    @classmethod
    def open(cls, path: str, storage: StorageOptions) -> "Notice":
        """Open a notice; `OutputError` if there is none, or its events have changed."""
        folder = Folder.of(path, storage)
        try:
            sums = dict(_sums_in(folder.read(SUMS)[0].decode()))
            about = parse_json(folder.read(NOTICE)[0])
            if not isinstance(about, dict):
                raise ValueError("it is no object")
        except MissingError as error:
            raise OutputError(
                "this is no notice", where=str(folder), remedy="name the --out of `notice draft`"
            ) from error
        except (ValueError, UnicodeDecodeError) as error:
            raise OutputError(
                f"{NOTICE} or {SUMS} cannot be read", where=str(folder), remedy="draft the notice again"
            ) from error
        return cls(folder, about, sums, tuple(events_in(folder)))

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of SHA256SUMS, which stands for all files."""
        return hashlib.sha256(self.folder.read(SUMS)[0]).hexdigest()

    def holds(self, kind: str) -> bool:
        """Return whether something happened to the notice, such as `SIGNED`, since it last changed."""
        found, edited = newest(self.events, kind), newest(self.events, EDITED)
        if found is None or found.sums != self.digest:
            return False
        return edited is None or edited.number < found.number

    def files(self) -> dict[str, bytes]:
        """Return the files of the notice by name, without its events."""
        names = [name for name in self.folder.names() if not name.startswith(f"{FOLDER}/") and name != SUMS]
        return {name: self.folder.read(name)[0] for name in names}


@contextmanager
def new_notice(path: str, storage: StorageOptions) -> Iterator[Path]:
    """Give a local folder to fill; when the block ends well, it becomes the notice at `path`, as a whole.

    Raises:
        OutputError: `path` holds something, or cannot be written; then nothing is there.
    """
    with disk_errors(path), new_folder(path, storage, SUMS, private=True) as draft:
        yield draft
        _finish(draft)


def _finish(folder: Path) -> None:
    """Write the digests of all files, and the event that they were drafted."""
    names = sorted(_names(folder))
    text = "".join(f"{file_sha256(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text, encoding="utf-8")
    add_event(Folder.of(str(folder), StorageOptions()), (), DRAFTED, file_sha256(folder / SUMS))


def _names(folder: Path) -> Iterator[str]:
    yield from (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _sums_in(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        digest, mark, name = line.partition("  ")
        if len(digest) != 64 or not mark or not name:
            raise ValueError("a line is no digest with a name")
        yield name, digest


def schema() -> dict[str, Any]:
    """Return the schema."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return found


def validated(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a notice that fits the schema; `ValueError` says where it does not."""
    if fault := fault_of(about):
        raise ValueError(f"notice.json does not fit its schema: {fault}")
    return about


def fault_of(about: Mapping[str, Any]) -> Sentence | None:
    """Return where a notice does not fit the schema, and how; None if it fits.

    Raises:
        ConfigError: jsonschema is not installed.
    """
    validator = library("jsonschema").Draft202012Validator(schema())
    faults = sorted(validator.iter_errors(about), key=lambda each: list(map(str, each.absolute_path)))
    if not faults:
        return None
    place = "/".join(map(str, faults[0].absolute_path)) or "/"
    return sentence("{place}: it breaks the rule `{rule}`", place=place, rule=faults[0].validator)
