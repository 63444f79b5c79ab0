"""Files and folders on a disk: whole or absent, their owner's where they must be, gone with their process."""

import errno
import fcntl
import io
import multiprocessing
import os
import pickle
import stat as modes
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from presswatch_spark.core.errors import InUseError, OutputError, StorageError, TruncatedError
from presswatch_spark.legal.evidence.bag import new_bag
from presswatch_spark.legal.notices.notice import new_notice
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.review.desk import ReviewFile
from presswatch_spark.query.exports import export
from presswatch_spark.storage.disk import Folder, LocalStore, put_file
from presswatch_spark.storage.drafts import new_folder, scratch_folder
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    ObjectInfo,
    RangeReply,
    StorageOptions,
    ask,
    list_objects,
    open_stream,
    read_range,
    stat,
    write_object,
)
from tests.world.release import new_case, numbered_target

OPTIONS = StorageOptions()
DATA = os.urandom(100_000)
LAST = "last.txt"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestReading:
    def test_a_file_that_shrinks_or_a_disk_that_fails_is_an_error_with_a_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "x"
        path.write_bytes(DATA)
        with open_stream(stat(str(path), OPTIONS), OPTIONS) as stream:
            stream.read(1000)
            os.truncate(path, 2000)
            assert stream.read(1 << 20) == DATA[1000:2000]
            with pytest.raises(TruncatedError) as caught:
                stream.read(1 << 20)
        assert caught.value.where == f"{path} @ 2000"
        with pytest.raises(MissingError) as caught:
            stat(str(tmp_path / "missing"), OPTIONS)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again)) == (MissingError, str(caught.value))

        class FailingDisk(io.BytesIO):
            def read(self, n: int | None = -1, /) -> bytes:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        (tmp_path / "x").write_bytes(b"0123456789")
        monkeypatch.setattr(LocalStore, "open_body", lambda *_: RangeReply(FailingDisk(), 4, 10))
        with pytest.raises(TruncatedError, match=r"x @ 4: .*Input/output error"):
            read_range(str(tmp_path / "x"), 4, 2, OPTIONS)

    def test_folders_and_pipes_are_no_files_and_a_link_into_a_folder_above_does_not_loop(
        self, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(StorageError, match="is a folder"):
            stat(str(tmp_path), OPTIONS)
        with pytest.raises(StorageError, match="not a regular file"):
            open_stream(ObjectInfo(str(tmp_path / "pipe")), OPTIONS)
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "loop").symlink_to(tmp_path)
        with pytest.raises(StorageError, match="symbolic link"):
            list(list_objects(str(tmp_path), OPTIONS))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"x")
        (tmp_path / "x").chmod(0)
        with pytest.raises(StorageError, match="permission denied"):
            open_stream(ObjectInfo(str(tmp_path / "x")), OPTIONS)

    def test_a_folder_lists_its_files_sorted_and_without_hidden_ones(self, tmp_path: Path) -> None:
        hidden = ("_SUCCESS", ".a.gz.crc", "_tmp/x.gz", "b/.hidden/y.gz", "c_$folder$")
        for name in ("b/2.gz", "b/1.gz", "a.gz", *hidden):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"12")
        (tmp_path / "gone.gz").symlink_to(tmp_path / "nowhere")
        (tmp_path / "itself.gz").symlink_to(tmp_path / "itself.gz")
        os.mkfifo(tmp_path / "pipe.gz")
        found = [
            (info.uri.removeprefix(f"{tmp_path}/"), info.size)
            for info in list_objects(str(tmp_path), OPTIONS)
        ]
        nothing = [("gone.gz", None), ("itself.gz", None), ("pipe.gz", None)]
        assert found == [("a.gz", 2), ("b/1.gz", 2), ("b/2.gz", 2), *nothing]
        for name, _ in nothing:
            with pytest.raises(StorageError):
                open_stream(ObjectInfo(str(tmp_path / name)), OPTIONS).read(1)

    @pytest.mark.parametrize("looks", [1, 2, 3])
    def test_an_answer_is_of_one_file_though_another_takes_its_place_or_it_is_gone_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
    ) -> None:
        path, other, looked, look = tmp_path / "x", tmp_path / "y", count(1), os.stat
        path.write_bytes(b"before")
        other.write_bytes(b"after!")
        os.utime(other, (1, 1))
        etags = {each.read_bytes(): stat(str(each), OPTIONS).etag for each in (path, other)}

        def replaced(place: Any, **how: Any) -> os.stat_result:
            number = next(looked) if place == str(path) else 0
            if (number, looks) == (2, 3):
                path.unlink()
            found = look(place, **how)
            if number == looks < 3:
                os.replace(other, path)
            return found

        monkeypatch.setattr(os, "stat", replaced)
        answer = ask(str(path), 0, 6, OPTIONS)
        if looks == 3:
            assert answer.body == b"before"
            return
        assert etags[answer.body] == answer.header("ETag")
        is_other = answer.header("Last-Modified") == "Thu, 01 Jan 1970 00:00:01 GMT"
        assert is_other == (answer.body == b"after!")


