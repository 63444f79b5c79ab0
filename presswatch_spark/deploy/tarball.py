"""Packs archives whose bytes depend on their content alone, and refuses those that leave their folder.

Needs nothing but Python: archives are also built in images that have nothing else.
"""

import gzip
import posixpath
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from presswatch_spark.errors import PresswatchError

# 1980-01-01T00:00:00Z, the oldest time that zip files know too.
MODIFIED = 315_532_800
MOST_LINKS = 40
# Higher levels take three times as long for a twentieth less.
LEVEL = 3


class ArchiveError(PresswatchError):
    """An archive is not one of ours, or not safe to unpack."""


def pack(tree: Path, file: Path) -> None:
    """Pack a folder as `.tar.gz`: sorted, root's, of one time. The same content gives the same bytes."""
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(tree.rglob("*"), key=lambda path: path.relative_to(tree).as_posix()):
            info = _anonymous(tar.gettarinfo(path, path.relative_to(tree).as_posix()))
            if info.islnk():  # a second name of one file is packed as a file
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove owner and time; of the mode keep only whether it can be executed."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = MODIFIED
    info.mode = 0o755 if info.isdir() or info.mode & 0o111 else 0o644
    return info


def check_archive(file: Path, needed: tuple[str, ...] = ()) -> None:
    """Raise for an archive that could write or read outside of the folder where it is unpacked.

    Args:
        file: a `.tar.gz`.
        needed: names of files that must be in it.

    Raises:
        ArchiveError: with every member that leaves the archive, is a device, comes twice, or is missing.
    """
    try:
        with tarfile.open(file, "r:gz") as tar:
            members = tar.getmembers()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ArchiveError(f"the archive cannot be read: {error}", where=str(file)) from error
    problems = list(_problems(members))
    names = {posixpath.normpath(member.name) for member in members}
    problems += [f"{name} is missing" for name in needed if name not in names]
    if problems:
        raise ArchiveError(
            "\n".join(["the archive is refused:", *(f"  {problem}" for problem in problems)]),
            where=str(file),
            remedy="build it anew: make archive",
        )


def _problems(members: list[tarfile.TarInfo]) -> Iterator[str]:
    links = {posixpath.normpath(member.name): member.linkname for member in members if member.issym()}
    names = Counter(posixpath.normpath(member.name) for member in members)
    # What is unpacked between two links of one name goes where the first leads.
    yield from (f"{name!r} is in it {times} times" for name, times in names.items() if times > 1)
    for member in members:
        if _resolved(posixpath.dirname(member.name), links) is None or _leaves(member.name):
            yield f"{member.name!r} lies outside"
        elif member.issym():
            if _resolved(member.name, links) is None:
                yield f"{member.name!r} is a link that leaves it, to {member.linkname!r}"
        elif member.islnk():
            if _leaves(member.linkname) or posixpath.normpath(member.linkname) not in names:
                yield f"{member.name!r} is a hard link that leaves it, to {member.linkname!r}"
        elif not (member.isreg() or member.isdir()):
            yield f"{member.name!r} is no file, folder or link"


def _leaves(name: str) -> bool:
    return posixpath.isabs(name) or ".." in name.split("/")


def _resolved(name: str, links: Mapping[str, str]) -> str | None:
    """Return where a name leads, as the system follows its links; None if that is outside, or nowhere.

    A link whose text looks harmless may lead out through another link, so each part is followed.
    """
    parts, here, followed = list(reversed(name.split("/"))), "", 0
    if posixpath.isabs(name):
        return None
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return None
            here = posixpath.dirname(here)
            continue
        here = posixpath.join(here, part)
        if (target := links.get(here)) is not None:
            followed += 1
            if posixpath.isabs(target) or followed > MOST_LINKS:
                return None
            here = posixpath.dirname(here)
            parts.extend(reversed(target.split("/")))
    return here
