"""Files on a hub: a commit keeps its files, so the newest revision is asked, too.

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
        """Ask the newest revision, and read another file that is known from the commit.

        The other file shows that the hub answers, and that the dataset is laid out as before.
        """
        address = HubAddress.of(self.file.uri)
        main = str(replace(address, revision=MAIN))
        answer = ask(main, 0, 1, self.options.storage)
        facts = ResponseFacts.of(answer, f"GET {main} bytes=0-0", main)
        for target, found in self._at_newest(address, main, answer, facts):
            self._note(states.NEWEST, facts, found, target)
        known = [*self.file.siblings, *self.memory.others.get(address.root, ())]
        beside = [uri for uri in known if uri.startswith(address.root)]
        if any(each.role == "target" and each.outcome == states.MISSING for each in self.probes):
            # The commit is gone: a file that is known from it is read in the newest revision.
            commit = answer.header(COMMIT)
            root = replace(address, revision=commit or MAIN).root
            try:
                root = root if commit else pinned(root, self.options.storage)
            except BlockedError:
                raise
            except PresswatchError:
                return
            for uri in dict.fromkeys([self.file.uri, *beside]):
                newest = root + uri.removeprefix(address.root)
                part = self._note_read("beside", newest, HEAD_BYTES, "a file was read")
                if part and part.data:
                    return
        elif not set(beside) - {self.file.uri}:
            # Another file of the same folder is noted once, while the commit still gives it.
            folder, _, name = self.file.uri.rpartition("/")
            suffix = name.partition(".")[2]
            try:
                listed = [each.uri for each in islice(list_objects(folder, self.options.storage), LISTED)]
            except BlockedError:
                raise
            except PresswatchError:
                return
            others = (uri for uri in listed if uri != self.file.uri and uri.endswith(suffix))
            if (other := next(others, None)) is not None:
                self._note_read("beside", other, HEAD_BYTES, "a file was read")

    def _at_newest(
        self, address: HubAddress, main: str, answer: RawResponse, facts: ResponseFacts
    ) -> Iterator[tuple[Target, ProbeFinding]]:
        part, targets, commit = part_of(answer, main, 0, 1), self.file.targets, answer.header(COMMIT)
        if isinstance(part, ProbeFinding):
            if answer.code == NO_REVISION:
                part = ProbeFinding(states.STRANGE, f"the dataset has no branch {MAIN}")
            names: dict[str, str] | ProbeFinding = part
            if part.outcome == states.MISSING:
                try:
                    root = pinned(replace(address, revision=MAIN).root, self.options.storage)
                    names = large_files(root, self.options.storage)
                except BlockedError:
                    raise
                except PresswatchError as error:
                    detail = f"the newest revision could not be listed: {error.what}"
                    names = ProbeFinding(states.FAILED, detail)
            for target in targets:
                if isinstance(names, ProbeFinding):
                    yield target, names
                elif name := names.get(target.etag or ""):
                    detail = f"the newest revision has the same file under another name: {name}"
                    yield target, ProbeFinding(states.ELSEWHERE, detail)
                else:
                    detail = "the newest revision has neither this file nor its bytes"
                    yield target, ProbeFinding(states.MISSING, detail)
            return
        if commit is None:
            unnamed = ProbeFinding(states.STRANGE, "the hub does not say which commit it gave")
            yield from ((target, unnamed) for target in targets)
            return
        left, linked = list[Target](), (answer.header(SHA256) or "").strip('"')
        for target in targets:
            if commit == address.revision:
                asked = (each for each in reversed(self.probes) if each.target_sha256 == target.target_sha256)
                last = next(each for each in asked if each.role == "target")
                yield target, _repeated(last, "the newest revision is the commit itself")
            elif found := self._known(target, linked, facts):
                yield target, found
            else:
                left.append(target)
        if left:
            yield from self._read_through(left, str(replace(address, revision=commit)), facts)

    def _known(self, target: Target, linked: str, facts: ResponseFacts) -> ProbeFinding | None:
        """Return the finding of a file that is known by its SHA-256 or version; None if it must be read."""
        if linked and linked == target.etag:
            return ProbeFinding(states.SAME, "the newest revision has the same file, by its SHA-256")
        probe = self.memory.newest.get(target.target_sha256)
        if probe is None or facts.etag is None or (probe.etag, probe.bytes) != (facts.etag, facts.bytes):
            return None
        is_uncounted = probe.outcome in (states.NOWHERE, states.OTHER_TEXT) and probe.copied_words is None
        if is_uncounted and self.words.can_count(target):
            return None
        return _repeated(probe, f"the newest revision has the file that probe {probe.number:,} read")

    def _read_through(
        self, targets: list[Target], uri: str, facts: ResponseFacts
    ) -> Iterator[tuple[Target, ProbeFinding]]:
        """Read the file of the newest revision to its end; yield the findings of the targets in it."""
        memory = ProbeMemory(self.memory.shards, dict(self.memory.beside), dict(self.memory.first))
        memory.learn(self.probes)
        file = ProbedFile(uri, tuple(targets), (), self.file.noticed, self.file.known)
        whole = FileProber(file, memory, self.options, self.words, deep=True, nowhere=self.nowhere)
        whole.look_through(targets, facts)
        by_digest = {target.target_sha256: target for target in targets}
        for probe in whole.probes:
            found = ProbeFinding(probe.outcome, probe.detail or "", RecordFacts.of_row(probe))
            yield by_digest[probe.target_sha256 or ""], found


def _repeated(probe: Probe, detail: str) -> ProbeFinding:
    return ProbeFinding(probe.outcome, detail, RecordFacts(copied_words=probe.copied_words))


def large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    """Return the paths of the large files of a dataset at a commit, by their SHA-256.

    Of threads that ask at the same time, the first one lists, and the others wait for its list.
    """
    with _LISTING:
        return _large_files(root, storage)


@lru_cache(maxsize=4)
def _large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    return {info.sha256: info.uri.removeprefix(root) for info in list_objects(root, storage) if info.sha256}
