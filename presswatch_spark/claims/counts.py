"""What the rows of `claims` add up to, by kind and letter: pages, articles, texts and hosts, each once.

One page may have many rows: one for each article that it holds, in each run. It counts where its strongest
row does, by letter, then kind. So do articles, texts and hosts, and each column adds up to its total. A page
is a URL and a text. Of a publisher's own pages, those of one text are one page, whichever sister titles print
it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.inputs import ONE_BY_ONE
from presswatch_spark.judgement.grading import CONFIDENCES

Keys = npt.NDArray[np.int64]
KINDS = ("own_page", "own_page_copy", "copy", "reprint", "licensed")
OWN_KINDS = ("own_page", "own_page_copy")
"""Kinds of the publisher's own pages, and of their copies in archives, caches and translators."""
THINGS = ("pages", "articles", "texts", "hosts")
EDITIONS = "editions"
BATCH_ROWS = 50_000
_USED = (
    "kind", "confidence", "document_url", "document_host", "text_sha256", "article_id", "publisher_id",
)  # fmt: skip

Cell = tuple[str, str]
# Pairs that are the other way round, or of equal numbers, are to have numbers of their own.
_ODD = np.int64(0x1E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of rows, and of each of `THINGS`, by kind and letter; no cell is without rows."""

    cells: Mapping[Cell, Mapping[str, int]]

    @property
    def rows(self) -> int:
        """Return the number of all rows."""
        return self.total("rows")

    def total(self, thing: str, kinds: Iterable[str] = KINDS, letters: str = "ABCD") -> int:
        """Return how many rows, pages, articles, texts or hosts are in cells of some kinds and letters."""
        wanted = {(kind, letter) for kind in kinds for letter in letters}
        return sum(numbers[thing] for cell, numbers in self.cells.items() if cell in wanted)


def counts_of(claims: Any) -> Counts:
    """Count the rows of a dataset of claims; some 50 bytes a row are held."""
    codes, parts = list[npt.NDArray[np.int8]](), {name: list[Keys]() for name in (*THINGS, EDITIONS)}
    for batch in claims.to_batches(columns=list(_USED), batch_size=BATCH_ROWS, **ONE_BY_ONE):
        if not len(batch):
            continue
        codes.append(_codes(batch["kind"], batch["confidence"]))
        for name, found in _keys(batch).items():
            parts[name].append(found)
    if not codes:
        return Counts({})
    code = np.concatenate(codes)
    keys = {name: np.concatenate(parts.pop(name)) for name in tuple(parts)}
    keys["pages"] = _one_for_editions(keys["pages"], keys.pop(EDITIONS))
    numbers = {"rows": _by_cell(code)} | {thing: _by_cell(_strongest(keys[thing], code)) for thing in THINGS}
    cells = ((kind, letter) for kind in KINDS for letter in CONFIDENCES if numbers["rows"][kind, letter])
    return Counts({cell: {name: numbers[name][cell] for name in numbers} for cell in cells})


def _codes(kinds: pa.Array, letters: pa.Array) -> npt.NDArray[np.int8]:
    """Return numbers for kinds and letters: the smaller, the stronger."""
    places = (
        pc.index_in(column, pa.array(values)).to_numpy()
        for column, values in ((letters, CONFIDENCES), (kinds, KINDS))
    )
    letter, kind = places
    found: npt.NDArray[np.int8] = (letter * len(KINDS) + kind).astype(np.int8)
    return found


def _keys(rows: pa.RecordBatch) -> dict[str, Keys]:
    """Return page, article, text, host and edition as numbers of 64 bits: names would fill the memory.

    0 is for none. An edition is what a publisher's own pages of one text are.
    """
    urls, texts, publishers = (
        _hashes(rows[name]) for name in ("document_url", "text_sha256", "publisher_id")
    )
    own = pc.and_(pc.equal(rows["kind"], "own_page"), pc.is_valid(rows["article_id"]))
    return {
        "pages": _both(urls, texts),
        "articles": _hashes(rows["article_id"]),
        "texts": texts,
        "hosts": _hashes(rows["document_host"]),
        EDITIONS: np.where(own.to_numpy(zero_copy_only=False), _both(publishers, texts), 0),
    }


def _hashes(column: pa.Array) -> Keys:
    """Return a number for each text, the same for equal ones in this process; 0 for null."""
    distinct = column.dictionary_encode(null_encoding="encode")
    hashes = [0 if text is None else hash(text) for text in distinct.dictionary.to_pylist()]
    found: Keys = np.array(hashes, np.int64)[distinct.indices.to_numpy()]
    return found


def _both(one: Keys, other: Keys) -> Keys:
    """Return a number for each pair of numbers that are as good as random."""
    return one * _ODD + other


def _one_for_editions(pages: Keys, editions: Keys) -> Keys:
    """Return the key of each row's page: that of its edition, if one row of the page is of one."""
    own = editions != 0
    known, first = np.unique(pages[own], return_index=True)
    if not len(known):
        return pages
    places = np.minimum(np.searchsorted(known, pages), len(known) - 1)
    found: Keys = np.where(known[places] == pages, editions[own][first][places], pages)
    return found


def _strongest(keys: Keys, codes: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return the strongest code of each key but 0."""
    there = keys != 0
    keys, codes = keys[there], codes[there]
    order = np.lexsort((codes, keys))
    keys, codes = keys[order], codes[order]
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    strongest: npt.NDArray[np.int8] = codes[first]
    return strongest


def _by_cell(codes: npt.NDArray[np.int8]) -> Counter[Cell]:
    numbers = Counter[Cell]()
    for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
        letter, kind = divmod(int(code), len(KINDS))
        numbers[KINDS[kind], CONFIDENCES[letter]] = int(count)
    return numbers
