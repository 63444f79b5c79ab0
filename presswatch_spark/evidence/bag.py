"""A bag (BagIt 1.0, RFC 8493): its layout, its seal, and a folder that gets its name when it is complete.

The order matters. The payload's manifests come first, then the seal, which covers them, then time-stamps of
the seal, and the manifests of all these last.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from presswatch_spark.errors import CorruptError, OutputError
from presswatch_spark.evidence import verify
from presswatch_spark.storage.disk import Folder, fetch_file, refused, sync
from presswatch_spark.storage.drafts import hidden_draft, new_folder
from presswatch_spark.storage.file_locks import BAG, file_locked
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, StorageOptions
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.tables.digests import canonical_form
from presswatch_spark.version import __version__

DECLARATION = "bagit.txt"
INFO = "bag-info.txt"
ARTICLES, SETTINGS, PAGES = "data/corpus/articles.jsonl", "data/settings.json", "data/pages"
"""Digests of articles, settings of runs, and the folder of the documents of claims."""
_BEFORE = ".before/"
_BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Bag:
    """A folder with the files of a bag, by names with `/`."""

    folder: Path

    def write(self, name: str, data: bytes) -> None:
        """Write a file, in the place of one of that name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as JSON in canonical form."""
        self.write(name, f"{canonical_form(value)}\n".encode())

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        return (self.folder / name).read_bytes()

    def names(self, below: str = "") -> list[str]:
        """Return the sorted names of all files below a folder of the bag."""
        found = (self.folder / below).rglob("*")
        return sorted(path.relative_to(self.folder).as_posix() for path in found if path.is_file())

    def measured(self) -> verify.Measured:
        """Return bytes, SHA-256 and SHA-512 of all files, by name."""
        return {name: verify.measured_file(str(self.folder / name)) for name in self.names()}

    def seal(self, about: Mapping[str, Any], description: str) -> None:
        """Write the declaration, manifests and seal of the payload; `finish` comes after this.

        Args:
            about: the members of the seal besides roots and digests.
            description: of the payload, for `bag-info.txt`.
        """
        self._declare(description, Path(verify.__file__).read_bytes())
        self._write_manifests("manifest", self.measured(), _is_payload)
        measured, lines = self.measured(), verify.lines_of(self.read(verify.ROWS))
        bag, claims = bag_leaves(lines, measured), claim_leaves(lines, measured)
        manifests = [name for name in measured if name.startswith("manifest-")]
        seal = {
            "format": verify.SEAL_FORMAT,
            "merkle": "RFC 9162, 2.1, SHA-256",
            "claims": len(lines),
            "bag_root": verify.merkle_root(bag).hex(),
            "bag_leaves": len(bag),
            "claims_root": verify.merkle_root(claims).hex(),
            "claims_leaves": len(claims),
            "manifests": {name: list(measured[name][1:]) for name in manifests},
            **about,
        }
        self.write_json(verify.SEAL, seal)

    def carry(self, whole: Bag, description: str) -> None:
        """Write the declaration and manifests of a part, with seal and `verify.py` of the whole bag."""
        self._declare(description, whole.read(verify.VERIFIER))
        self._write_manifests("manifest", self.measured(), _is_payload)
        self.write(verify.SEAL, whole.read(verify.SEAL))

    def finish(self) -> None:
        """Write the manifests of all but the payload, and read the whole bag back.

        Raises:
            CorruptError: it does not verify, so its disk has lost or changed bytes.
        """
        self._write_manifests("tagmanifest", self.measured(), _is_tag)
        self._read_back()

    def _read_back(self) -> None:
        if fault := first_fault(self.folder):
            raise CorruptError(
                f"the bag that was written does not verify: {fault}",
                where=str(self.folder),
                remedy="check the disk, and give the command again",
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from adding to the bag in the block, but on NFS, which locks no folders.

        Raises:
            InUseError: another process adds to it.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(file_locked(self.folder, BAG))
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise refused(self.folder, error) from error
            yield

    def add(self, files: Mapping[str, bytes]) -> None:
        """Add files that belong to a finished bag, such as time-stamps: all of them, or none.

        All is written beside the bag first, with room for what it replaces. Then names change, which needs
        no more room; whatever fails is taken back.

        Raises:
            CorruptError: the bag does not verify with them, so its disk has lost or changed bytes.
        """
        with hidden_draft(self.folder) as beside:
            draft = Bag(beside / "files")
            draft.folder.mkdir()
            for name, data in files.items():
                draft.write(name, data)
            measured = self.measured() | draft.measured()
            draft._write_manifests("tagmanifest", measured, _is_tag)
            names = sorted(draft.names(), key=lambda name: name.startswith("tagmanifest-"))
            before = {name for name in names if (self.folder / name).exists()}
            new_folders = {folder for name in names if not (folder := (self.folder / name).parent).exists()}
            for name in before:
                draft.write(f"{_BEFORE}{name}", self.read(name))
            os.sync()
            try:
                for name in names:
                    (self.folder / name).parent.mkdir(exist_ok=True)
                    (draft.folder / name).replace(self.folder / name)
                self._read_back()
                sync(str(self.folder))
            except BaseException:
                for name in names:
                    if name in before:
                        (draft.folder / f"{_BEFORE}{name}").replace(self.folder / name)
                    else:
                        (self.folder / name).unlink(missing_ok=True)
                # A bag with an empty folder does not verify.
                for folder in new_folders:
                    with suppress(OSError):
                        folder.rmdir()
                raise

    def _declare(self, description: str, verifier: bytes) -> None:
        self.write(verify.VERIFIER, verifier)
        self.write(DECLARATION, _BAGIT)
        payload = self.names("data")
        size = sum((self.folder / name).stat().st_size for name in payload)
        fields = {
            "Bagging-Date": f"{datetime.now(UTC):%Y-%m-%d}",
            "Bag-Software-Agent": f"presswatch-spark {__version__}",
            "External-Description": description,
            "Payload-Oxum": f"{size}.{len(payload)}",
        }
        lines = (f"{name}: {' '.join(verify.shown(text).split())}\n" for name, text in fields.items())
        self.write(INFO, "".join(lines).encode())

    def _write_manifests(
        self, kind: str, measured: verify.Measured, is_listed: Callable[[str], bool]
    ) -> None:
        for place, algorithm in enumerate(verify.ALGORITHMS, 1):
            digests = {name: str(facts[place]) for name, facts in measured.items() if is_listed(name)}
            self.write(f"{kind}-{algorithm}.txt", verify.manifest_text(digests).encode())


def first_fault(folder: Path) -> str | None:
    """Return the first file of a bag that is not as it was sealed, with its fault; None if all are."""
    return named_faults(verify.check(str(folder)).faults, 1) or None


def named_faults(faults: Mapping[str, str], most: int) -> str:
    """Return the first faults of a bag, each with its file; "" if there are none."""
    return "; ".join(f"{verify.shown(name)} {what}" for name, what in sorted(faults.items())[:most])


def bag_leaves(lines: Sequence[bytes], measured: verify.Measured) -> list[bytes]:
    """Return the hashes of the leaves of the tree of a bag: its rows, then its files."""
    files = [verify.file_leaf(name, measured) for name in verify.files_of_bag(measured)]
    return [verify.line_leaf(line) for line in lines] + files


def claim_leaves(lines: Sequence[bytes], measured: verify.Measured) -> list[bytes]:
    """Return the hashes of the leaves of the tree of claims: the rows, then the files of the corpus."""
    files = [verify.file_leaf(name, measured) for name in verify.files_of_claims(measured)]
    return [verify.claim_leaf(line) for line in lines] + files


def claims_root_of(bag: Bag) -> str:
    """Return the root of the claims that the seal will have; rows and the corpus's files must be there."""
    names = bag.names("data/corpus")
    measured = {name: verify.measured_file(str(bag.folder / name)) for name in names}
    return verify.merkle_root(claim_leaves(verify.lines_of(bag.read(verify.ROWS)), measured)).hex()