class TestWriting:
    def test_no_draft_stays_beside_a_file_and_a_folder_that_cannot_be_written_says_so(
        self, tmp_path: Path
    ) -> None:
        uri = str(tmp_path / "object.json")
        write_object(uri, b"one", OPTIONS)
        with pytest.raises(ConflictError):
            write_object(uri, b"two", OPTIONS, absent=True)
        put_file(__file__, str(tmp_path / "copy"), OPTIONS)
        assert names_in(tmp_path) == ["copy", "object.json"]
        with pytest.raises(StorageError):
            write_object(f"{uri}/object", b"", OPTIONS)

    def test_a_file_system_that_locks_no_folders_is_locked_by_a_hidden_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = fcntl.flock

        def as_nfs(handle: int, how: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{handle}"):
                raise OSError(9, "Bad file descriptor")
            real(handle, how)

        monkeypatch.setattr(fcntl, "flock", as_nfs)
        etag = write_object(str(tmp_path / "object.json"), b"one", OPTIONS, absent=True)
        write_object(str(tmp_path / "object.json"), b"two", OPTIONS, etag=etag)
        assert names_in(tmp_path) == [".lock", "object.json"]

    @pytest.mark.parametrize("others", ["remove", "write"])
    def test_a_folder_is_removed_whole_though_others_change_it_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: str
    ) -> None:
        folder, unlink = Folder.of(str(tmp_path / "run"), OPTIONS), os.unlink
        for name in ("a", "b", "below/c"):
            folder.write(name, b"")

        def beside_others(path: Any, *given: Any, **named: Any) -> None:
            monkeypatch.setattr(os, "unlink", unlink)
            if others == "write":
                (folder.path / "d").touch()
            else:
                unlink(path, *given, **named)
            unlink(path, *given, **named)

        monkeypatch.setattr(os, "unlink", beside_others)
        folder.remove()
        assert not folder.path.exists()


class TestPermissions:
    """Outputs with texts of articles or verdicts are their owner's alone."""

    @pytest.fixture(autouse=True)
    def _open_umask(self) -> Iterator[None]:
        """A host whose users share all that they write."""
        before = os.umask(0)
        yield
        os.umask(before)

    def mode(self, path: Path) -> int:
        return modes.S_IMODE(path.stat().st_mode)

    def test_verdicts_are_their_owners_alone_until_the_owner_shares_them(self, tmp_path: Path) -> None:
        path = tmp_path / "reviews.jsonl"
        file = ReviewFile.of(str(path), OPTIONS)
        file.add("a" * 64, "claim", "Anne", "")
        assert self.mode(path) == 0o600
        path.chmod(0o660)
        file.add("b" * 64, "no_claim", "Benoît", "")
        assert self.mode(path) == 0o660
        assert len(file.reviews()) == 2

    def test_exports_bags_and_notices_are_their_owners_alone(self, tmp_path: Path) -> None:
        for ending in ("csv", "jsonl", "parquet", "xlsx"):
            export(str(tmp_path / f"x.{ending}"), pa.schema({"text": pa.string()}), [("un",)], OPTIONS)
        with new_bag(str(tmp_path / "bag"), OPTIONS) as bag:
            bag.write("data/texts/a.txt", b"un article")
        with new_notice(str(tmp_path / "notice"), OPTIONS) as folder:
            (folder / "letter.txt").write_text("un article")
        assert {self.mode(tmp_path / made) for made in ("bag", "notice")} == {0o700}
        assert {self.mode(path) for path in tmp_path.rglob("*") if path.is_file()} == {0o600}

    def test_tables_and_other_folders_keep_the_permissions_that_the_host_gives(self, tmp_path: Path) -> None:
        write_object(str(tmp_path / "a"), b"x", OPTIONS)
        with Folder.of(str(tmp_path), OPTIONS).new_file("b") as draft:
            draft.write_bytes(b"x")
        with new_folder(str(tmp_path / "case"), OPTIONS, "a") as folder:
            (folder / "a").write_bytes(b"x")
        assert {self.mode(tmp_path / name) for name in ("a", "b", "case/a")} == {0o666}


