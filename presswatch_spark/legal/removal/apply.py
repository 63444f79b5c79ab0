#!/usr/bin/env python3
"""Removes records from files, as the patch in this folder describes.

    python3 PATCH/apply.py FILE ...          patch files on disk, known by name,
                                             size and SHA-256
    python3 PATCH/apply.py --undo FILE ...   put the replaced bytes back
    python3 PATCH/apply.py --plan s3://BUCKET/PREFIX FILE ...
                                             print, as JSON, multipart copies
                                             that patch objects

Python 3.8 or later is enough. Replaced bytes are first saved, in
FILE.presswatch-undo. After a stop, run the same command again.
Exit codes: 0 done, 1 nothing was done, 2 usage, 3 some files failed,
130 stopped.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATCH, PROOF = "patch.json", "proof.json"
FORMAT = "presswatch removal patch 1"
UNDO, NEW = ".presswatch-undo", ".presswatch-new"
CHUNK = 1 << 20
LEAST_PART, MOST_COPIED = 5 << 20, 5 << 30
"""Bounds of S3 for parts of a multipart upload; the last part may be smaller."""
LARGEST = 50 << 40
SEAL, SEAL_END, DIGITS = b', "sha256": "', b'"}', 64
PART = re.compile(r"(?:blobs/)?\w[\w.-]*", re.ASCII)


class PatchError(Exception):
    """A file, or the patch itself, is not as it should be."""


WRONG = (PatchError, OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, RecursionError)


class Patch:
    """A patch. `digest`: SHA-256 of its `patch.json`; `files`: see docs/reference/removal-patch.md."""

    def __init__(self, folder: str, digest: str, files: list[dict[str, Any]]) -> None:
        self.folder, self.digest, self.files = folder, digest, files

    @classmethod
    def open(cls, folder: str) -> Patch:
        """Compare all parts of a patch with their SHA-256; `PatchError` if one was changed."""
        with open(os.path.join(folder, PATCH), "rb") as file:
            data = file.read()
        begin = max(0, len(data) - len(SEAL) - DIGITS - len(SEAL_END))
        sealed = data[:begin] + b"}"
        if data[begin:] != SEAL + hashlib.sha256(sealed).hexdigest().encode() + SEAL_END:
            raise PatchError("patch.json was changed or damaged: get the patch again")
        facts = json.loads(sealed.decode())
        if facts.get("format") != FORMAT:
            raise PatchError("patch.json has another format: use the apply.py of its folder")
        if not all(map(PART.fullmatch, facts["parts"])):
            raise PatchError("patch.json names a part that is not in its folder: do not use this patch")
        if not all(entry["blob"] in facts["parts"] and _is_sound(entry) for entry in facts["files"]):
            raise PatchError("patch.json has impossible edits: do not use this patch")
        for name, expected in facts["parts"].items():
            if sha256_of(os.path.join(folder, name)) != expected:
                raise PatchError(name + " was changed or damaged: get the patch again")
        return cls(folder, hashlib.sha256(data).hexdigest(), facts["files"])

    def named(self, path: str) -> list[dict[str, Any]]:
        """Return the files of this name; there may be some in several folders."""
        found = [each for each in self.files if each["name"] == os.path.basename(path)]
        if not found:
            raise PatchError("the patch has no file of this name")
        return found


def _is_sound(entry: dict[str, Any]) -> bool:
    at = moved = 0
    for offset, length, _, new in entry["edits"]:
        if not all(isinstance(number, int) for number in (offset, length, new)):
            return False
        if offset < at or min(length, new) < 0:
            return False
        at, moved = offset + length, moved + new - length
    return bool(at <= entry["size"] <= LARGEST and entry["new_size"] == entry["size"] + moved)


def chunks_of(file: Any, length: int) -> Iterator[bytes]:
    """Yield the next `length` bytes of a file; `PatchError` if it has fewer."""
    while length:
        data = file.read(min(CHUNK, length))
        if not data:
            raise PatchError("the file ended before its size")
        length -= len(data)
        yield data


def digest_of(file: Any, length: int, copy: Any = None) -> str:
    """Return the SHA-256 of the next `length` bytes of a file, and write them to `copy`."""
    digest = hashlib.sha256()
    for data in chunks_of(file, length):
        digest.update(data)
        if copy:
            copy.write(data)
    return digest.hexdigest()


def sha256_of(path: str, skipped: list[list[Any]] | None = None) -> str:
    """Return the SHA-256 of a file, without the ranges of `skipped`."""
    digest, at = hashlib.sha256(), 0
    with open(path, "rb") as file:
        for offset, length, *_ in [*(skipped or []), [os.fstat(file.fileno()).st_size, 0]]:
            for data in chunks_of(file, offset - at):
                digest.update(data)
            at = offset + length
            file.seek(at)
    return digest.hexdigest()


@contextmanager
def _written(path: str, temporary: str) -> Iterator[BinaryIO]:
    """Write a file that appears complete or not at all."""
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        if os.name == "posix":
            folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Lock a file that can be written, and remove unfinished files of a process that was killed."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        raise PatchError("it is a symbolic link: name the file itself")
    if stat.S_ISDIR(mode):
        raise PatchError("it is a folder: name the files in it")
    if not stat.S_ISREG(mode):
        raise PatchError("it is no regular file")
    with open(path, "r+b") as file:
        is_free = True
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_free = False
        except OSError:
            pass  # This file system has no locks.
        if not (is_free and os.path.samestat(os.fstat(file.fileno()), os.stat(path))):
            raise PatchError("another apply.py is at work on it: wait for its end")
        for temporary in (path + NEW, path + UNDO + NEW):
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        yield


class PatchedFile:
    """A file on disk, and the part of the patch that is about it."""

    def __init__(self, patch: Patch, path: str) -> None:
        self.patch, self.path = patch, path
        size, named = os.path.getsize(path), patch.named(path)
        found = [each for each in named if size in (each["size"], each["new_size"])]
        if not found:
            known = ", ".join("{:,}".format(each["size"]) for each in named)
            raise PatchError(f"it has {size:,} bytes, and should have {known}: it is cut, or another version")
        self.sha256 = sha256_of(path)
        same = [each for each in found if self.sha256 in (each["sha256"], each["new_sha256"])]
        begun = b""
        with suppress(OSError), open(path + UNDO, "rb") as undo:
            begun = undo.readline(CHUNK)
        # Of several files with this name and size, the saved bytes show which one was interrupted.
        heads = [f"{patch.digest} {patch.files.index(each)}\n".encode() for each in same or found]
        place = heads.index(begun) if begun in heads else 0
        self.entry, self.head = (same or found)[place], heads[place]
        self.edits: list[list[Any]] = self.entry["edits"]
        self.in_place = all(length == new for _, length, _, new in self.edits)
        is_interrupted = not same and self.in_place and self._saved()
        if not same and not (is_interrupted and sha256_of(path, self.edits) == self.entry["outside_sha256"]):
            raise PatchError("its bytes are others than the patch is for: it is damaged, or another version")

    def _saved(self) -> bool:
        """Return whether the replaced bytes are saved; raise if another patch or damaged bytes are."""
        if not os.path.lexists(self.path + UNDO):
            return False
        with open(self.path + UNDO, "rb") as undo:
            if undo.read(len(self.head)) != self.head:
                raise PatchError(
                    f"{self.path}{UNDO} is of another patch: undo that one, or move its file away"
                )
            if any(digest_of(undo, length) != expected for _, length, expected, _ in self.edits):
                raise PatchError(f"{self.path}{UNDO} is damaged: restore the file from a copy")
        return True

    def _save(self) -> None:
        with open(self.path, "rb") as file, _written(self.path + UNDO, self.path + UNDO + NEW) as undo:
            undo.write(self.head)
            for offset, length, expected, _ in self.edits:
                file.seek(offset)
                if digest_of(file, length, undo) != expected:
                    raise PatchError("it was changed meanwhile: stop its writers, and run this again")

    def apply(self) -> str:
        """Patch the file; return a line about it."""
        if self.sha256 == self.entry["new_sha256"]:
            return "is patched already"
        links = 0 if self.in_place else os.stat(self.path).st_nlink - 1
        self.write()
        records = self.entry["records"]
        told = "patched: {:,} {} removed".format(records, "record" if records == 1 else "records")
        return told + (f"; other names of the file still have them: {links:,}" if links else "")

    def write(self) -> None:
        """Save the replaced bytes, and replace them."""
        if not self._saved():
            self._save()
        with gzip.open(os.path.join(self.patch.folder, self.entry["blob"]), "rb") as blob:
            self._edit([(offset, length, new) for offset, length, _, new in self.edits], blob, "new_sha256")

    def undo(self) -> str:
        """Put the replaced bytes back; return a line about it."""
        if self.sha256 == self.entry["sha256"]:
            if self._saved():
                os.unlink(self.path + UNDO)
            return "is not patched"
        if not self._saved():
            raise PatchError(f"{self.path}{UNDO} is missing: restore the file from a copy")
        edits: list[Any] = []
        moved = 0
        for offset, length, _, new in self.edits:
            edits.append((offset + moved, new, length))
            moved += new - length
        with open(self.path + UNDO, "rb") as undo:
            undo.seek(len(self.head))
            self._edit(edits, undo, "sha256")
        os.unlink(self.path + UNDO)
        return "restored"

    def _edit(self, edits: list[Any], blob: Any, key: str) -> None:
        if self.in_place:
            with open(self.path, "r+b") as file:
                for offset, _, new in edits:
                    file.seek(offset)
                    for data in chunks_of(blob, new):
                        file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._verify(self.path, key, "run --undo, and check the disk")
            return
        with open(self.path, "rb") as old, _written(self.path, self.path + NEW) as file:
            for offset, length, new in edits:
                for data in chunks_of(old, offset - old.tell()):
                    file.write(data)
                for data in chunks_of(blob, new):
                    file.write(data)
                old.seek(offset + length)
            shutil.copyfileobj(old, file, CHUNK)
            file.flush()
            if os.name == "posix":
                owner = os.fstat(old.fileno())
                with suppress(PermissionError):
                    os.chown(self.path + NEW, owner.st_uid, owner.st_gid)
            shutil.copymode(self.path, self.path + NEW)
            self._verify(self.path + NEW, key, "it was left as it is; check the disk")

    def _verify(self, path: str, key: str, remedy: str) -> None:
        # Nothing is known yet while the patch itself is made.
        if self.entry[key] and sha256_of(path) != self.entry[key]:
            raise PatchError(f"its SHA-256 is not the expected one afterwards: {remedy}")


def pieces_of(entry: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """Yield the ranges that a patched object is made of: `object` or `blob`, begin and end."""
    at = in_blob = 0
    for offset, length, _, new in [*entry["edits"], [entry["size"], 0, "", 0]]:
        if offset > at:
            yield "object", at, offset
        if new:
            yield "blob", in_blob, in_blob + new
        at, in_blob = offset + length, in_blob + new


def parts_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a multipart upload that patches an object, and upload as few bytes as it allows.

    `copy`: the first and last byte of the object that the store copies. `upload`: pieces of the part, each
    `object` (first and last byte of the object) or `blob` (offset and length in the unpacked blob); `bytes`.
    """
    parts: list[Any] = []
    pieces: list[Any] = []
    filled = 0
    found = list(pieces_of(entry))
    for place, (kind, begin, end) in enumerate(found, 1):
        # The part before a copy must be long enough, and so must the copy itself, unless it is the last part.
        missing = max(0, LEAST_PART - filled) if pieces else 0
        is_last = place == len(found)
        is_rest = is_last and end == entry["size"]
        is_copied = kind == "object" and (is_rest or end - begin - missing >= LEAST_PART)
        at = min(end, begin + missing) if is_copied else end
        if at > begin:
            pieces.append({kind: [begin, at - 1 if kind == "object" else at - begin]})
            filled += at - begin
        if pieces and (is_copied or is_last):
            parts.append({"number": len(parts) + 1, "upload": pieces, "bytes": filled})
            pieces, filled = [], 0
        while at < end:
            last = end if end - at <= MOST_COPIED else at + MOST_COPIED // 2
            parts.append({"number": len(parts) + 1, "copy": [at, last - 1]})
            at = last
    return parts


