"""Makes every published table an Iceberg table of a catalog, without writing a row again.

A catalog's table names our own Parquet files: those that published rows name. A sync commits the difference,
once for each table. Therefore a second sync changes nothing, and the sync after a killed one does the rest.
If two run at once, the catalog refuses the later commit, and its sync computes the difference again.

The catalog is opened by pyiceberg, an extra, with settings from `.pyiceberg.yaml` in the home folder, from
the environment (`PYICEBERG_CATALOG__…`) and from properties. Secrets come only from the first two or the AWS
credential chain: other users of the machine can see a command line.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from presswatch_spark.core.errors import ConfigError, OutputError, StorageError, first_line
from presswatch_spark.core.redaction import is_secret_name
from presswatch_spark.core.terminal import printable
from presswatch_spark.storage.arrow_files import opened_parquet
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.catalog import NAME
from presswatch_spark.tables.declarations import PUBLISHING_TABLES, SCHEMAS
from presswatch_spark.tables.rewriting import PARTITIONS
from presswatch_spark.tables.store import TableStore, is_merged

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table


FROM_ELSEWHERE = "set it in .pyiceberg.yaml or in the environment (PYICEBERG_CATALOG__{}__…)"
INSTALL = "pip install 'pyiceberg[glue,pyarrow,sql-sqlite]>=0.12,<0.13'"


def open_catalog(
    kind: str, properties: Mapping[str, str], storage: StorageOptions, name: str = NAME
) -> Catalog:
    """Open a catalog of a kind (`KINDS`).

    `properties`: pyiceberg's own, such as `uri` and `warehouse`; they override its other settings and
    `storage`. `ConfigError`: pyiceberg is not installed, or a property is a secret, missing or wrong.
    `StorageError`: the catalog cannot be reached.
    """
    for key, value in properties.items():
        if is_secret_name(key) or urlsplit(value).password:
            raise ConfigError(
                "a secret does not belong on a command line",
                where=f"--property {printable(key)}",
                remedy=FROM_ELSEWHERE.format(name.upper()),
            )
    try:
        ignore_working_folder()
        from pyiceberg.catalog import load_catalog
    except ImportError as error:
        raise ConfigError("pyiceberg is not installed", where="catalog", remedy=INSTALL) from error
    from presswatch_spark.storage.s3 import aws_session

    session = aws_session(storage.profile, storage.region)
    on_aws = {"s3.endpoint": storage.endpoint, "client.region": session.region_name}
    if storage.unsigned:
        on_aws["s3.anonymous"] = "true"
    elif storage.profile and (credentials := session.get_credentials()):
        # Arrow's S3 client does not support profiles.
        keys = credentials.get_frozen_credentials()
        on_aws |= {
            "client.access-key-id": keys.access_key,
            "client.secret-access-key": keys.secret_key,
            "client.session-token": keys.token,
        }
    on_aws = {key: value for key, value in on_aws.items() if value}
    given = {**on_aws, **properties, "type": kind}
    with catalog_errors(f"catalog {name} ({kind})"):
        try:
            return load_catalog(name, **given)
        except (ImportError, KeyError, LookupError, TypeError, ValueError) as error:
            raise ConfigError(
                printable(f"the catalog cannot be opened: {first_line(error)}"),
                where=f"--catalog {kind}",
                remedy=f"pass what is missing with --property, or {FROM_ELSEWHERE.format(name.upper())}",
            ) from error


def ignore_working_folder() -> None:
    """Make pyiceberg ignore a settings file in the working folder; call this before its first import."""
    from pyiceberg.utils import config

    # pyiceberg searches `os.getcwd()` last, and skips an empty name: `str()` returns "".
    config.os = SimpleNamespace(**{**vars(os), "getcwd": str})  # type: ignore[attr-defined, assignment]


@contextmanager
def catalog_errors(where: str) -> Iterator[None]:
    """Raise errors of a catalog's service, database or storage as `StorageError`."""
    try:
        yield
    except _errors_of_catalogs() as error:
        raise StorageError(
            printable(f"the catalog refuses: {first_line(error)}"),
            where=where,
            remedy="check that it exists and is writable, and run the same command again",
        ) from error


def _errors_of_catalogs() -> tuple[type[Exception], ...]:
    import botocore.exceptions
    import requests
    import sqlalchemy.exc
    from pyiceberg import exceptions

    of_iceberg: list[Any] = [each for each in vars(exceptions).values() if isinstance(each, type)]
    services = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
    others = (requests.RequestException, sqlalchemy.exc.SQLAlchemyError, pa.ArrowException, OSError)
    return (*of_iceberg, *services, *others)


