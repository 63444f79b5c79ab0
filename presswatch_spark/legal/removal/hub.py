"""Removal from files on a hub. A commit keeps its files, so the newest revision is requested, too.

If the newest revision no longer has a row, its commit still serves the row (`superseded`) until the history
is squashed. Then the commit is gone, and only the newest revision can show whether the row is gone.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.legal.removal.probe import HEAD_BYTES, FileProber, ProbedFile, ProbeMemory
from presswatch_spark.legal.removal.responses import (
    ProbeFinding,
    RecordFacts,
    ResponseFacts,
    finding_of,
    part_of,
)
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.hub import NO_REVISION
from presswatch_spark.storage.objects import RawResponse, ask, list_objects, pinned
from presswatch_spark.storage.uris import MAIN, HubAddress
from presswatch_spark.tables.declarations import Target

COMMIT, SHA256 = "X-Repo-Commit", "X-Linked-ETag"
FILES_LOOKED_AT = 1000
"""Most files of a folder that are listed to find another one beside a file."""
_LISTING = threading.Lock()


class HubFileProber(FileProber):
    """Looks for the targets of one file at its commit, and in the same file at the newest revision."""

    __slots__ = ()

    def _ask_siblings(self) -> None:
        """Request the newest revision; read another file of the commit to show that the hub answers."""
        address, storage = HubAddress.of(self.file.uri), self.options.storage
        main = str(replace(address, revision=MAIN))
        answer = ask(main, 0, 1, storage)
        facts = ResponseFacts.of(answer, f"GET {main} bytes=0-0", main)
        for target, found in self._at_newest(address, main, answer, facts):
            self._note("newest", facts, found, target)

        known = [*self.file.siblings, *self.memory.others.get(address.root, ())]
        beside = [uri for uri in known if uri.startswith(address.root)]
        is_gone = any(each.role == "target" and each.outcome == "missing" for each in self.probes)
        commit, files = answer.header(COMMIT), list[str]()
        try:
            if is_gone:
                # Read a file that is known from the commit in the newest revision.
                root = replace(address, revision=commit or MAIN).root
                root = root if commit else pinned(root, storage)
                files = [
                    root + uri.removeprefix(address.root) for uri in dict.fromkeys([self.file.uri, *beside])
                ]
            elif not set(beside) - {self.file.uri}:
                # Note another file of the same folder once, while the commit still serves it.
                folder, _, name = self.file.uri.rpartition("/")
                suffix = name.partition(".")[2]
                listed = (each.uri for each in islice(list_objects(folder, storage), FILES_LOOKED_AT))
                files = [uri for uri in listed if uri != self.file.uri and uri.endswith(suffix)][:1]
        except BlockedError:
            raise
        except PresswatchError:
            return
        for uri in files:
            part = self._note_read("beside", uri, HEAD_BYTES, "a file was read")
            if part and part.data:
                return

    def _at_newest(
        self, address: HubAddress, main: str, answer: RawResponse, facts: ResponseFacts
    ) -> Iterator[tuple[Target, ProbeFinding]]:
        part, commit = part_of(answer, main, 0, 1), answer.header(COMMIT)
        linked = (answer.header(SHA256) or "").strip('"')
        if isinstance(part, ProbeFinding) and answer.code == NO_REVISION:
            part = ProbeFinding("strange", f"the dataset has no branch {MAIN}")
        elif not isinstance(part, ProbeFinding) and commit is None:
            part = ProbeFinding("strange", "the hub does not state the commit of its answer")
        left, names = list[Target](), dict[str, str]()
        if isinstance(part, ProbeFinding) and part.outcome == "missing":
            try:
                names = large_files(
                    pinned(replace(address, revision=MAIN).root, self.options.storage), self.options.storage
                )
                part = ProbeFinding("missing", "the newest revision has neither this file nor its bytes")
            except BlockedError:
                raise
            except PresswatchError as error:
                part = ProbeFinding("failed", f"the newest revision could not be listed: {error.what}")
        for target in self.file.targets:
            if isinstance(part, ProbeFinding) and (name := names.get(target.etag or "")):
                detail = f"the newest revision has the same file under another name: {name}"
                yield target, ProbeFinding("elsewhere", detail)
            elif isinstance(part, ProbeFinding):
                yield target, part
            elif commit == address.revision:
                of_target = [each for each in self.probes if each.target_sha256 == target.target_sha256]
                last = next(each for each in reversed(of_target) if each.role == "target")
                words = RecordFacts(copied_words=last.copied_words)
                yield target, finding_of(last, "the newest revision is the commit itself", words)
            elif linked and linked == target.etag:
                detail = "the newest revision has the same file, by its SHA-256"
                yield target, ProbeFinding("same", detail)
            elif found := self._known(target, facts):
                yield target, found
            else:
                left.append(target)
        if not left or not commit:
            return
        memory = ProbeMemory(self.memory.shards, dict(self.memory.beside), dict(self.memory.first))
        memory.learn(self.probes)
        uri = str(replace(address, revision=commit))
        file = ProbedFile(uri, tuple(left), (), self.file.noticed, self.file.known)
        whole = FileProber(file, memory, self.options, self.words, deep=True, nowhere=self.nowhere)
        whole.look_through(left, facts)
        by_digest: Mapping[str | None, Target] = {target.target_sha256: target for target in left}
        for probe in whole.probes:
            found = finding_of(probe, probe.detail or "", RecordFacts.of_row(probe))
            yield by_digest[probe.target_sha256], found

    def _known(self, target: Target, facts: ResponseFacts) -> ProbeFinding | None:
        probe = self.memory.newest.get(target.target_sha256)
        if probe is None or facts.etag is None or (probe.etag, probe.bytes) != (facts.etag, facts.bytes):
            return None
        is_uncounted = probe.outcome in ("nowhere", "other_text") and probe.copied_words is None
        if is_uncounted and self.words.can_count(target):
            return None
        detail = f"the newest revision has the file that probe {probe.number:,} read"
        return finding_of(probe, detail, RecordFacts(copied_words=probe.copied_words))


def large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    """Return the paths of the large files of a dataset at a commit, by their SHA-256.

    If several threads call it at the same time, the first one lists, and the others wait for its list.
    """
    with _LISTING:
        return _large_files(root, storage)


@lru_cache(maxsize=4)
def _large_files(root: str, storage: StorageOptions) -> dict[str, str]:
    return {info.sha256: info.uri.removeprefix(root) for info in list_objects(root, storage) if info.sha256}
