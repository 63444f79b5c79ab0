"""Datasets by name: where their files are, how these are read, and how a row leads back to its record."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from presswatch_spark.errors import InputError
from presswatch_spark.releases.products import PRODUCTS
from presswatch_spark.settings.load import shipped
from presswatch_spark.storage.uris import printable, scheme_of
from presswatch_spark.terminal import did_you_mean

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset by name.

    `where` and `files`: its root, and a glob of a part's files below it, with `{part}` for the part. `part`:
    one part, as an example. `columns`: our names to theirs, where theirs are not found by themselves.
    `roles`: the facts of rows besides their text. `release`: the release of rows that name none. `upstream`:
    the columns that lead to the record that a row was made from. `checked`, `by`: when these facts were
    checked, and in which source. `unverified`: the fields that it does not confirm.
    """

    id: str
    where: str
    files: str
    part: str
    format: str
    columns: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    release: str | None = None
    upstream: Mapping[str, str] = field(default_factory=dict)
    gated: bool
    size: str | None = None
    caution: str | None = None
    source: str
    checked: date
    by: str
    unverified: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return its name as people write it."""
        return PRODUCTS[self.id]


@dataclass(frozen=True, slots=True)
class PartShards:
    """The shards of one part: a path, and how to read it."""

    path: str
    format: str
    columns: Mapping[str, str]
    release: str | None


def load_datasets() -> dict[str, Dataset]:
    """Return the datasets of `conf/datasets.yaml` by name, in its order."""
    entries = yaml.safe_load(shipped("datasets.yaml").read_text(encoding="utf-8"))["datasets"]
    datasets = dict[str, Dataset]()
    for entry in entries:
        facts: dict[str, Any] = {name: tuple(entry.get(name, ())) for name in ("roles", "unverified")}
        datasets[entry["id"]] = Dataset(**{**entry, **facts})
    return datasets


def dataset_named(name: str, datasets: Mapping[str, Dataset]) -> Dataset:
    """Return the dataset of a name; `InputError` with the nearest name if there is none."""
    if name not in datasets:
        raise InputError(
            f"there is no dataset of that name{did_you_mean(name, datasets)}",
            where=printable(name),
            remedy="`presswatch datasets` lists all there are",
        )
    return datasets[name]


def part_of(dataset: Dataset, part: str | None, mirror: str | None = None) -> PartShards:
    """Return the shards of a part of a dataset, and how to read them.

    `mirror`: a folder, bucket or site that is laid out like `dataset.where`. `InputError`: no part is named,
    or one that can be none; or the files are on a site that cannot be asked which it has.
    """
    if part is None:
        raise InputError(
            "is scanned part by part", where=dataset.id, remedy=f"name one, as --part {dataset.part}"
        )
    require_part(dataset, part)
    root = mirror or dataset.where
    if scheme_of(root) in ("http", "https"):
        raise InputError(
            "a site cannot be asked which files it has",
            where=printable(root),
            remedy="get a copy, and name its folder or bucket with --mirror",
        )
    release = dataset.release and dataset.release.replace("{part}", part)
    path = f"{root.rstrip('/')}/{dataset.files.replace('{part}', part)}"
    return PartShards(path, dataset.format, dataset.columns, release)


def require_part(dataset: Dataset, part: str) -> None:
    """Raise `InputError` for a text that can be no part; only files show which parts exist."""
    if not _PART.fullmatch(part):
        raise InputError(
            "can be no part: letters, digits, dots, hyphens and underscores make one",
            where=printable(part),
            remedy=f"name one, as --part {dataset.part}",
        )
