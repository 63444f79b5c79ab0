"""What a watch starts: a scan by its options, and the key that tells whether two scans are the same."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.errors import ConfigError, OutputError
from presswatch_spark.show import printable

if TYPE_CHECKING:
    from presswatch_spark.corpus.manifest import Manifest
    from presswatch_spark.releases.release import Release
    from presswatch_spark.settings.config import ScanConfig
    from presswatch_spark.watch.starters import ScanJob, Starter

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Watched:
    """A scan of any release: `arguments` are those of `presswatch scan` without the release's name.

    `drawn` holds the options that say which shards of a release are scanned. `presswatch` is the command line
    that scans here. `archive` is what jobs elsewhere run from, if it was named.
    """

    arguments: tuple[str, ...]
    dataset: str
    out: str
    base: str | None
    corpus: str
    config: ScanConfig
    manifest: Manifest
    drawn: Mapping[str, object]
    presswatch: click.Command
    archive: Path | None = None

    @property
    def key(self) -> str:
        """Return a key of corpus, format, settings and sample; what is scanned is not part of it."""
        from presswatch_spark.runs.work import key_of
        from presswatch_spark.settings.config import row_settings

        settings = row_settings(self.config, self.manifest.minhash)
        drawn = json.dumps(self.drawn, sort_keys=True, default=str)
        return key_of(self.manifest.digest, self.dataset, settings, drawn)

    def job_of(self, release: Release) -> ScanJob:
        """Return the scan of `release`."""
        from presswatch_spark.watch.starters import ScanJob

        return ScanJob(release.name, ("--release", release.name, *self.arguments))

    def not_ready(self, release: Release) -> str | None:
        """Return why `release` cannot be scanned yet: see `presswatch_spark.watch.scope.not_ready`."""
        from presswatch_spark.watch.scope import not_ready

        return not_ready(release, self.dataset, self.base, self.config.datasets, self.config.storage)

    def starter_of(self, profile: str) -> Starter:
        """Return the way to run scans that `profile` names; raises `ConfigError` if it cannot be used."""
        from presswatch_spark.cli.exits import ended
        from presswatch_spark.deploy.profiles import load_profile
        from presswatch_spark.deploy.starter import Deployed
        from presswatch_spark.watch.starters import InProcess

        if profile == LOCAL:
            return InProcess(partial(ended, self.presswatch, "presswatch"), self.published)
        loaded = load_profile(profile, os.environ)
        if loaded.service == LOCAL:
            raise ConfigError("is for `presswatch submit`", where=profile, remedy="say --on local")
        return Deployed(profile, loaded, lambda line: click.echo(printable(line), err=True), self.archive)

    def published(self, release: str, since: datetime | None) -> int | None:
        """Return the exit code of the newest run of this scan on `release` in the tables; None if none."""
        from presswatch_spark.settings.config import config_digest
        from presswatch_spark.tables.store import TableStore

        try:
            store = TableStore.open(self.out, self.config.storage)
        except OutputError:
            return None
        config = replace(self.config, read=replace(self.config.read, release=release))
        wanted = {
            "release": release,
            "dataset": self.dataset,
            "corpus_digest": self.manifest.digest,
            "config_digest": config_digest(config, self.manifest.minhash),
            "sample": self.drawn.get("sample"),
            "sample_seed": self.drawn.get("sample_seed") if "sample" in self.drawn else None,
        }
        # A run that read some records of its shards alone has not scanned the release.
        wanted["records_planned"] = None
        columns = [*wanted, "finished_at", "shards_planned", "shards_complete"]
        runs = [
            row
            for row in store.read("runs", columns=columns).to_pylist()
            if all(row[name] == value for name, value in wanted.items())
            and (since is None or row["finished_at"] >= since)
        ]
        newest = max(runs, key=lambda row: row["finished_at"], default=None)
        return newest and (0 if newest["shards_complete"] == newest["shards_planned"] else 3)


def watched(
    context: click.Context, options: tuple[str, ...], news: bool, archive: Path | None = None
) -> Watched:
    """Return the scan that `options` describe.

    Raises:
        UsageError: they are no options of a scan, or name what the watch decides.
        ConfigError: a setting is wrong.
        CorpusError: there is no corpus.
    """
    from presswatch_spark.cli.options import scan_settings
    from presswatch_spark.corpus.store import manifest_of

    given = scan_given(context, options, news)
    config = scan_settings(given, given["config"])
    drawn = {name: given[name] for name in given if name.startswith("sample") and given[name] is not None}
    manifest = manifest_of(given["corpus"], config.storage)
    return Watched(
        arguments=options,
        dataset=given["dataset"],
        out=given["out"],
        base=given["base"],
        corpus=given["corpus"],
        config=config,
        manifest=manifest,
        drawn=drawn,
        presswatch=context.find_root().command,
        archive=archive,
    )


def scan_given(context: click.Context, options: Sequence[str], news: bool) -> Mapping[str, Any]:
    """Return the parameters of `presswatch scan` that a watch's `options` give; for errors, see `watched`."""
    from presswatch_spark.cli.commands.scan import scan
    from presswatch_spark.formats import registry
    from presswatch_spark.releases.release import NEWS, kinds_of

    given = scan.make_context("watch … --", list(options), parent=context.parent).params
    if given["paths"] or given["release"] or given["read__release"]:
        raise click.UsageError(
            "the watch names the releases: leave PATH, --release and --release-name out", context
        )
    # What Common Crawl publishes by the release are records.
    published = [format.name for format in registry.FORMATS if format.read_part]
    if given["dataset"] not in published:
        known = "|".join(published)
        raise click.UsageError(f"name what to scan of each release: -- --format {known}", context)
    if news and given["dataset"] not in kinds_of(NEWS):
        raise click.UsageError("CC-NEWS is published as WARC only: -- --format warc", context)
    return given