def sealed_facts(folder: Path) -> dict[str, Any]:
    """Return the seal of a bag; `OutputError` if there is none."""
    try:
        seal: dict[str, Any] = parse_json((folder / verify.SEAL).read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(
            "this is no sealed bag: its seal is missing or cannot be read",
            where=str(folder),
            remedy="name the folder given as --out to `presswatch evidence build`",
        ) from error
    return seal


@contextmanager
def new_bag(out: str, storage: StorageOptions) -> Iterator[Bag]:
    """Give a new bag; when the block ends well, it is put at `out`, on disk or S3, whole or not at all.

    Raises:
        OutputError: there is something, it cannot be written, or another process is writing it.
    """
    with new_folder(out, storage, DECLARATION, private=True) as folder:
        yield Bag(folder)


def _is_payload(name: str) -> bool:
    return name.startswith("data/")


def _is_tag(name: str) -> bool:
    return not name.startswith(("data/", "tagmanifest-"))


@contextmanager
def bag_on_disk(path: str, storage: StorageOptions) -> Iterator[Path]:
    """Give the folder of a bag; one on S3 is copied to this host for as long as the block lasts."""
    folder = Folder.of(path, storage)
    if folder.is_local:
        if not folder.path.is_dir():
            raise OutputError("there is no such folder", where=path, remedy="name a bag")
        yield folder.path
        return
    with scratch_folder() as scratch:
        names = list(folder.entries())
        if not names:
            raise MissingError("there is no bag", where=path, remedy="name a bag")
        for name in names:
            if ".." not in name.split("/") and not name.endswith("/"):
                fetch_file(folder.at(name), str(scratch / name), storage)
        yield scratch
