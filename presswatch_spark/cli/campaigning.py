"""Opens campaigns for the command line: their plan, their settings, and the list of crawls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from presswatch_spark.campaigns.campaign import Campaign, with_corpus
from presswatch_spark.campaigns.plan import CampaignPlan, items_of, plan_of, read_plan, write_plan
from presswatch_spark.campaigns.progress import CampaignSample
from presswatch_spark.cli.options import scan_settings, tell
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.errors import ConfigError
from presswatch_spark.redaction import holds_secret
from presswatch_spark.releases.datasets import dataset_named, load_datasets, require_part
from presswatch_spark.releases.known import at_hand, current, list_uri
from presswatch_spark.settings.config import ScanConfig, config_digest
from presswatch_spark.show import printable
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import canonical
from presswatch_spark.storage.shard_lists import is_list

SCOPE = ("crawls", "since", "until", "datasets", "all_datasets", "mirrors", "listed")
"""Parameters of `campaign open` that say what is scanned; given again, they replace what was said."""


PLACES = ("corpus", "out", "listed")


def campaign_at(context: click.Context, path: str, flags: Mapping[str, Any]) -> Campaign:
    """Return the campaign in a folder, with the releases that there are today.

    Raises:
        InputError: there is none.
        ConfigError: a setting that can change a row is another than when it was opened.
        StorageError: the list of crawls is a file, and cannot be read.
    """
    folder = Folder.of(path, scan_settings(flags).storage)
    plan = plan_of(folder)
    given = scan_given(context, plan.options)
    config = scan_settings({**given, **_given(flags)}, given["config"])
    _require_settings(plan, config)
    rules = config.datasets.common_crawl
    uri = list_uri(plan.listed or rules.index)
    if plan.crawls:
        known = current(uri, config.storage, datetime.now(UTC), timedelta(hours=rules.index_hours))
    else:
        known = at_hand(uri)
    if plan.crawls and known.trouble:
        tell(printable(f"note: a newer list could not be had: {known.trouble}; {known.origin}"))
    share = given["sample"]
    sample = (
        CampaignSample(share, given["sample_seed"]) if share is not None and share != 1 else CampaignSample()
    )
    items = items_of(plan, known, config)
    found = Campaign(Folder(folder.uri, config.storage), plan, items, config, given["base"], sample)
    return found.with_unlisted([crawl.name for crawl in known.listing.crawls])


def open_campaign(
    context: click.Context, path: str, options: Mapping[str, Any], flags: Mapping[str, Any]
) -> CampaignPlan:
    """Write the plan of a campaign, or change what it scans, or give it a corpus that grew.

    Raises:
        UsageError: there is nothing to scan, or an option is the campaign's own.
        ConfigError: the tables or a setting that can change a row would be others than before, or an address
            holds a secret.
        InputError: a corpus did not only grow, or a dataset is not known, or a part can be none.
    """
    # A later call may come from another folder.
    options = {**options, **{name: canonical(options[name]) for name in PLACES if options[name]}}
    folder = Folder.of(path, scan_settings(flags).storage)
    found = read_plan(folder)
    plan = found[0] if found else CampaignPlan("", ())
    words = tuple(options["scan_options"]) or plan.options
    given = scan_given(context, words)
    config = scan_settings({**given, **_given(flags)}, given["config"])
    plan = _scoped(context, replace(plan, options=words), options)
    _refuse_secrets(plan)
    if found:
        _require_same(context, found[0], plan, options["out"], config, flags)
    elif not (options["corpus"] and options["out"]):
        raise click.UsageError("a new campaign needs --corpus and --out", context)
    plan = replace(plan, out=plan.out or options["out"])
    if options["corpus"]:
        plan = with_corpus(plan, options["corpus"], config)
    plan = replace(plan, settings=_settings_digest(plan, config))
    write_plan(folder, plan, found[1] if found else None)
    return plan


def scan_given(context: click.Context, words: Sequence[str]) -> Mapping[str, Any]:
    """Return the parameters of `presswatch scan` that a campaign's options give.

    Raises:
        UsageError: they are no options of a scan, or say what the campaign decides.
    """
    from presswatch_spark.cli.commands.scan import scan

    needed = ["--corpus", "", "--out", ""]
    given = scan.make_context("campaign … --", [*needed, *words], parent=context.parent).params
    decided = ("paths", "release", "named", "part", "mirror", "corpus", "out", "read__release", "run__budget")
    if any(given[name] for name in decided) or given["dataset"] != "auto":
        raise click.UsageError(
            "the campaign names releases, formats, corpus, tables and budget: leave them out after --",
            context,
        )
    if given["base"] and is_list(given["base"]):
        raise click.UsageError("--base is a list of shards, and each release has one of its own", context)
    return given


def _refuse_secrets(plan: CampaignPlan) -> None:
    """Raise `ConfigError` for what looks like a secret: the campaign's file is read by others."""
    texts = (*plan.options, *plan.mirrors.values(), plan.listed or "")
    if any(holds_secret(text) for text in texts):
        raise ConfigError(
            "an address holds a secret, which would stand in the campaign's file",
            where="command line",
            remedy="leave it out: credentials come from the usual chain of AWS, or from HF_TOKEN",
        )


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value not in (None, ())}


