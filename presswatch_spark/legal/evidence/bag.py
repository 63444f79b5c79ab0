"""A bag (BagIt 1.0, RFC 8493): its layout, its seal, and a folder that gets its name when it is complete.

The manifests of the payload are written first, then the seal that covers them, time-stamps of the seal, and
the manifests of all these files (tag manifests).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from presswatch_spark.core.errors import CorruptError, OutputError
from presswatch_spark.core.version import __version__
from presswatch_spark.legal.evidence import verify
from presswatch_spark.storage.disk import Folder, fetch_file, refused, sync
from presswatch_spark.storage.drafts import hidden_draft, new_folder, scratch_folder
from presswatch_spark.storage.file_locks import BAG, file_locked
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, StorageOptions
from presswatch_spark.tables.digests import canonical_form

DECLARATION = "bagit.txt"
ARTICLES, SETTINGS, PAGES = "data/corpus/articles.jsonl", "data/settings.json", "data/pages"
"""The files with digests of articles and settings of runs, and the folder of the documents of claims."""
PROTOCOL, EXCHANGES, RECORDS = "data/protocol.json", "data/http/exchanges.jsonl", "data/records"
_BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Bag:
    """A folder with the files of a bag, by names with `/`."""

    folder: Path

    def write(self, name: str, data: bytes) -> None:
        """Write a file; it replaces one of that name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as JSON in canonical form."""
        self.write(name, f"{canonical_form(value)}\n".encode())

    def write_lines(self, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write values as JSON in canonical form, one per line."""
        self.write(name, "".join(f"{canonical_form(line)}\n" for line in lines).encode())

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        return (self.folder / name).read_bytes()

    def names(self, below: str = "") -> list[str]:
        """Return the sorted names of all files below a folder of the bag."""
        found = (self.folder / below).rglob("*")
        return sorted(path.relative_to(self.folder).as_posix() for path in found if path.is_file())

    def measured(self, below: str = "") -> verify.Measured:
        """Return bytes, SHA-256 and SHA-512 of all files below a folder of the bag, by name."""
        return {name: verify.measured_file(str(self.folder / name)) for name in self.names(below)}

    def declare(self, description: str, verifier: bytes) -> None:
        """Write `verify.py`, the declaration with a description, and the manifests of the payload."""
        payload = self.measured("data")
        fields = {
            "Bagging-Date": f"{datetime.now(UTC):%Y-%m-%d}",
            "Bag-Software-Agent": f"presswatch-spark {__version__}",
            "External-Description": description,
            "Payload-Oxum": f"{sum(size for size, _, _ in payload.values())}.{len(payload)}",
        }
        lines = (f"{name}: {' '.join(verify.shown(text).split())}\n" for name, text in fields.items())
        self.write(verify.VERIFIER, verifier)
        self.write(DECLARATION, _BAGIT)
        self.write("bag-info.txt", "".join(lines).encode())
        self._write_manifests("manifest", payload)

    def seal(self, about: Mapping[str, Any], description: str) -> None:
        """Declare the bag and write its seal, with the further members of `about`; call `finish` next."""
        self.declare(description, Path(verify.__file__).read_bytes())
        measured, lines = self.measured(), verify.lines_of(self.read(verify.ROWS))
        bag, claims = verify.bag_leaves(lines, measured), verify.claim_leaves(lines, measured)
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

    def finish(self) -> None:
        """Write the tag manifests and read all back; `CorruptError` if the disk lost or changed bytes."""
        self._write_manifests("tagmanifest", self.measured())
        self._read_back()

    def _read_back(self) -> None:
        if fault := named_faults(verify.check(str(self.folder)), 1):
            raise CorruptError(
                f"the bag that was written does not verify: {fault}",
                where=str(self.folder),
                remedy="check the disk, and run the command again",
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Prevent other processes from adding to the bag (`InUseError`), though NFS locks no folders."""
        with ExitStack() as stack:
            try:
                stack.enter_context(file_locked(self.folder, BAG))
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise refused(self.folder, error) from error
            yield

    def add(self, files: Mapping[str, bytes]) -> None:
        """Add time-stamps to a finished bag, all or none; `CorruptError` if it does not verify with them.

        Files are written beside the bag and then renamed, which needs no disk space; a failure undoes this.
        """
        with hidden_draft(self.folder) as draft:
            new, old = Bag(draft / "new"), Bag(draft / "old")
            for name, data in files.items():
                new.write(name, data)
            new._write_manifests("tagmanifest", self.measured() | new.measured())
            names = sorted(new.names(), key=lambda name: name.startswith("tagmanifest-"))
            for name in names:
                if (self.folder / name).exists():
                    old.write(name, self.read(name))
            os.sync()
            try:
                for name in names:
                    (self.folder / name).parent.mkdir(exist_ok=True)
                    (new.folder / name).replace(self.folder / name)
                self._read_back()
                sync(str(self.folder))
            except BaseException:
                for name in set(names) - set(old.names()):
                    (self.folder / name).unlink(missing_ok=True)
                for name in old.names():
                    (old.folder / name).replace(self.folder / name)
                with suppress(OSError):
                    (self.folder / verify.STAMPS).rmdir()
                raise

    def _write_manifests(self, kind: str, measured: verify.Measured) -> None:
        """Write the manifests of the payload, or of all other files (`kind` is `tagmanifest`)."""
        for place, algorithm in enumerate(verify.ALGORITHMS, 1):
            digests = {
                name: str(facts[place])
                for name, facts in measured.items()
                if name.startswith("data/") == (kind == "manifest") and not name.startswith("tagmanifest-")
            }
            self.write(f"{kind}-{algorithm}.txt", verify.manifest_text(digests).encode())


def named_faults(findings: verify.Findings, most: int) -> str:
    """Return the first `most` faults of a bag, each with its file; "" if there are none."""
    return "; ".join(f"{verify.shown(name)} {what}" for name, what in sorted(findings.faults.items())[:most])


def sealed_facts(folder: Path) -> dict[str, Any]:
    """Return the seal of a bag; `OutputError` if there is none."""
    try:
        seal: dict[str, Any] = parse_json((folder / verify.SEAL).read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(
            "this is not a sealed bag: its seal is missing or cannot be read",
            where=str(folder),
            remedy="pass the folder that was --out of `presswatch evidence build`",
        ) from error
    return seal


@contextmanager
def new_bag(out: str, storage: StorageOptions) -> Iterator[Bag]:
    """Yield a new bag, which moves to `out` as a whole at the end of the block. Raises as `new_folder`."""
    with new_folder(out, storage, DECLARATION, private=True) as folder:
        yield Bag(folder)


@contextmanager
def bag_on_disk(path: str, storage: StorageOptions) -> Iterator[Path]:
    """Yield the folder of a bag; a bag on S3 is copied to this host for the block."""
    folder = Folder.of(path, storage)
    if folder.is_local:
        if not folder.path.is_dir():
            raise OutputError("there is no such folder", where=path, remedy="check the path of the bag")
        yield folder.path
        return
    with scratch_folder() as scratch:
        names = list(folder.entries())
        if not names:
            raise MissingError("there is no bag", where=path, remedy="check the path of the bag")
        for name in names:
            if ".." not in name.split("/") and not name.endswith("/"):
                fetch_file(folder.at(name), str(scratch / name), storage)
        yield scratch
