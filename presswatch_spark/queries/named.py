"""Names that users give: whether tables or a corpus know them, and what was probably meant if not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from presswatch_spark.errors import InputError
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import did_you_mean, nearest, printable

if TYPE_CHECKING:
    from presswatch_spark.corpus.store import Corpus

# Tables whose rows name titles, publishers or articles.
NAMING = ("matches", "captures", "rights_signals", "runs")
COLUMNS = {"host": "document_host", "release": "release", "dataset": "dataset"}
"""Columns of what has no id."""
NEAREST = 3


def require_known(store: TableStore, wanted: Mapping[str, str | None], corpus: Corpus | None = None) -> None:
    """Refuse ids of titles, publishers or articles that neither rows nor the corpus know.

    So it does with hosts, datasets and releases, of which a corpus knows nothing.

    An id that no row names may yet be in the corpus of a scan that found no copy of it. Without a corpus, the
    message says only that no row names it.

    Args:
        wanted: ids by `title`, `publisher` and `article`, and names by the keys of `COLUMNS`; None asks for
            nothing.

    Raises:
        InputError: with the nearest that are known.
    """
    # It loads pandas, as the tables do once they are opened.
    from presswatch_spark.tables.bounded import bounded_batches

    for kind, name in wanted.items():
        column = COLUMNS.get(kind, f"{kind}_id")
        if name is None or any(
            len(batch)
            for rows in _rows_with(store, column)
            for batch in bounded_batches(rows, [column], pc.field(column) == name)
        ):
            continue
        batches = (batch for rows in _rows_with(store, column) for batch in bounded_batches(rows, [column]))
        known = {each: each for batch in batches for each in batch[column].unique().drop_null().to_pylist()}
        if kind in COLUMNS:
            what = f"no row of these tables has the {kind} {name}"
            remedy = "give it as the rows do; of older runs, hosts are not known" if kind == "host" else ""
        elif corpus is None:
            what = f"no row of these tables names the {kind} {name}"
            remedy = "give the id; with --corpus DIR, whatever the corpus holds is known, found or not"
        else:
            known |= _of_corpus(corpus, kind)
            if name in known.values() or (kind == "article" and corpus.ordinal_of(name) is not None):
                continue
            what = f"neither the tables nor the corpus know the {kind} {name}"
            remedy = "give the id that the members' file or the articles have"
        near = dict.fromkeys(known[each] for each in nearest(name, known, NEAREST))
        nearest_names = f"; nearest: {', '.join(near)}" if near else ""
        raise InputError(printable(f"{what}{nearest_names}"), where=str(store.root), remedy=remedy)


def require_each(kind: str, names: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Refuse names of a `kind` (`grade`, `column`, …) that are not among those `known`: no row has them.

    Args:
        where: what is asked, such as a table.

    Raises:
        InputError: with those that are.
    """
    there = tuple(known)
    for name in names:
        if name not in there:
            what = f"there is no {kind} {name}{did_you_mean(name, there)}"
            raise InputError(printable(what), where=where, remedy=f"there are: {', '.join(there)}")


def _rows_with(store: TableStore, column: str) -> Iterator[Any]:
    """Yield the published rows of each table that names titles, publishers or articles in such a column."""
    for table in NAMING:
        if column in SCHEMAS[table].names:
            # Names alone are looked for: what is read later is held against what was published.
            yield store.dataset(store.files(table, read=False), SCHEMAS[table])


def _of_corpus(corpus: Corpus, kind: str) -> dict[str, str]:
    """Return the ids of a corpus's titles or publishers, each by itself and by its name."""
    if kind == "article":
        return {}
    registry = corpus.registry
    members = registry.titles.values() if kind == "title" else registry.publishers
    return {name: member.id for member in members for name in (member.name, member.id)}
