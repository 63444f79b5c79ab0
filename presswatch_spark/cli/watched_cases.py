"""Cases of removal that a watch probes, each when a round of it is due. A failed case stops no scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from presswatch_spark.cli.exits import FAILED, INCOMPLETE
from presswatch_spark.cli.options import tell
from presswatch_spark.errors import InUseError, PresswatchError
from presswatch_spark.terminal import counted

if TYPE_CHECKING:
    from presswatch_spark.cli.campaigning import Watch
    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.removal.recaptures import LaterTables
    from presswatch_spark.removal.rounds import ProbeReport
    from presswatch_spark.removal.status import CaseStatus


@dataclass(frozen=True, slots=True)
class WatchReport:
    """One line about a release or a case of a look. `code` is an exit code."""

    release: str
    said: str
    code: int = 0


@dataclass(slots=True)
class WatchedCases:
    """Probes the cases at `paths`, with the corpus, the tables and the storage of the watch's scan.

    `every`: how long after a round the next one is due. `deep`, `index`: see `Prober`. `metrics`: where to
    write how the cases stand.
    """

    target: Watch
    paths: Sequence[str]
    every: timedelta
    mirrors: Sequence[Mirror] = ()
    deep: bool = False
    index: str | None = None
    metrics: str | None = None
    dry_run: bool = False
    _measured: dict[str, CaseStatus] = field(default_factory=dict)
    _published_at: datetime | None = None
    _failed: set[str] = field(default_factory=set)

    def __call__(self) -> Iterator[WatchReport]:
        """Probe each case that is due, and yield its findings, also of a failure."""
        self._published_at, self._failed = self._newest(), set()
        for path in self.paths:
            if self.dry_run:
                yield WatchReport(path, "would be probed, if it is due")
            else:
                yield from self._findings(path) or [WatchReport(path, "not due")]
        yield from self._written()

    def after_scans(self) -> Iterator[WatchReport]:
        """Do the same after scans have published, but not again for cases that failed."""
        if not self.paths or self.dry_run or self._newest() == self._published_at:
            return
        for path in self.paths:
            if path not in self._failed:
                yield from self._findings(path)
        yield from self._written()

    def _findings(self, path: str) -> list[WatchReport]:
        """Return the findings of a case; nothing if it is not due."""
        try:
            probed = self._probe(path)
        except InUseError:
            return [WatchReport(path, "another process is probing it")]
        except PresswatchError as error:
            self._failed.add(path)
            return [WatchReport(path, f"could not be probed: {error}", FAILED)]
        return list(_found(path, probed, self.index)) if probed else []

    def _probe(self, path: str) -> ProbeReport | None:
        from presswatch_spark.corpus.store import Corpus
        from presswatch_spark.removal.case import RemovalCase
        from presswatch_spark.removal.rounds import Prober
        from presswatch_spark.removal.status import CaseStatus

        config = self.target.config
        case = RemovalCase.open(path, config.storage)
        corpus = Corpus.open(self.target.corpus, check=False, storage=config.storage)
        prober = Prober(case, config, self.mirrors, corpus, self.deep, self.index, self._tables(), tell)
        probed = prober.probe_if_due(self.every)
        if self.metrics and (probed or path not in self._measured):
            self._measured[path] = probed.status if probed else CaseStatus.of(case)
        return probed

    def _tables(self) -> LaterTables | None:
        """Return the tables of the scan; None before there are any."""
        from presswatch_spark.removal.recaptures import LaterTables
        from presswatch_spark.storage.disk import Folder
        from presswatch_spark.storage.objects import MissingError
        from presswatch_spark.tables.store import MARKER

        storage = self.target.config.storage
        try:
            Folder.of(self.target.out, storage).read(MARKER)
        except MissingError:
            return None
        return LaterTables(self.target.out, storage)

    def _newest(self) -> datetime | None:
        """Return when a run was published last; None also if that cannot be read now: each probe says so."""
        try:
            tables = self._tables() if self.paths else None
            return tables.newest() if tables else None
        except PresswatchError:
            return None

    def _written(self) -> Iterator[WatchReport]:
        from presswatch_spark.removal.metrics import write_metrics

        if self.metrics is None or self.dry_run:
            return
        try:
            write_metrics(self.metrics, list(self._measured.values()))
        except PresswatchError as error:
            yield WatchReport(self.metrics, str(error), FAILED)


def cases_of(target: Watch, options: Mapping[str, Any]) -> WatchedCases:
    """Return the cases that the options of `presswatch watch` name; `ConfigError` if a mirror is none."""
    from presswatch_spark.pointers.pointer import parse_mirror

    return WatchedCases(
        target,
        options["cases"],
        timedelta(hours=options["case_every"]),
        [parse_mirror(each) for each in options["case_mirrors"]],
        options["case_deep"],
        options["case_index"],
        options["case_metrics"],
        options["dry_run"],
    )


def _found(path: str, probed: ProbeReport, index: str | None) -> Iterator[WatchReport]:
    """Yield the findings of a round. Alarms, files left alone and silent indexes are partial."""
    from presswatch_spark.storage.objects import printable

    removed, claims = probed.status.claims()
    asked = f"{probed.asked:,} of {counted(probed.targets, 'place')} asked for"
    said = f"round {probed.round.number}: {asked}; {removed:,} of {counted(claims, 'claim')} removed"
    yield WatchReport(path, said, 0 if probed.is_complete else INCOMPLETE)
    for alarm in probed.alarms:
        yield WatchReport(path, f"alarm: {alarm.kind}: {alarm.about}: {alarm.detail}", INCOMPLETE)
    for uri, why in probed.blocked.items():
        yield WatchReport(path, f"left alone: {uri}: {why}", INCOMPLETE)
    if probed.unheard and index:
        yield WatchReport(path, f"index: {printable(index)}: {probed.unheard}", INCOMPLETE)
