"""Datasets by name: where their files are, how these are read, and how a row leads back to its record.

`conf/datasets.yaml` is checked as a whole: every mistake is reported at once, each with its line.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import yaml

from presswatch_spark.errors import InputError
from presswatch_spark.formats.table.columns import ROLES
from presswatch_spark.releases.products import PRODUCTS
from presswatch_spark.settings.checked_yaml import Check, compose
from presswatch_spark.settings.load import shipped
from presswatch_spark.storage.uris import printable, scheme_of
from presswatch_spark.terminal import did_you_mean

FORMATS = ("c4", "oscar", "rows")
UPSTREAM = ("file", "offset", "length", "record_id")
"""What columns may say of the record that a row was made from."""

SHIPPED = "datasets.yaml"
_ENTRY = "id where files part format gated source checked by"
_MORE = "columns roles release upstream size caution unverified"
_TEXTS = "where files part format release size caution source by"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BOOL_TAG = "tag:yaml.org,2002:bool"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset by name.

    `where` and `files`: its root, and a glob of a part's files below it, with `{part}` for the part. `part`:
    one part, as an example. `columns`: our names to theirs, where theirs are not found by themselves.
    `roles`: what rows say besides their text. `release`: the release of rows that name none. `upstream`: the
    columns that lead to the record that a row was made from. `checked`, `by`: when these facts were checked,
    and against what. `unverified`: the fields that this did not say.
    """

    id: str
    where: str
    files: str
    part: str
    format: str
    columns: Mapping[str, str]
    roles: tuple[str, ...]
    release: str | None
    upstream: Mapping[str, str]
    gated: bool
    size: str | None
    caution: str | None
    source: str
    checked: date
    by: str
    unverified: tuple[str, ...]

    @property
    def title(self) -> str:
        """Return its name as people write it."""
        return PRODUCTS[self.id]


@dataclass(frozen=True, slots=True)
class PartShards:
    """What a scan of one part is given: a path, and how to read it."""

    path: str
    format: str
    columns: Mapping[str, str]
    release: str | None


def load_datasets() -> dict[str, Dataset]:
    """Return the datasets of `conf/datasets.yaml` by name, in its order; raises `ConfigError` as a whole."""
    named = shipped(SHIPPED)
    return parse_datasets(named.read_bytes(), str(named))


def dataset_named(name: str, datasets: Mapping[str, Dataset]) -> Dataset:
    """Return the dataset of a name.

    Raises:
        InputError: there is none; with the nearest name.
    """
    if name not in datasets:
        raise InputError(
            f"there is no dataset of that name{did_you_mean(name, datasets)}",
            where=printable(name),
            remedy="`presswatch datasets` lists all there are",
        )
    return datasets[name]


def part_of(dataset: Dataset, part: str | None, mirror: str | None = None) -> PartShards:
    """Return the shards of a part of a dataset, and how to read them.

    Args:
        mirror: a folder, bucket or site that is laid out like `dataset.where`.

    Raises:
        InputError: no part is named, or a part that can be none; or the files are on a site that cannot be
            asked which it has.
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
    """Raise `InputError` for what can be no part of a dataset; only its files say which parts there are."""
    if not _PART.fullmatch(part):
        raise InputError(
            "can be no part: letters, digits, dots, hyphens and underscores make one",
            where=printable(part),
            remedy=f"name one, as --part {dataset.part}",
        )


def parse_datasets(raw: bytes, name: str) -> dict[str, Dataset]:
    """As `load_datasets`, from bytes; `name` stands for the file in messages."""
    check = Check()
    root = compose(raw, check, "datasets hold columns, and columns hold no more", "datasets")
    found = {dataset.id: dataset for dataset in _datasets(root, check)} if root is not None else {}
    check.finish(name, "the file of datasets")
    return found


def _datasets(root: yaml.Node, check: Check) -> Iterator[Dataset]:
    top = check.entry(root, "file of datasets", "datasets")
    for node in check.items(top.get("datasets"), "datasets"):
        keys = check.entry(node, "dataset", _ENTRY, _MORE)
        own_id = check.unique_id(keys.get("id"), "dataset") or ""
        what = f"dataset `{own_id}`"
        check.known(keys.get("id"), own_id, f"{what}: id", PRODUCTS)
        texts = {key: check.text(keys.get(key), f"{what}: {key}") for key in _TEXTS.split()}
        check.known(keys.get("format"), texts["format"], f"{what}: format", FORMATS)
        if texts["files"] and "{part}" not in texts["files"]:
            check.say(keys["files"], f"{what}: files must hold {{part}}")
        checked = check.date(keys.get("checked"), f"{what}: checked")
        yield Dataset(
            id=own_id,
            where=texts["where"] or "",
            files=texts["files"] or "",
            part=texts["part"] or "",
            format=texts["format"] or "",
            columns=_mapping(keys.get("columns"), f"{what}: columns", check, ROLES),
            roles=tuple(_names(keys.get("roles"), f"{what}: role", check, ROLES)),
            release=texts["release"],
            upstream=_mapping(keys.get("upstream"), f"{what}: upstream", check, UPSTREAM),
            gated=_truth(keys.get("gated"), f"{what}: gated", check),
            size=texts["size"],
            caution=texts["caution"],
            source=texts["source"] or "",
            checked=checked or date.min,
            by=texts["by"] or "",
            unverified=tuple(
                _names(
                    keys.get("unverified"), f"{what}: unverified", check, (*_ENTRY.split(), *_MORE.split())
                )
            ),
        )


def _names(node: yaml.Node | None, what: str, check: Check, known: Iterable[str]) -> Iterator[str]:
    for item in check.items(node, what):
        value = check.text(item, what)
        if value is not None:
            check.known(item, value, what, known)
            yield value


def _mapping(node: yaml.Node | None, what: str, check: Check, known: Iterable[str]) -> dict[str, str]:
    if node is None:
        return {}
    given = check.entry(node, what, "", " ".join(known))
    texts = {key: check.text(value, f"{what}: {key}") for key, value in given.items()}
    return {key: text for key, text in texts.items() if text}


def _truth(node: yaml.Node | None, what: str, check: Check) -> bool:
    if node is None:
        return False
    if not isinstance(node, yaml.ScalarNode) or node.tag != _BOOL_TAG:
        check.say(node, f"{what} must be yes or no")
        return False
    return str(node.value).lower() in ("yes", "true", "on")
