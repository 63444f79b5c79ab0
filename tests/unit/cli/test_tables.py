"""`presswatch runs` and `matches`: transcripts, the rows asked for, unknown values and unfinished runs."""

import csv
import fcntl
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.terminal import columns_of
from presswatch_spark.core.translation import LANGUAGES, Translator
from presswatch_spark.core.version import __version__
from presswatch_spark.tables.confidence_reasons import REASONS
from presswatch_spark.tables.declarations import Match, MemberCapture
from presswatch_spark.tables.seals import sealed_json
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome, presswatch
from tests.world.corpora import article, build, write_jsonl
from tests.world.golden import assert_golden, transcript
from tests.world.proofs import each_time
from tests.world.tables import match, publish, publish_census, publish_row, row_of

RUNS = ("20240602T080000Z-abcdef", "20240702T080000Z-012345")
MAY = datetime(2024, 5, 17, 23, 59, tzinfo=UTC)
URL = f"https://x.example/{'rubrique/' * 12}proces-des-faux-paysages-de-valmondois.html"
WIDE = f"https://例え.example/{'日本語/' * 30}\x1b[31mfin"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four rows, a newer one of another release with one, and a census of another title."""
    tables = tmp_path_factory.mktemp("published")
    long = {"title_id": "le-quotidien-de-la-lisiere-et-des-vallees", "publisher_id": "societe-du-quotidien"}
    rows = [
        match("a1", URL, confidence="B", document_host="x.example", captured_at=MAY),
        match("a2", WIDE, confidence="A", document_host="y.example", own_site=True, grade="full_copy"),
        match("a3", None, confidence="C", own_site=None, row_index=4, **long),
        match("a4", "https://y.example/4", confidence="A", document_host="y.example", copied_words=1234),
    ]
    rows[0] |= {
        "headline": "Le procès des faux paysages",
        "confidence_reasons": ["sole_full_copy", "goes_beyond"],
    }
    facts = {"release": "R1", "dataset": "wet"}
    rows = [row | facts | {"row_sha256": digit * 64} for digit, row in zip("abcd", rows, strict=True)]
    many = {"shards_planned": 100_000, "shards_complete": 99_998, "documents": 2_140_000_000}
    many |= {"table_digest": "ab" * 32, "passes": 3, "matches": 123_456, **facts}
    publish(tables, RUNS[0], rows, **many)
    newer = match("a5", "https://x.example/5", confidence="D", document_host="x.example", row_sha256="e" * 64)
    publish(tables, RUNS[1], [newer | {"release": "R2", "dataset": "c4"}], passes=1, dataset=None)
    captures = [row_of(MemberCapture, title_id="rivage", publisher_id="q", article_id="riv-9")]
    publish_census(tables, "c1", captures, release="R1", captures=62, table_digest="ef" * 32)
    return tables


@pytest.fixture
def tables(published: Path, tmp_path: Path) -> str:
    """A copy of these tables, which a test may change."""
    return str(shutil.copytree(published, tmp_path / "tables"))


def shown(*arguments: str, width: int = 80) -> list[str]:
    """What a command prints on a terminal of that width; no line of a table is wider."""
    lines = presswatch(*arguments, COLUMNS=str(width)).splitlines()
    assert [line for line in lines if columns_of(line) > width and not line.startswith(SENTENCES)] == []
    return lines


def refused(*arguments: str) -> str:
    """What a command that fails and prints nothing says on stderr."""
    done = outcome("", *arguments)
    assert (done.code, done.out) == (1, "")
    return done.err


TOTALS = [
    "5 rows (2 A, 1 B, 1 C, 1 D): 5 articles at 4 known addresses, in 5 records on 2 known hosts",
    "rows by site: own site 1, elsewhere 3, unknown 1",
    "host unknown: 1 row",
    f"searched 2 runs: {RUNS[0]}, {RUNS[1]}",
]
SENTENCES = ("1 row", "4 rows", "5 rows", "left out")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_terminal_of_80_columns_shows_what_people_have_read_in_each_language(
    language: str, tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(tables).parent)
    unfinish(tables)
    commands = (
        ("runs", "tables"),
        ("matches", "tables", "--run", RUNS[0]),
        ("matches", "tables", "--limit", "3"),
        ("matches", "tables", "--count", "--article", "a5"),
        ("matches", "tables", "--since", "2024-05-17", "--dataset", "wet"),
    )
    text = transcript(*commands, lang=language).replace(f"{Path.cwd()}/", "/srv/")
    assert_golden(f"tables.{language}.txt", text)


def test_count_prints_only_the_totals_on_standard_output(tables: str) -> None:
    assert presswatch("matches", tables, "--count").splitlines() == TOTALS
    assert json.loads(presswatch("matches", tables, "--count", "--json", "--confidence", "A")) == {
        "rows": 2, "letters": {"A": 2}, "own_site": 1, "elsewhere": 1, "unknown_site": 0, "documents": 2,
        "records": 2, "addresses": 2, "articles": 2, "hosts": 1, "without_host": 0, "left_out": {},
    }  # fmt: skip
    # Rows without a known host are left out, and counted.
    left_out = "left out, as the filter could not be applied: 1 row without a known host"
    assert left_out in shown("matches", tables, "--host", "x.example", "--count")
    nothing = "0 rows: 0 articles at 0 known addresses, in 0 records on 0 known hosts"
    assert shown("matches", tables, "--title", "rivage")[0] == nothing


FILTERS = [
    ("", "a1 a2 a3 a4 a5"),
    ("--host y.example", "a2 a4"),
    ("--release R2", "a5"),
    ("--dataset wet --confidence B", "a1"),
    ("--since 2024-05-17", "a1"),
    ("--since 2024-05-18", ""),
    ("--grade full_copy", "a2"),
    ("--grade full_copy --grade extract", "a1 a2 a3 a4 a5"),
    ("--title t --grade url_only", ""),
    ("--title le-quotidien-de-la-lisiere-et-des-vallees", "a3"),
    ("--publisher p --article a1", "a1"),
    ("--title rivage", ""),
    ("--article riv-9", ""),
    ("--elsewhere", "a1 a4 a5"),
    ("--own-site", "a2"),
    ("--unknown-site", "a3"),
    ("--elsewhere --unknown-site", "a1 a3 a4 a5"),
    ("--own-site --grade extract", ""),
    ("--run latest", "a5"),
    (f"--run {RUNS[0]} --limit 1", "a1"),
    ("--order weight", "a4 a2 a1 a3 a5"),
    ("--order weight --limit 2", "a4 a2"),
    ("--order host --elsewhere", "a1 a5 a4"),
    ("--order date --limit 1", "a1"),
]


@pytest.mark.parametrize(("filters", "articles"), each_time(FILTERS[::2], FILTERS))
def test_json_has_every_column_of_the_rows_asked_for_in_their_order(
    filters: str, articles: str, tables: str
) -> None:
    lines = presswatch("matches", tables, "--json", *filters.split(), COLUMNS="80").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["article_id"] for row in rows] == articles.split()
    assert all(list(row) == Match.schema.names for row in rows)


def test_on_a_wide_terminal_a_row_is_one_line(tables: str) -> None:
    lines = shown("matches", tables, width=140)
    assert lines[:4] == TOTALS
    rows = [f"{letter * 12}  {'AABCD'[n]}" for n, letter in enumerate("dbace")]
    assert [line[:15] for line in lines[5:]] == rows
    assert "Le procès des faux paysages" in lines[7]
    # The row that is shown is what `fetch` takes: it is found, and its document, which is nowhere, is not.
    assert "no row has a row_sha256" not in refused("fetch", tables, "--row", "dddddddddddd")


def test_an_export_in_french_has_the_same_rows(tables: str, tmp_path: Path) -> None:
    path = tmp_path / "copies.csv"
    given = ("--lang", "fr", "--since", "2024-05-01", "--export", str(path))
    assert presswatch("matches", tables, *given) == f"1 ligne dans {path}\n"
    with path.open(encoding="utf-8-sig", newline="") as file:
        names, row = csv.reader(file, delimiter=";")
    assert names == Match.schema.names
    assert row[names.index("article_id")] == "a1"


def test_what_is_piped_is_whole_and_safe_and_its_totals_are_on_stderr(tables: str) -> None:
    done = outcome("matches", tables)
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == ["run_id", *[RUNS[0]] * 4, RUNS[1]]
    assert URL in done.out
    assert WIDE.replace("\x1b", "\ufffd") in done.out
    assert not {"\x1b", "…"} & {*done.out}
    assert done.err.splitlines()[:1] == TOTALS[:1]
    done = outcome("matches", tables, "--limit", "2")
    assert len(done.out.splitlines()) == 3
    assert "shown: 2 rows, by weight" in done.err
    assert presswatch("matches", tables, "--run", "latest").startswith("row_sha256")


@pytest.mark.parametrize("width", [80, 140])
def test_unknown_values_and_tables_of_older_versions_are_shown(width: int, tmp_path: Path) -> None:
    publish(tmp_path, "r", [match("a", None, own_site=None, row_index=3, confidence="", row_sha256="e" * 64)])
    lines = shown("matches", str(tmp_path), width=width)
    assert "rows by site: own site 0, elsewhere 0, unknown 1" in lines
    row = " ".join(lines[-2:] if width == 80 else lines[-1:])
    # Letter, date, site, host and reason; the article has no headline, and is named by its id.
    assert row.split().count("unknown") == 5
    assert "article a" in row
    (file,) = (tmp_path / "matches").iterdir()
    pq.write_table(pq.read_table(file).drop_columns(["row_sha256", "confidence", "document_words"]), file)
    store = TableStore.open(str(tmp_path))
    publish_row(store, "runs", store.rows()[0])
    older = "1 row: 1 article at 0 known addresses, in 1 record on 0 known hosts"
    assert shown("matches", str(tmp_path), width=width)[0] == older


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("host", "y.exmaple", "no row of these tables has the host y.exmaple; nearest: y.example"),
        ("release", "R11", "has the release R11; nearest: R1"),
        ("dataset", "wets", "has the dataset wets; nearest: wet"),
        ("title", "rivages", "no row of these tables mentions the title rivages; nearest: rivage"),
        ("title", "zz\x1b[2J", "mentions the title zz�[2J (pass its id"),
        ("publisher", "Société du Quotidien", "Société du Quotidien; nearest: societe-du-quotidien"),
        ("article", "a_4", "mentions the article a_4; nearest: a4"),
        ("run", "20240702T080000Z", f"did you mean {RUNS[1]}?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(option: str, name: str, said: str, tables: str) -> None:
    for form in ([], ["--count"], ["--json"]) if option == "title" else ([],):
        assert said in refused("matches", tables, f"--{option}", name, *form)


def test_a_name_that_rows_have_is_not_looked_for_in_other_tables(tables: str) -> None:
    (captures,) = Path(tables, "captures").iterdir()
    captures.write_bytes(b"damaged")
    presswatch("matches", tables, "--title", "t")


def test_a_corpus_knows_titles_without_a_match_and_their_names(tables: str, tmp_path: Path) -> None:
    build(tmp_path / "corpus", [write_jsonl(tmp_path / "articles.jsonl", [article(1)])])
    given = ("matches", tables, "--json", "--corpus", str(tmp_path / "corpus"))
    for known in (("--title", "hebdo"), ("--publisher", "plateau"), ("--article", "a00001")):
        assert presswatch(*given, *known) == ""
    said = "neither the tables nor the corpus contain the title L’Hebdo du Plato; nearest: hebdo"
    assert said in refused(*given, "--title", "L’Hebdo du Plato")


@pytest.mark.parametrize(
    "command",
    [
        "matches --run", "estimate --run", "verify-rows --run", "rights --json --run",
        "compare --after latest --out changes --before", "compare --before latest --out changes --after",
    ],
)  # fmt: skip
def test_an_unknown_run_is_refused_with_the_nearest(command: str, tables: str) -> None:
    assert f"did you mean {RUNS[1]}?" in refused(*command.split(), "20240702T080000Z", tables)
    assert f"run r9 is not published; the newest is {RUNS[1]}" in refused(*command.split(), "r9", tables)
    assert "c1 is a census and no scan" in refused(*command.split(), "c1", tables)


UNFINISHED = "20240602T080000Z-fedcba"


def unfinish(tables: str, key: str = "k1", run_id: str = UNFINISHED, **more: object) -> Path:
    """Leave an unfinished run of three shards, one of them failed."""
    folder = Path(tables) / "_runs" / key
    (folder / "waves").mkdir(parents=True)
    note = {"run_id": run_id, "started_at": "2024-06-02T08:00:00+00:00", "epoch": 1, "waves": []}
    (folder / "run.json").write_bytes(sealed_json(note | {"writer": "a"} | more))
    counts = {"shards": 3, "incomplete": 1, "documents": 70, "text_bytes": 900, "matches": 5}
    wave = {"shards": [0, 1, 2], "counts": counts, "parts": [], "epoch": 1, "totals": []}
    (folder / "waves" / "000000-a.json").write_bytes(sealed_json(wave))
    folder.with_suffix(".lock").touch()
    return folder


def test_an_unfinished_run_is_listed_with_its_remedy_and_left_out_of_json(tables: str) -> None:
    folder = unfinish(tables)
    done = outcome("runs", tables)
    listed = [line.split()[0] for line in done.out.splitlines()]
    assert listed == ["run_id", *RUNS, UNFINISHED, "run_id", "c1", f"{RUNS[0]}:"]
    assert done.out.splitlines()[3].split()[1:] == ["not", "finished", "2", "70", "5"]
    total, note = done.err.splitlines()
    assert total == "2 runs, 1 not finished, 1 census"
    assert note.startswith(
        f"run {UNFINISHED}, begun 2024-06-02 08:00:00 UTC with 3 shards done, is not finished."
    )
    assert "run its command again" in note
    assert note.endswith(f"rm -r {folder}")
    unfinish(tables, "k2", RUNS[1])
    (Path(tables) / "_runs" / "k3").mkdir()
    lines = presswatch("runs", tables, "--json").splitlines()
    assert [json.loads(line)["run_id"] for line in lines] == [*RUNS]


def test_without_a_published_run_no_match_is_no_finding(tmp_path: Path) -> None:
    TableStore.create(str(tmp_path / "tables"))
    unfinish(str(tmp_path / "tables"))
    told = presswatch("matches", tmp_path / "tables", "--count")
    assert "no run is published here; `presswatch runs` lists unfinished ones" in told


def test_an_unfinished_census_is_listed_among_the_censuses(tables: str) -> None:
    unfinish(tables, by="censuses", tool_version=__version__)
    done = outcome("runs", tables)
    assert done.out.splitlines()[5].split() == [UNFINISHED, "not", "finished", "2", "70", "5"]
    note = done.err.splitlines()[-1]
    assert note.startswith(f"census {UNFINISHED}, begun 2024-06-02 08:00:00 UTC with 3 index files")
    assert "run its command again; to drop it" in note


def test_a_run_that_a_live_process_owns_is_under_way_and_not_to_be_dropped(tables: str) -> None:
    with unfinish(tables).with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = outcome("runs", tables)
    assert (done.code, "under way" in done.out, "rm -r" in done.err) == (0, True, False)


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"run_id": 1, "started_at": "noon"}'])
def test_a_damaged_run_is_named_and_hides_no_other(tables: str, damage: str) -> None:
    folder = unfinish(tables)
    (folder / "run.json").write_text(damage)
    done = outcome("runs", tables)
    assert (done.code, len(done.out.splitlines())) == (0, 6)
    assert "are damaged" in done.err
    assert "run its command again" in done.err
    assert done.err.endswith(f"to drop it: rm -r {folder}\n")


@pytest.mark.parametrize("width", [80, 100, 120, 140])
def test_what_tells_runs_apart_is_whole_at_every_width(width: int, tables: str) -> None:
    lines = shown("runs", tables, width=width)
    (row,) = (line for line in lines if line.startswith(f"{RUNS[0]} "))
    assert {"wet", "R1", "123,456"} <= set(row.split())
    assert "ab" * 4 in row
    assert {"99,998", "of", "100,000"} <= set(" ".join(lines).split())
    left_out = f"not shown in {width} columns: documents, finished_at (--json has all)"
    assert (left_out in lines) == (width < 120)
    for language, words in (("en", ("several", "none or several")), ("fr", ("plusieurs", "variable"))):
        lines = shown("runs", "--lang", language, tables, width=width)
        (row,) = (line for line in lines if line.startswith(f"{RUNS[1]} "))
        assert width < 140 or all(word in row for word in words)


@pytest.mark.parametrize("command", ["runs", "matches"])
def test_a_folder_without_our_tables_is_refused(command: str, tmp_path: Path) -> None:
    assert "not a folder of tables" in refused(command, str(tmp_path / "absent"))


def test_every_reason_has_a_few_words_that_fit_beside_a_headline() -> None:
    for language in LANGUAGES:
        labels = [Translator(language)(reason.label) for reason in REASONS.values()]
        assert all(0 < len(label) <= 28 for label in labels)
