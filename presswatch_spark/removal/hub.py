"""Files on a hub: a commit keeps what it had, so the newest revision is asked, too.

A row that the newest revision no longer has is still served by its commit (`superseded`), until the history
is squashed. Then the commit is gone, and only the newest revision can show whether the row is.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from presswatch_spark.errors import PresswatchError
from presswatch_spark.removal import states
from presswatch_spark.removal.probe import HEAD_BYTES, FileProber, ProbedFile, ProbeMemory
from presswatch_spark.removal.responses import ProbeFinding, RecordFacts, ResponseFacts, part_of
from presswatch_spark.settings.config import StorageOptions
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.hub import NO_REVISION
from presswatch_spark.storage.objects import RawResponse, ask, list_objects, pinned
from presswatch_spark.storage.uris import MAIN, HubAddress
from presswatch_spark.tables.declarations import Probe, Target

COMMIT, SHA256 = "X-Repo-Commit", "X-Linked-ETag"
LISTED = 1000
"""Files of a folder that are looked at to find another one beside a file."""
_LISTING = threading.Lock()


class HubFileProber(FileProber):
    """Asks for the targets of one file at its commit, and of the same file at the newest revision."""

    __slots__ = ()

    def _ask_siblings(self) -> None:
        """Ask the newest revision, and read another file that is known from the commit."""
        address = HubAddress.of(self.file.uri)
        main = str(replace(address, revision=MAIN))
        answer = ask(main, 0, 1, self.options.storage)
        facts = ResponseFacts.of(answer, f"GET {main} bytes=0-0", main)
        for target, found in self._at_newest(address, main, answer, facts):
            self._note(states.NEWEST, facts, found, target)
        if any(each.role == "target" and each.outcome == states.MISSING for each in self.probes):
            self._ask_beside_newest(address, answer)
        else:
            self._ask_beside_commit(address)

    def _at_newest(
        self, address: HubAddress, main: str, answer: RawResponse, facts: ResponseFacts
    ) -> Iterator[tuple[Target, ProbeFinding]]:
        """Yield each target with what the newest revision has of it."""
        part, targets, commit = part_of(answer, main, 0, 1), self.file.targets, answer.header(COMMIT)
        if isinstance(part, ProbeFinding):
            if answer.code == NO_REVISION:
                part = ProbeFinding(states.STRANGE, f"the dataset has no branch {MAIN}")
            names = self._names(address) if part.outcome == states.MISSING else part
            for target in targets:
                yield target, names if isinstance(names, ProbeFinding) else _renamed(target, names)
            return
        if commit in (None, address.revision):
            for target in targets:
                yield target, self._unchanged(target, commit)
            return
        left, linked = list[Target](), (answer.header(SHA256) or "").strip('"')
        for target in targets:
            if known := self._known(target, linked, facts):
                yield target, known
            else:
                left.append(target)
        if left:
            for probe in self._read_through(left, str(replace(address, revision=commit)), facts):
                target = next(each for each in left if each.target_sha256 == probe.target_sha256)
                yield target, ProbeFinding(probe.outcome, probe.detail or "", _record_of(probe))

    def _unchanged(self, target: Target, commit: str | None) -> ProbeFinding:
        """Return what the commit itself gave: the newest revision is that commit."""
        if commit is None:
            return ProbeFinding(states.STRANGE, "the hub does not say which commit it gave")
        of_target = [each for each in self.probes if each.target_sha256 == target.target_sha256]
        last = next(each for each in reversed(of_target) if each.role == "target")
        counted = RecordFacts(copied_words=last.copied_words)
        return ProbeFinding(last.outcome, "the newest revision is the commit itself", counted)

    def _known(self, target: Target, linked: str, facts: ResponseFacts) -> ProbeFinding | None:
        """Return what is known of a file with this SHA-256 without reading it again."""
        if linked and linked == target.etag:
            return ProbeFinding(states.SAME, "the newest revision has the same file, by its SHA-256")
        probe = self.memory.newest.get(target.target_sha256)
        if probe is None or facts.etag is None or (probe.etag, probe.bytes) != (facts.etag, facts.bytes):
            return None
        is_uncounted = probe.outcome in (states.NOWHERE, states.OTHER_TEXT) and probe.copied_words is None
        if is_uncounted and self.words.can_count(target):
            return None
        detail = f"the newest revision has the file that probe {probe.number:,} read"
        return ProbeFinding(probe.outcome, detail, RecordFacts(copied_words=probe.copied_words))

    def _read_through(self, targets: list[Target], uri: str, facts: ResponseFacts) -> Iterator[Probe]:
        """Read the file of the newest revision to its end; yield what it has of the targets."""
        memory = ProbeMemory(dict(self.memory.beside), dict(self.memory.first))
        for probe in self.probes:
            memory.learn(probe, self.file.uri)
        if self.file.uri in memory.first:
            memory.first[uri] = memory.first[self.file.uri]
        file = ProbedFile(uri, tuple(targets), (), self.file.noticed, self.file.known)
        whole = FileProber(file, memory, self.options, self.words, deep=True, nowhere=self.nowhere)
        whole.look_through(targets, facts)
        yield from (probe for probe in whole.probes if probe.role == "target")

    def _names(self, address: HubAddress) -> dict[str, str] | ProbeFinding:
        """Return the paths of the newest revision's large files by SHA-256, or why they are unknown."""
        try:
            root = pinned(replace(address, revision=MAIN, path="").root, self.options.storage)
            return large_files(root, self.options.storage)
        except BlockedError:
            raise
        except PresswatchError as error:
            return ProbeFinding(states.FAILED, f"the newest revision could not be listed: {error.what}")

    # Other files, which show that the hub answers, and that the dataset is laid out as before.

    def _ask_beside_newest(self, address: HubAddress, answer: RawResponse) -> None:
        """The commit is gone: read a file in the newest revision that is known from the commit."""
        commit = answer.header(COMMIT)
        root = pinned_root(address, commit, self.options.storage)
        if root is None:
            return
        known = [self.file.uri, *self.file.siblings, *self.memory.others.get(address.root, ())]
        for uri in dict.fromkeys(known):
            if uri.startswith(address.root) and self._is_read(root + uri.removeprefix(address.root)):
                return

    def _ask_beside_commit(self, address: HubAddress) -> None:
        """Note another file of the same folder, once, while the commit still gives it."""
        known = (*self.file.siblings, *self.memory.others.get(address.root, ()))
        if any(uri != self.file.uri and uri.startswith(address.root) for uri in known):
            return
        folder, _, name = self.file.uri.rpartition("/")
        suffix = name.partition(".")[2]
        try:
            listed = islice(list_objects(folder, self.options.storage), LISTED)
            other = next(
                (each.uri for each in listed if each.uri != self.file.uri and each.uri.endswith(suffix)), None
            )
        except BlockedError:
            raise
        except PresswatchError:
            return
        if other is not None:
            self._is_read(other)

    def _is_read(self, uri: str) -> bool:
        """Read the beginning of another file; return whether that could be read."""
        part, facts = self._asked(uri, 0, HEAD_BYTES)
        if isinstance(part, ProbeFinding):
            self._note("beside", facts, part)
            return False
        detail = f"{len(part.data):,} bytes of a file were read"
        self._note("beside", facts, ProbeFinding(states.SAME, detail))
        return bool(part.data)