def _scoped(context: click.Context, plan: CampaignPlan, options: Mapping[str, Any]) -> CampaignPlan:
    """Return the plan with what is said to be scanned, or as it was where nothing is said."""
    if options["newest_first"] is not None:
        plan = replace(plan, newest_first=options["newest_first"])
    if any(options[name] for name in SCOPE):
        known = load_datasets()
        parts = list(dict.fromkeys(_pair(context, "--dataset", text, ":") for text in options["datasets"]))
        for name, part in parts:
            require_part(dataset_named(name, known), part)
        if options["all_datasets"]:
            named = {name for name, _ in parts}
            parts += [(each.id, each.part) for each in known.values() if each.id not in named]
        mirrors = [_pair(context, "--mirror", text, "=") for text in options["mirrors"]]
        plan = replace(
            plan,
            crawls=options["crawls"],
            since=options["since"],
            until=options["until"],
            datasets=tuple(parts),
            mirrors={name: canonical(uri) for name, uri in mirrors},
            listed=options["listed"],
        )
        # A misspelt one would be no mirror, and the dataset be read where it lives.
        if unknown := sorted(set(plan.mirrors) - {name for name, _ in parts}):
            raise click.UsageError(
                f"--mirror names {unknown[0]}, and this campaign scans no dataset of that name", context
            )
    if not (plan.crawls or plan.datasets):
        raise click.UsageError("say what is scanned: --crawls, --dataset or --all-datasets", context)
    if (plan.since or plan.until) and not plan.crawls:
        raise click.UsageError("--since and --until are for --crawls", context)
    return plan


def _pair(context: click.Context, option: str, text: str, sign: str) -> tuple[str, str]:
    name, found, value = text.partition(sign)
    if not (name and found and value):
        raise click.UsageError(f"{option} must be NAME{sign}VALUE, not {text!r}", context)
    return name, value


def _require_same(
    context: click.Context,
    before: CampaignPlan,
    after: CampaignPlan,
    out: str | None,
    config: ScanConfig,
    flags: Mapping[str, Any],
) -> None:
    """Raise `ConfigError` for changes by which what is done would no longer be the campaign's."""
    if out and out != before.out:
        raise ConfigError(
            f"the tables of a campaign stay where they are, in {before.out}",
            where="--out",
            remedy="open another campaign",
        )
    given = scan_given(context, before.options)
    earlier = scan_settings({**given, **_given(flags)}, given["config"])
    _require_settings(replace(before, settings=before.settings or _settings_digest(before, earlier)), config)


def _settings_digest(plan: CampaignPlan, config: ScanConfig) -> str:
    return config_digest(config, manifest_of(plan.corpora[-1].path, config.storage).minhash)


def _require_settings(plan: CampaignPlan, config: ScanConfig) -> None:
    """Raise `ConfigError` for settings by which what is done would not count, and be scanned once more."""
    if plan.settings not in (None, _settings_digest(plan, config)):
        raise ConfigError(
            "a setting that can change a row is another than before",
            where="command line, environment or the campaign's file",
            remedy="leave it, or open another campaign with other tables",
        )
