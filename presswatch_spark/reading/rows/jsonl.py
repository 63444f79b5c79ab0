"""Reads JSON Lines, one object per line, with any object that some parser can read; other lines are defects.

If no checksum covers the bytes (`ReadReport.unchecked`), damage may have merged two rows or split one. This
nearly always leaves a row without some field that nearly all rows have. Such odd rows, rows that are no
UTF-8, and the rows next to them or to a line that is no row are read without URL. So a line waits until
its neighbours are known. Each form (the names of a row, in their order) is examined once.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import orjson

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.reading.inflate import placed_lines
from presswatch_spark.reading.rows.columns import (
    LOCATOR_ROLES,
    OWN_ROLES,
    ROLES,
    ColumnNames,
    MissingColumnError,
    Path,
    Tree,
    as_languages,
    dotted_keys,
    encoded_url,
    first_value,
    has_any,
    listed,
    locator_of,
    object_in_string,
    paths_of,
    pruned,
    tree_of,
    why_no_text,
)
from presswatch_spark.reading.rows.lenient_json import (
    BYTE_ORDER_MARK,
    TooDeepError,
    encoded,
    is_utf8,
    parse_leniently,
    repeats_a_name,
)
from presswatch_spark.reading.rows.row_values import BatchBuilder
from presswatch_spark.reading.source import ReadOptions

# Lines that wait: one for its neighbour, and one more, since only the last line of the shard may be cut.
HELD = 2

# A field is optional once this many rows lack it, and more than one row in `ROWS_FOR_ONE`.
FEW = 3
ROWS_FOR_ONE = 1_000
LEAST_ROWS = 5
"""Fewer rows do not show which fields they have in common."""
# Bounds of memory, for a shard in which each row has its own form.
FORMS_KEPT, FIELDS_KEPT, CHARACTERS_KEPT = 1_000, 100, 4_000
NAMES_KEPT, LONGEST_NAME = 200, 256
# To search more names takes longer than to parse the line again.
NAMES_COUNTED = 20
NO_UTF8 = "line is not valid UTF-8; read without URL"
NO_UTF8_NOTE = "lines that are not valid UTF-8: invalid bytes were read as U+FFFD"
NO_URL_NOTE = "rows next to others with more fields were read without URL, since no checksum covers them"


class SteadyFields:
    """Counts the rows of a shard that lack each field of `tree`, which has the fields to watch."""

    def __init__(self, tree: Tree) -> None:
        self.rows = 0
        self._tree = tree
        # The names of the last row that had all fields, if it is flat.
        self._usual: tuple[str, ...] | None = None
        self._first_row = 0
        self._lacking: dict[Path, int] = {}
        self._first_lacking: dict[Path, int] = {}

    def add(self, index: int, row: dict[str, Any]) -> bool:
        """Count a row; return True if it lacks a field that nearly all rows before it have."""
        names = tuple(row)
        if names == self._usual:
            self.rows += 1
            return False
        if not self.rows:
            self._first_row = index
        fields, closed = set[Path](), set[Path]()
        _collect(row, self._tree, fields, closed)
        for field in fields - self._lacking.keys():
            self._lacking[field] = self.rows
            self._first_lacking[field] = self._first_row
        missing = self._lacking.keys() - fields
        if closed:
            missing = {field for field in missing if not any(field[: len(path)] == path for path in closed)}
        is_odd = any(self._is_steady(field) for field in missing)
        for field in missing:
            if not self._lacking[field]:
                self._first_lacking[field] = index
            self._lacking[field] += 1
        self.rows += 1
        is_flat = not any(self._tree.get(name) for name in names)
        self._usual = names if is_flat and not missing else None
        return is_odd

    @property
    def first_is_odd(self) -> bool:
        """True if the first of two rows lacks a field that the second has."""
        return self.rows == 2 and any(
            count == 1 and self._first_lacking[field] == self._first_row
            for field, count in self._lacking.items()
        )

    def lacks(self) -> Iterator[tuple[Path, int, int]]:
        """Yield outer fields that nearly all rows have, how many lack them, and the index of the first."""
        few = {
            field: count
            for field, count in self._lacking.items()
            if count and count * LEAST_ROWS <= self.rows and self._is_steady(field)
        }
        for field, count in sorted(few.items()):
            if not any(field[:k] in few for k in range(1, len(field))):
                yield field, count, self._first_lacking[field]

    def _is_steady(self, field: Path) -> bool:
        lacking = self._lacking[field]
        return 2 * lacking < self.rows and (lacking < FEW or lacking * ROWS_FOR_ONE < self.rows)


def _collect(row: dict[str, Any], tree: Tree, fields: set[Path], closed: set[Path], above: Path = ()) -> None:
    # `closed`: fields that should be objects, and are not.
    for key in row.keys() & tree.keys():
        path, below = (*above, key), tree[key]
        value = object_in_string(row[key]) if below else row[key]
        fields.add(path)
        if isinstance(value, dict):
            _collect(value, below, fields, closed, path)
        elif below:
            closed.add(path)


@dataclass(slots=True)
class _Form:
    """Facts about rows with the same names at their top.

    `text`, `url`: paths to try; `text_key`, `url_key`: the only field that can have them, if there is one.
    `needed`: fields of locators. `quotes`: quotation marks outside the text of the last examined row.
    """

    text: tuple[Path, ...]
    url: tuple[Path, ...]
    needed: Tree
    text_key: str | None
    url_key: str | None
    quotes: int = -1


# The index of a row, the fields that locate it, and True if it is in doubt.
_Place = tuple[int, dict[str, Any], bool]
# The arguments of `BatchBuilder.add`.
_RowDocument = tuple[bytes, bytes, _Place, int]


class JsonRows:
    """The rows of one shard, made into batches.

    A row without text, or gated by language, is skipped; a line that is no object, or whose text is no
    string, is a defect.
    """

    def __init__(
        self, columns: ColumnNames, options: ReadOptions, report: ReadReport, text_is_sure: bool = False
    ) -> None:
        self._options = options
        self._text_is_sure = text_is_sure
        self._paths: Mapping[str, tuple[Path, ...]] = {
            role: paths_of(columns.get(role, ())) for role in ROLES
        }
        self._needed = tree_of(path for role in LOCATOR_ROLES for path in self._paths[role])
        self._forms: dict[tuple[str, ...], _Form] = {}
        # Roles whose columns no row had so far.
        required = {"text", *options.columns} if options.rows is None else ()
        self._unseen = {role: self._paths[role] for role in required}
        self._own_report = self._report = report
        self._rows = 0
        self._names: set[str] = set()
        self._steady = SteadyFields(tree_of(path for role in OWN_ROLES for path in self._paths[role]))
        # Lines whose neighbours are not known yet: index, document, True if the line is odd.
        self._held: deque[tuple[int, _RowDocument | None, bool]] = deque()
        self._settled = -1
        self._was_odd = self._ends_broken = self._withheld = False
        self._broken = 0
        self._end = b""
        self._builder: BatchBuilder[_Place] = BatchBuilder(report, self._locate)

    def read(self, chunks: Iterable[bytes], where: str) -> Iterator[DocumentBatch]:
        """Yield batches of the rows in inflated `chunks`.

        `MissingColumnError` if no row of the shard has a column for text, or one that the user mapped; then
        the rows that were already yielded are not valid.
        """
        report, longest = self._own_report, self._options.max_document_bytes
        rows, last = self._options.rows, max(self._options.rows or (), default=-1)
        for index, _, line in placed_lines(self._watched(chunks), longest):
            if index > last and rows is not None and not (report.unchecked and self._settled < last):
                break
            # Other lines are read only because they are neighbours, and nothing about them is noted.
            is_asked = rows is None or index in rows
            if not (is_asked or report.unchecked):
                continue
            if line is None:
                if is_asked:
                    report.add_defect(f"line longer than {longest:,} bytes, not read", index, "line")
                self._held.append((index, None, True))
                self._settle(HELD)
                continue
            if index == 0:
                line = line.removeprefix(BYTE_ORDER_MARK)
            if not line or line.isspace():
                continue
            try:
                values = orjson.loads(line)
            except orjson.JSONDecodeError:
                values = None
            if report.unchecked:
                self._add_unchecked(index, line, values, is_asked)
            elif not self._add_usual(index, line, values):
                row = self._row(index, line, values)
                if row and (found := self._document(index, row[0], row[1], len(line))):
                    self._builder.add(*found)
            yield from self._builder.taken(self._options.batch_bytes)
        was_cut = self._end != b"}" and not self._end.isspace()
        if was_cut and self._held:
            # The last line is cut, so it is no row, and shows nothing about its neighbour.
            self._held[-1] = *self._held[-1][:2], False
        self._settle(0)
        # Damage to compressed bytes spreads: if it changed one line, it may have changed many.
        if report.unchecked == "zstd" and self._broken > (was_cut and self._ends_broken):
            report.unverified = True
        yield from self._builder.taken()
        if rows is None:
            self._check(where)

    def _watched(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._end = chunk[-1:] or self._end
            yield chunk

    def _add_usual(self, index: int, line: bytes, values: Any) -> bool:
        """Add the document of a row of a known form, with few calls; return False for other lines."""
        if self._unseen or self._options.languages or type(values) is not dict:
            return False
        form = self._forms.get(tuple(values))
        if form is None:
            return False
        text, url = values.get(form.text_key), values.get(form.url_key)
        if type(text) is not str or not text or type(url) is not str:
            return False
        quotes = line.count(b'"')
        if quotes != form.quotes and quotes - text.count('"') != form.quotes:
            return False
        self._rows += 1
        place = (index, pruned(values, form.needed), False)
        # No lone surrogates: orjson refuses them.
        self._builder.add(text.encode(), url.encode(), place, len(line))
        return True

    def _add_unchecked(self, index: int, line: bytes, values: Any, is_asked: bool) -> None:
        self._report = self._own_report if is_asked else ReadReport()
        row = self._row(index, line, values)
        found, is_odd = None, row is None or not row[2]
        self._ends_broken = is_odd
        self._broken += is_odd
        if row is not None:
            found = self._document(index, row[0], row[1], len(line))
            lacks_text = self._text_is_sure and not has_any(row[0], self._paths["text"])
            is_odd |= lacks_text or self._steady.add(index, row[0])
            if self._steady.first_is_odd:
                self._held = deque((index, item, True) for index, item, _ in self._held)
        self._held.append((index, found if is_asked else None, is_odd))
        self._settle(HELD)

    def _settle(self, held: int) -> None:
        """Add the documents of all lines but the last `held`; odd ones and their neighbours without URL."""
        while len(self._held) > held:
            self._settled, found, is_odd = self._held.popleft()
            in_doubt = is_odd or self._was_odd or bool(self._held and self._held[0][2])
            self._was_odd = is_odd
            if found and in_doubt:
                text, url, (index, values, _), read_bytes = found
                self._withheld |= bool(url)
                found = text, b"", (index, values, True), read_bytes
            if found:
                self._builder.add(*found)

    def _row(self, index: int, line: bytes, values: Any) -> tuple[dict[str, Any], _Form, bool] | None:
        """Return the row of a line, its form, and True if it is UTF-8; note a defect and return None if none.

        `values`: None if orjson refuses the line.
        """
        is_text = True
        if values is None:
            try:
                values = parse_leniently(line)
            except TooDeepError:
                self._report.add_defect("line is nested too deeply to be read", index, "line")
                return None
            except ValueError:
                pass
            is_text = is_utf8(line)
        if not isinstance(values, dict):
            self._report.add_defect("line is not a JSON object, not read", index, "line")
            return None
        names = tuple(values)
        form = self._forms.get(names)
        if form is None:
            text, url = (
                tuple(path for path in self._paths[role] if path[0] in values) for role in ("text", "url")
            )
            text_key, url_key = (each[0][0] if [*map(len, each)] == [1] else None for each in (text, url))
            needed = {name: below for name, below in self._needed.items() if name in values}
            form = _Form(text, url, needed, text_key, url_key)
            few = len(names) <= FIELDS_KEPT and sum(map(len, names)) <= CHARACTERS_KEPT
            if few and len(self._forms) < FORMS_KEPT:
                self._forms[names] = form
        if self._is_fused(line, values, form):
            self._report.add_defect("line has two fields of one name, not read", index, "line")
            return None
        if not is_text and self._own_report.unchecked:
            self._report.add_defect(NO_UTF8, index, "line")
        elif not is_text:
            self._report.add_note(NO_UTF8_NOTE)
        return values, form, is_text

    def _document(
        self, index: int, values: dict[str, Any], form: _Form, line_bytes: int
    ) -> _RowDocument | None:
        self._rows += 1
        if self._unseen:
            self._unseen = {role: paths for role, paths in self._unseen.items() if not has_any(values, paths)}
            if self._unseen and len(self._names) < NAMES_KEPT:
                self._names.update(name[:LONGEST_NAME] for name in islice(dotted_keys(values), NAMES_KEPT))
        text = first_value(values, form.text)
        is_gated = bool(self._options.languages) and self._options.skips_languages(
            as_languages(first_value(values, self._paths["languages"]))
        )
        if isinstance(text, str) and text and not is_gated:
            # Keep only the fields of the locator: the rest of the row may be a page's HTML.
            place = (index, pruned(values, form.needed), False)
            url = encoded_url(first_value(values, form.url), self._report, index, "line")
            return encoded(text), url, place, line_bytes
        if text is None and self._text_is_sure and not has_any(values, self._paths["text"]):
            self._report.add_defect("row lacks the text column of the dataset", index, "line")
        elif text is None or isinstance(text, str):
            self._report.add_skipped("language" if text else "no text")
        else:
            self._report.add_defect(why_no_text(text), index, "line")
        return None

    def _is_fused(self, line: bytes, row: dict[str, Any], form: _Form) -> bool:
        """Return True if a line may be parts of two rows: an object has two texts, or two URLs.

        Without a checksum, any repeated field counts. A line is not examined if it has as many quotation
        marks as an examined line of the same form: a repeated field would add some.
        """
        quotes = line.count(b'"')
        if quotes == form.quotes:
            return False
        text = first_value(row, form.text)
        if isinstance(text, str) and quotes - text.count('"') == form.quotes:
            return False
        quotes -= line.count(b'\\"')
        if quotes == form.quotes:
            return False
        if self._own_report.unchecked:
            nested = (value for value in row.values() if isinstance(value, dict))
            names = {*row, *chain.from_iterable(nested)}
        else:
            names = {path[-1] for path in (*form.text, *form.url) if has_any(row, (path,))}
        may_be = len(names) > NAMES_COUNTED or any(line.count(encoded(f'"{name}"')) > 1 for name in names)
        if may_be and repeats_a_name(line):
            return True
        form.quotes = quotes
        return False

    def _check(self, where: str) -> None:
        """Note a shard without rows, and rows that may be parts of two; raise for a missing column."""
        if not self._rows and not self._report.defects_total:
            self._report.add_defect("the shard is empty", 0)
        if self._rows and self._unseen:
            mapping = self._options.columns
            if missing := {role: name for role, name in mapping.items() if role in self._unseen}:
                raise MissingColumnError.of(missing, self._names, where)
            wanted = ", ".join(".".join(path) for path in self._paths["text"])
            raise MissingColumnError(
                f"no row has a text column ({wanted}); there are: {listed(self._names)}",
                where=where,
                remedy="choose another --format or map the columns",
            )
        for field, count, first_row in self._steady.lacks():
            rows = f"{count:,} row{'s' * (count > 1)}"
            what = f"{rows} without the field {'.'.join(field)}, which nearly all have; read without URL"
            self._report.add_defect(f"{what}; the first", first_row, "line")
        if self._withheld and not self._report.defects_total:
            self._report.add_note(NO_URL_NOTE)

    def _locate(self, place: _Place) -> Locator:
        index, row, in_doubt = place
        return locator_of(
            lambda role: first_value(row, self._paths[role]),
            self._own_report,
            row_index=index,
            damage="row" if in_doubt else None,
        )