def _record_of(probe: Probe) -> RecordFacts:
    return RecordFacts(
        record_offset=probe.record_offset,
        record_length=probe.record_length,
        row_index=probe.row_index,
        record_sha256=probe.record_sha256,
        record_id=probe.record_id,
        document_url=probe.document_url,
        text_sha256=probe.text_sha256,
        copied_words=probe.copied_words,
    )


def pinned_root(address: HubAddress, commit: str | None, storage: StorageOptions) -> str | None:
    """Return the URI of the dataset at a commit, or at the newest one; None if the hub names none."""
    if commit is not None:
        return replace(address, revision=commit, path="").root
    try:
        return pinned(replace(address, revision=MAIN, path="").root, storage)
    except BlockedError:
        raise
    except PresswatchError:
        return None


def _renamed(target: Target, names: dict[str, str]) -> ProbeFinding:
    """Return whether a file that the newest revision lacks has the same bytes there under another name."""
    name = names.get(target.etag or "")
    if name is None:
        return ProbeFinding(states.MISSING, "the newest revision has neither this file nor its bytes")
    return ProbeFinding(states.ELSEWHERE, f"the newest revision has the same file under another name: {name}")


def large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    """Return the paths of the large files of a dataset at a commit, by their SHA-256.

    Of threads that ask at the same time, the first one lists, and the others wait for its list.
    """
    with _LISTING:
        return _large_files(root, storage)


@lru_cache(maxsize=4)
def _large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    return {info.sha256: info.uri.removeprefix(root) for info in list_objects(root, storage) if info.sha256}
