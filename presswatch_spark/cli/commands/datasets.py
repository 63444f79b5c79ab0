"""`presswatch datasets`: the datasets that can be scanned by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.options import as_json
from presswatch_spark.cli.replies import ReplyScreen, screen_options
from presswatch_spark.terminal import block_lines, json_line, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.cli.language import Language
    from presswatch_spark.releases.datasets import Dataset


@click.command()
@click.argument("name", required=False)
@as_json
@screen_options()
def datasets(name: str | None, as_json: bool, screen: ReplyScreen) -> None:
    """List the datasets that `presswatch scan --dataset` knows, or all that is known of one.

    Where files are and how rows are read changes: what was not verified is marked, and `source` says where
    to look.

    Example: presswatch datasets fineweb-2
    """
    from presswatch_spark.releases.datasets import dataset_named, load_datasets

    known = load_datasets()
    chosen = [dataset_named(name, known)] if name else list(known.values())
    if as_json:
        screen.show(json_line(asdict(dataset)) for dataset in chosen)
    elif name:
        screen.show(_all_lines(chosen[0], screen.language))
    else:
        screen.show(_list_lines(chosen, screen.language))


def _list_lines(listed: list[Dataset], _: Language) -> Iterator[str]:
    headers = _.names(("dataset", "format", "a part", "gated", "leads back", "where"))
    rows = [
        (
            dataset.id,
            dataset.format,
            dataset.part,
            _truth(dataset.gated, _, unverified="gated" in dataset.unverified),
            _truth(bool(dataset.upstream), _, unverified="upstream" in dataset.unverified),
            dataset.where,
        )
        for dataset in listed
    ]
    yield from table_lines(headers, rows, terminal_width(), headers[:2])
    yield _("?: not verified; for all that is known of one: presswatch datasets NAME")


def _truth(truth: bool, _: Language, *, unverified: bool) -> str:
    return (_("yes") if truth else _("no")) + ("?" if unverified else "")


def _all_lines(dataset: Dataset, _: Language) -> Iterator[str]:
    facts = {name: value for name, value in asdict(dataset).items() if name != "unverified"}
    # They are unverified field by field, and each says so itself.
    shown = [
        " ".join([_shown(value, _), *([_("(not verified)")] if name in dataset.unverified else ())])
        for name, value in facts.items()
    ]
    yield from block_lines(_.names(facts), [shown])


def _shown(value: Any, _: Language) -> str:
    match value:
        case None:
            return ""
        case bool():
            return _("yes") if value else _("no")
        case Mapping():
            return ", ".join(f"{ours}={theirs}" for ours, theirs in value.items())
        case tuple():
            return ", ".join(value)
    return _.cell(value)