def killed(work: Callable[[], None]) -> None:
    """Run work in a child of this process that dies in it, as by SIGKILL: nothing is cleaned up."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


class TestNewFolders:
    """Output folders appear complete or not at all, and a killed process leaves nothing in the way."""

    def write_and_die(self, out: Path) -> None:
        with new_folder(str(out), OPTIONS, LAST) as draft:
            (draft / "sub").mkdir()
            (draft / "sub" / "text.txt").write_text("half")
            os._exit(9)

    def complete(self, out: Path) -> None:
        with new_folder(str(out), OPTIONS, LAST) as draft:
            (draft / LAST).write_text("whole")

    def test_a_folder_is_written_again_after_its_process_was_killed(self, tmp_path: Path) -> None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "mine.txt").write_text("mine")
        for _ in range(3):
            killed(lambda: self.write_and_die(tmp_path / "bag"))
            assert names_in(tmp_path) == [".bag.partial", "kept"], "one draft, however often"
        # A link in it is removed, and not followed.
        (tmp_path / ".bag.partial" / "link").symlink_to(tmp_path / "kept")
        self.complete(tmp_path / "bag")
        assert names_in(tmp_path) == ["bag", "kept"]
        assert (names_in(tmp_path / "bag"), names_in(tmp_path / "kept")) == ([LAST], ["mine.txt"])

    def test_one_folder_has_one_writer_and_a_failure_leaves_nothing(self, tmp_path: Path) -> None:
        def fail() -> None:
            with new_folder(str(tmp_path / "bag"), OPTIONS, LAST) as draft:
                (draft / "text.txt").write_text("half")
                raise RuntimeError("disk")

        with pytest.raises(RuntimeError, match="disk"):
            fail()
        assert names_in(tmp_path) == []
        with (
            new_folder(str(tmp_path / "bag"), OPTIONS, LAST) as draft,
            pytest.raises(InUseError, match="another process is writing this folder"),
            new_folder(str(tmp_path / "bag"), OPTIONS, LAST),
        ):
            pytest.fail("both write")
        assert not draft.exists()
        assert names_in(tmp_path) == ["bag"]

    @pytest.mark.parametrize("name", [".bag.partial", "bag"])
    def test_files_of_others_are_left_alone(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").write_text("mine")
        with pytest.raises(OutputError, match=r"did not create|already exists"):
            self.complete(tmp_path / "bag")
        assert (tmp_path / name / "mine.txt").read_text() == "mine"

    @pytest.mark.parametrize("point", range(4))
    def test_a_case_whose_opening_was_killed_is_opened_again(self, tmp_path: Path, point: int) -> None:
        real, targets = Folder.write, [numbered_target(number) for number in range(3)]

        def dying() -> None:
            calls = count(1)

            def write(*given: Any, **named: Any) -> str:
                if next(calls) > point:
                    os._exit(9)
                return real(*given, **named)

            Folder.write = write  # type: ignore[method-assign]
            with new_folder(str(tmp_path / "other"), OPTIONS, LAST):
                new_case(str(tmp_path / "case"), targets)
                os._exit(9)

        killed(dying)
        if point < 2:
            assert RemovalCase.at(str(tmp_path / "case"), OPTIONS) is None
            new_case(str(tmp_path / "case"), targets)
        assert len(RemovalCase.open(str(tmp_path / "case"), OPTIONS).targets()) == 3
        assert not (tmp_path / ".case.partial").exists()


class TestScratchFolders:
    """They are gone with their block, and if its process was killed, with the next one."""

    @pytest.fixture(autouse=True)
    def _temporary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def holder(self) -> tuple[Any, Any, Path]:
        """Start another process; return it, its pipe, and the folder that it has until it hears something."""

        def hold() -> None:
            with scratch_folder() as folder:
                (folder / "draft").write_bytes(b"half of it")
                theirs.send(folder)
                theirs.recv()

        forked = multiprocessing.get_context("fork")
        ours, theirs = forked.Pipe()
        process = forked.Process(target=hold, daemon=True)
        process.start()
        # Of one that dies before it says something, the end of the pipe is heard.
        theirs.close()
        return process, ours, ours.recv()

    def test_one_is_gone_with_its_block_however_that_ends(self, tmp_path: Path) -> None:
        def fail() -> None:
            with scratch_folder() as folder:
                (folder / "draft").touch()
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        left = [path.name for path in tmp_path.rglob("*")]
        assert left == [f"presswatch-spark-{os.getuid()}", "scratch"]

    def test_what_a_killed_process_left_is_removed_but_not_what_a_live_one_has(self, tmp_path: Path) -> None:
        (dead, _, left), (alive, pipe, held) = self.holder(), self.holder()
        dead.kill()
        dead.join()
        assert left.exists()
        with scratch_folder() as folder:
            assert not left.exists()
            assert (held / "draft").read_bytes() == b"half of it"
            assert set(names_in(folder.parent)) == {folder.name, held.name}
        pipe.send("go on")
        alive.join()
        assert (alive.exitcode, held.exists()) == (0, False)

    def test_where_others_may_write_nothing_is_removed_and_it_is_elsewhere(self, tmp_path: Path) -> None:
        others = tmp_path / f"presswatch-spark-{os.getuid()}"
        (others / "scratch" / "theirs").mkdir(parents=True)
        others.chmod(0o777)
        with scratch_folder() as folder:
            assert folder.parent == tmp_path
            assert (others / "scratch" / "theirs").exists()
        assert not folder.exists()
