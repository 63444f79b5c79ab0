"""Output folders that appear complete or not at all, on disk and on S3, and scratch folders.

PARENT/.NAME.partial/presswatch-draft   the lock of a hidden folder; its folder `new` becomes NAME at the end
s3://…/NAME/_presswatch_draft.lock      a lease; the file that makes the folder valid is uploaded last
<temporary folder>/presswatch-spark-<uid>/scratch/…   each locked by its process; unlocked ones are removed
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from presswatch_spark.core.errors import OutputError, StorageError
from presswatch_spark.core.processes import own_folder, user_temporary
from presswatch_spark.storage.disk import PRIVATE_FILE, PRIVATE_FOLDER, Folder, disk_errors, put_file, sync
from presswatch_spark.storage.file_locks import DRAFT, SCRATCH, SCRATCH_ABANDONED, file_locked, lock
from presswatch_spark.storage.locks_and_leases import USUAL, leased
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import scheme_of

MARK = "presswatch-draft"
LEASE = "_presswatch_draft.lock"
SCRATCH_FOLDER = "scratch"


def require_new(out: str, storage: StorageOptions, last: str) -> Folder:
    """Return the folder `out`; `OutputError` unless it is absent, empty or a draft without `last`."""
    if scheme_of(out) not in ("file", "s3"):
        raise OutputError("folders are written to disks or s3://", where=out, remedy="choose another --out")
    folder = Folder.of(out, storage)
    if folder.is_local:
        path = folder.path
        is_taken = os.path.lexists(path) and (not path.is_dir() or any(path.iterdir()))
    else:
        names = set(folder.entries())
        is_taken = bool(names) and (LEASE not in names or last in names)
    if is_taken:
        raise OutputError("the folder already exists", where=str(folder), remedy="choose a new --out")
    return folder


@contextmanager
def new_folder(out: str, storage: StorageOptions, last: str, *, private: bool = False) -> Iterator[Path]:
    """Give an empty local folder to fill; if the block succeeds, it becomes `out`, complete or not at all.

    `last`: the file that is uploaded last; readers ignore a folder without it. `private`: on disk, only the
    owner may read it. `OutputError`: `out` is not empty or not writable, or another process is writing it.
    """
    folder = require_new(out, storage, last)
    if not folder.is_local:
        with leased(folder.at(LEASE), storage, USUAL, DRAFT) as lease, scratch_folder() as scratch:
            folder.delete([name for name in folder.entries() if name != LEASE])
            # `Folder` locks the folder in which it writes, and the scratch folder itself is already locked.
            new = scratch / "new"
            new.mkdir()
            yield new
            upload(new, folder, last, lease.confirm)
        return
    path = folder.path
    with disk_errors(path), hidden_draft(path) as draft:
        new = draft / "new"
        new.mkdir()
        yield new
        if private:
            for each in (new, *new.rglob("*")):
                if not each.is_symlink():
                    each.chmod(PRIVATE_FOLDER if each.is_dir() else PRIVATE_FILE)
        # Some file systems report a full disk only when data are flushed: flush before the rename.
        os.sync()
        new.rename(path)
        sync(str(path.parent))


@contextmanager
def hidden_draft(path: Path) -> Iterator[Path]:
    """Yield the empty hidden folder beside `path`, locked; `OutputError` if it is no draft."""
    draft = path.with_name(f".{path.name}.partial")
    draft.mkdir(0o700, parents=True, exist_ok=True)
    if any(draft.iterdir()) and not (draft / MARK).exists():
        raise OutputError(
            "Presswatch did not create this hidden folder", where=str(draft), remedy="move it away"
        )
    with file_locked(draft / MARK, DRAFT):
        for left in draft.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            elif left.name != MARK:
                left.unlink()
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def upload(source: Path, folder: Folder, last: str, confirm: Callable[[], None] = lambda: None) -> None:
    """Copy the files of a local folder, `last` at the end, after `confirm`; a failure leaves none there."""
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    try:
        for name in sorted(names, key=lambda name: name == last):
            if name == last:
                confirm()
            put_file(str(source / name), folder.at(name), folder.storage)
    except BaseException:
        with suppress(StorageError):
            folder.delete(names)
        raise


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a new folder of this process for one block; `OSError` if it cannot be made (disk full)."""
    home = own_folder([user_temporary()], SCRATCH_FOLDER)
    if home is None:
        with tempfile.TemporaryDirectory(prefix="presswatch-") as folder:
            yield Path(folder)
        return
    for left in home.iterdir():
        with suppress(OSError, OutputError), file_locked(left, SCRATCH_ABANDONED):
            shutil.rmtree(left, ignore_errors=True)
    while True:
        path, handle = Path(tempfile.mkdtemp(dir=home)), None
        try:
            handle = lock(path, SCRATCH)
        except FileNotFoundError:  # another process removed it before it was locked
            continue
        except OSError:  # this file system locks no folders, so other processes cannot remove this one either
            pass
        break
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)
