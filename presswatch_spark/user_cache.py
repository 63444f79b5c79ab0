"""Where this user's caches lie, and whether a folder is this user's alone.

Whoever can write where we keep compiled code can make us run anything. Whoever can write where we keep the
copy of a corpus decides what is found. A folder of others, or one they may write to, is never used.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

NAME = "presswatch-spark"


def user_caches() -> Iterator[Path]:
    """Folders to keep things in, the best first: the user's cache, then one in the temporary folder.

    The second is for users without a home that can be written to, as Spark's often are. Ask `is_ours`.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    if named and os.path.isabs(named):
        yield Path(named) / NAME
    else:
        try:
            yield Path.home() / ".cache" / NAME
        except RuntimeError:  # a user whom the system does not know
            pass
    yield user_temporary()


def user_temporary() -> Path:
    """This user's folder in the temporary one; ask `is_ours`."""
    return Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"


def is_ours(folder: Path) -> bool:
    """Whether a folder is there or can be made, is this user's, and nobody else can write to it.

    A link to it counts only if we made it, or root did: where all may write, anybody can make one.
    """
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        link, found = folder.lstat(), folder.stat()
    except OSError:
        return False
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ours = found.st_uid == os.getuid() and link.st_uid in (0, os.getuid())
    return ours and not others and os.access(folder, os.W_OK)


def own_folder(roots: Iterable[Path], name: str) -> Path | None:
    """The folder of that name in the first of `roots` where both are this user's alone; None if none is."""
    return next((root / name for root in roots if is_ours(root) and is_ours(root / name)), None)


def shared_folders() -> Iterator[Path]:
    """Folders that all processes of this user on this machine may share, on local disks first; ask `is_ours`.

    None of them depends on a home: Spark's users often have none.
    """
    yield user_temporary()
    for root in ("/dev/shm", "/var/tmp"):
        yield Path(root) / f"{NAME}-{os.getuid()}"
    yield from user_caches()