def plan(patch: Patch, place: str, path: str) -> dict[str, Any]:
    """Return the plan for an object below `place`; `PatchError` if the patch has no such file, or several."""
    named = patch.named(path)
    if len(named) > 1:
        raise PatchError("the patch has several files of this name")
    (entry,) = named
    bucket, _, prefix = place[len("s3://") :].partition("/")
    parts = parts_of(entry)
    facts = {key: entry[key] for key in ("name", "size", "sha256", "new_size", "new_sha256", "blob")}
    key = "/".join(filter(None, [prefix.strip("/"), entry["name"]]))
    uploaded = sum(part.get("bytes", 0) for part in parts)
    return {"bucket": bucket, "key": key, **facts, "bytes_uploaded": uploaded, "parts": parts}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    lines = (__doc__ or "").strip().split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=lines[0], epilog=lines[1], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--undo", action="store_true", help="put the replaced bytes back")
    modes.add_argument("--plan", metavar="s3://BUCKET/PREFIX", help="print a plan of multipart copies")
    parser.add_argument("files", metavar="FILE", nargs="+")
    chosen = parser.parse_args(arguments)
    if chosen.plan is not None and not re.match("s3://[^/]", chosen.plan):
        parser.error("--plan takes s3://BUCKET/PREFIX")
    try:
        patch = Patch.open(os.path.dirname(os.path.abspath(__file__)))
    except WRONG as error:
        sys.stderr.write(f"the patch is refused: {error}\n")
        return 1
    sys.stderr.write(f"patch {patch.digest}\n")
    plans: list[Any] = []
    done = 0
    # DIR/* also names the saved bytes of files that were patched before.
    files = [path for path in chosen.files if not path.endswith((UNDO, NEW))]
    for path in files:
        try:
            if chosen.plan is not None:
                plans.append(plan(patch, chosen.plan, path))
            else:
                with _locked(path):
                    file = PatchedFile(patch, path)
                    result = file.undo() if chosen.undo else file.apply()
                sys.stdout.write(f"{path}: {result}\n")
            done += 1
        except WRONG as error:
            sys.stderr.write(f"{path}: {getattr(error, 'strerror', None) or error}\n")
    if plans:
        sys.stdout.write(json.dumps({"patch": patch.digest, "objects": plans}, indent=1) + "\n")
    return 1 if not done else 0 if done == len(files) else 3


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("stopped: run the same command again\n")
        sys.exit(130)