FOLDER_PROPERTY = "presswatch.tables"
"""The property of an Iceberg table with the folder of tables that it belongs to."""
PROPERTIES = {
    # After a conflict, `_synced` computes the difference again; a retry by pyiceberg would add files twice.
    "commit.retry.num-retries": "0",
    # Each commit writes a new file of all metadata: delete old ones.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}
TRIES, READERS = 5, 8
NOT_IN_PATHS = "?#"
LONGEST_COMMENT = 255
"""Bytes of a comment, by Glue's own limit."""
AGAIN = "run the command again when no other process changes the tables"


@dataclass(frozen=True, slots=True)
class Published:
    """A file that a published row names: its URI, and its bytes and rows if the row states them."""

    uri: str
    bytes: int | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """The result of a sync for a table: files added, files taken out, and files it has now."""

    table: str
    added: int
    taken_out: int
    files: int


def sync(store: TableStore, catalog: Catalog, namespace: str) -> list[CatalogChange]:
    """Bring the tables of a catalog to the published state; return the changes by table.

    `ConfigError`: the catalog refuses this namespace. `OutputError`: files are not those that were
    published, the catalog has tables of these names that are not of this folder, or the tables change.
    `StorageError`: it refuses.
    """
    where = printable(f"{store.root} in {namespace}")
    if set(NOT_IN_PATHS) & set(store.root.uri):
        raise OutputError(
            f"an Iceberg table cannot name files below a path that contains one of {' '.join(NOT_IN_PATHS)}",
            where=str(store.root),
            remedy="choose a folder without them",
        )
    plan = published_files(store)
    with catalog_errors(where):
        levels = catalog.identifier_to_tuple(namespace)
        try:
            # Create it only if it is missing: otherwise no right to create namespaces is needed.
            if not catalog.namespace_exists(levels):
                catalog.create_namespace_if_not_exists(levels)
        except ValueError as error:
            raise ConfigError(
                printable(f"the catalog refuses this namespace: {first_line(error)}"),
                where=f"--namespace {printable(namespace)}",
                remedy="choose one without dots",
            ) from error
    added, taken_out = Counter[str](), Counter[str]()
    for _ in range(TRIES):
        with catalog_errors(where):
            # Rows that publish others come last, so that a reader finds what they name.
            for table in sorted(SCHEMAS, key=PUBLISHING_TABLES.__contains__):
                more, out = _synced(catalog, (*levels, table), store, plan[table])
                added[table] += more
                taken_out[table] += out
        synced, plan = plan, published_files(store)
        if plan == synced:
            return [CatalogChange(each, added[each], taken_out[each], len(plan[each])) for each in SCHEMAS]
    raise OutputError("the tables changed during the update of the catalog", where=where, remedy=AGAIN)


def published_files(store: TableStore) -> dict[str, list[Published]]:
    """Return the files of each table that published rows name, and check that the files match these rows.

    Files without rows are left out. Raises `DamagedTablesError` if a file is not as it was published, and
    `OutputError` if files are being merged.
    """
    listed = {
        (file["table"], file["name"]): file
        for table in PUBLISHING_TABLES
        for row in store.rows(table)
        for file in row["files"] or ()
    }
    found = dict[str, list[Published]]()
    for table in SCHEMAS:
        files = list[Published]()
        for uri, runs in store.files(table).items():
            if is_merged(uri):
                (part,) = store.open_files({uri: runs}, SCHEMAS[table]).get_fragments()
                if len(part.row_groups) < part.metadata.num_row_groups:
                    # The files that it replaces still count for some of its rows.
                    what = "files are being merged, or `presswatch runs compact` was killed"
                    raise OutputError(what, where=printable(uri), remedy=AGAIN)
            file = listed.get((table, uri.rpartition("/")[2]), {})
            files.append(Published(_uri(store, uri), file.get("bytes"), file.get("rows")))
        found[table] = [file for file in files if file.rows != 0]
    return found


def _uri(store: TableStore, uri: str) -> str:
    return f"file://{os.path.realpath(uri)}" if store.root.is_local else uri


def _synced(
    catalog: Catalog, name: tuple[str, ...], store: TableStore, files: Sequence[Published]
) -> tuple[int, int]:
    """Bring a table to its published files; return how many were added, and how many taken out."""
    from pyiceberg.exceptions import CommitFailedException, ValidationException

    tried = 0
    while True:
        try:
            table = _table(catalog, name, _uri(store, store.root.uri))
            added, out = _difference(table, files)
            if added:
                _partition(table, store, added)
            _commit(table, added, out)
            _expire(table)
            return len(added), len(out)
        except (CommitFailedException, ValidationException):
            tried += 1
            if tried == TRIES:
                raise


def _table(catalog: Catalog, name: tuple[str, ...], folder: str) -> Table:
    from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError

    try:
        table = catalog.load_table(name)
    except NoSuchTableError:
        # Another sync may create the table at the same time.
        with suppress(CommitFailedException, TableAlreadyExistsError):
            _make(catalog, name, folder)
        table = catalog.load_table(name)
    if (other := table.properties.get(FOLDER_PROPERTY)) != folder:
        of = f"of the tables in {other}" if other else "not ours"
        raise OutputError(
            printable(f"the catalog has a table {'.'.join(name)}, which is {of}"),
            where=folder,
            remedy="choose another --namespace",
        )
    # Without a new column, this commits nothing.
    with table.update_schema() as schema:
        schema.union_by_name(iceberg_columns(name[-1]))
    return table


def _make(catalog: Catalog, name: tuple[str, ...], folder: str) -> None:
    from pyiceberg.table import TableProperties

    columns, properties = iceberg_columns(name[-1]), {**PROPERTIES, FOLDER_PROPERTY: folder}
    with catalog.create_table_transaction(name, columns, properties=properties) as creation:
        # Our files have no Iceberg field ids, so columns are mapped by name.
        by_name = creation.table_metadata.schema().name_mapping.model_dump_json()
        creation.set_properties({TableProperties.DEFAULT_NAME_MAPPING: by_name})


def _partition(table: Table, store: TableStore, files: Sequence[str]) -> None:
    """Partition new files by `PARTITIONS`, or not at all if a file has several values of these."""
    name, now = table.name()[-1], {field.name for field in table.spec().fields}

    def has_one_value(uri: str) -> bool:
        rows = opened_parquet(store.root, [uri.removeprefix("file://")], SCHEMAS[name])
        return len(rows.to_table(columns=PARTITIONS).group_by(PARTITIONS).aggregate([])) == 1

    wanted = PARTITIONS if set(PARTITIONS) <= set(SCHEMAS[name].names) else []
    with ThreadPoolExecutor(READERS, "files") as pool:
        if wanted and not all(pool.map(has_one_value, files)):
            wanted = []
    if now != set(wanted):
        with table.update_spec() as spec:
            for field in now:
                spec.remove_field(field)
            for field in wanted:
                spec.add_identity(field)


def iceberg_columns(table: str) -> pa.Schema:
    """Return the columns of a table for pyiceberg: nullable, as in the files, each with its meaning."""
    return pa.schema(
        [pa.field(column.name, column.type, True, {"doc": _comment_of(column)}) for column in SCHEMAS[table]]
    )


def _comment_of(column: pa.Field) -> str:
    """Return the meaning of a column, cut after a word if it is longer than Glue accepts."""
    meaning: str = column.metadata[b"meaning"].decode()
    if len(meaning.encode()) <= LONGEST_COMMENT:
        return meaning
    whole = meaning.encode()[: LONGEST_COMMENT - len("…".encode()) + 1].decode(errors="ignore")
    return whole.rpartition(" ")[0].rstrip(" ,;:") + "…"


def _difference(table: Table, files: Sequence[Published]) -> tuple[list[str], list[DataFile]]:
    """Return the URIs that the table lacks, and its files that are no longer published or have changed.

    `forget` may have replaced a file by one of the same name and size; its statistics then differ.
    """
    known: dict[str, DataFile] = {}
    out: dict[str, DataFile] = {}
    wanted = {file.uri: file for file in files}
    for task in table.scan().plan_files():
        path = task.file.file_path
        if path not in wanted or path in known:
            out[path] = task.file
        known[path] = task.file
    both = [file for path, file in wanted.items() if path in known and path not in out]
    for file in _changed(table, both, known):
        out[file] = known[file]
    return [path for path in wanted if path not in known or path in out], [*out.values()]


def _changed(table: Table, files: Iterable[Published], known: Mapping[str, DataFile]) -> list[str]:
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    unsized, changed = list[str](), list[str]()
    for file in files:
        entry = known[file.uri]
        if file.bytes is None:
            unsized.append(file.uri)
        elif (file.bytes, file.rows) != (entry.file_size_in_bytes, entry.record_count):
            changed.append(file.uri)
    with ThreadPoolExecutor(READERS, "footers") as pool:
        now = pool.map(lambda uri: parquet_file_to_data_file(table.io, table.metadata, uri), unsized)
        changed += [
            uri
            for uri, file in zip(unsized, now, strict=True)
            if _statistics(file) != _statistics(known[uri])
        ]
    return changed


def _statistics(file: DataFile) -> tuple[Any, ...]:
    of_columns = (file.column_sizes, file.lower_bounds, file.upper_bounds)
    return (
        file.file_size_in_bytes,
        file.record_count,
        list(file.split_offsets or ()),
        *(dict(each or {}) for each in of_columns),
    )


def _commit(table: Table, added: Sequence[str], out: Sequence[DataFile]) -> None:
    if not added and not out:
        return
    with table.transaction() as change:
        if out:
            with change.update_snapshot().overwrite() as snapshot:
                for file in out:
                    snapshot.delete_data_file(file)
        if added:
            try:
                change.add_files(list(added))
            except ValueError as error:
                raise OutputError(
                    printable(f"pyiceberg refuses a file: {first_line(error)}"),
                    where=printable(".".join(table.name())),
                    remedy="use the version of this program that wrote it",
                ) from error


def _expire(table: Table) -> None:
    """Expire the snapshots from before files were last taken out: those files are deleted or replaced."""
    kept = list[int]()
    snapshot = table.current_snapshot()
    while snapshot is not None:
        kept.append(snapshot.snapshot_id)
        took_out = snapshot.summary is not None and "deleted-data-files" in snapshot.summary
        before = snapshot.parent_snapshot_id
        snapshot = None if took_out or before is None else table.snapshot_by_id(before)
    old = [each.snapshot_id for each in table.snapshots() if each.snapshot_id not in kept]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()
