"""What `corpus build` says of each title: what came in, what was refused and why, which are empty."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.commands.corpus import title_lines, titles_without_articles
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.core.terminal import columns_of
from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, TitleCounts, read_manifest
from presswatch_spark.corpus.store import Corpus
from tests.world.corpora import Inline, article, build, text, write_jsonl, write_members


def written(folder: Path, hebdo: str = "24-1-2019") -> Path:
    """Articles of all three titles: those of `hebdo` have a date of that form, two of `rivage` a bad one."""
    rows = [article(n, published_at=f"20{18 + n}-03-01") for n in range(4)]
    rows += [article(10 + n, title_id="hebdo", published_at=hebdo) for n in range(3)]
    rows += [article(20, title_id="rivage", published_at="1970-01-01")]
    rows += [article(21, title_id="rivage", published_at=None), article(20, title_id="rivage")]
    rows += [article(22, title_id="rivage", body="court"), article(30, title_id="autre")]
    return write_jsonl(folder / "a.jsonl", rows)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr("presswatch_spark.core.spark.session.session", lambda *_, **__: Inline())
    monkeypatch.delenv("COLUMNS", raising=False)
    members, out = str(write_members(folder)), str(folder / "corpus")
    given = ["--members", members, "--articles", str(folder / "a.jsonl"), "--out", out, *options]
    return cli.run(["corpus", "build", *given])


def test_a_title_of_which_nothing_came_in_is_named_with_the_reason_and_ends_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    assert run(tmp_path, monkeypatch) == 3
    said = capsys.readouterr()
    told = [line.split() for line in said.out.splitlines()]
    assert ["courrier", "4", "2018-2021"] in told
    assert ["hebdo", "0", "3", "3", "bad_date"] in told
    assert ["rivage", "2", "2", "2", "1", "duplicate,", "1", "too_short"] in told or (
        ["rivage", "2", "2", "2", "1", "id_reused,", "1", "too_short"] in told
    )
    assert ["(other", "rows)", "1", "title", "unknown", "or", "missing"] in told
    assert "dates left out, as they mean none (1970-01-01, the year 1): rivage 1" in said.out
    assert "error: 1 of 3 titles of the members file without an article:" in said.err
    assert "  hebdo: 3 rows refused (3 bad_date): `published_at` may begin with the day" in said.err
    assert "--date-format %d-%m-%Y (row 4 of a.jsonl)" in said.err
    assert "a.jsonl" not in said.out.split("corpus ")[0]
    assert max(map(columns_of, said.out.split("\n\n")[0].splitlines())) <= 80


def test_declared_formats_bring_them_in_and_end_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "Thu, 24-1-2019")
    options = ["--date-format", "%d/%m/%Y", "--date-format", "%a, %d-%m-%Y"]
    assert run(tmp_path, monkeypatch, *options) == 0
    said = capsys.readouterr()
    assert ["hebdo", "3", "2019"] in [line.split() for line in said.out.splitlines()]
    assert "error" not in said.err
    # What `corpus info` prints is the same account, from the manifest alone.
    assert cli.run(["corpus", "info", str(tmp_path / "corpus")]) == 0
    again = capsys.readouterr().out
    assert said.out.split("\n\n")[0] in again
    assert "public suffixes as of 20" in again
    assert cli.run(["corpus", "info", "--json", str(tmp_path / "corpus")]) == 0
    fields = json.loads(capsys.readouterr().out)
    hebdo = fields["counts"]["titles"]["hebdo"]
    assert (hebdo["articles"], hebdo["first"], hebdo["last"]) == (3, "2019-01-24", "2019-01-24")
    # Older versions wrote neither.
    manifest = tmp_path / "corpus" / MANIFEST
    fields = json.loads(manifest.read_text("utf-8"))
    del fields["counts"]["titles"], fields["public_suffixes"]
    older = read_manifest(json.dumps(fields).encode(), "here")
    assert (older.counts.titles, older.public_suffixes) == ({}, "")
    assert [*title_lines(older), *titles_without_articles(older)] == []


def test_a_format_that_gives_no_day_ends_with_1_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    assert run(tmp_path, monkeypatch, "--date-format", "%m/%Y") == 1
    assert "date format `%m/%Y` does not give a day, a month and a year" in capsys.readouterr().err


def test_nothing_at_all_ends_with_1_and_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(tmp_path / "a.jsonl", [article(1, published_at="24-1-2019")])
    assert run(tmp_path, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "no article could be taken: 1 bad_date; `published_at` may begin with the day" in said
    assert "(row 0 of " in said


def test_the_way_dates_were_written_is_no_part_of_the_digest(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    path = tmp_path / "same.jsonl"
    write_jsonl(path, [article(1, published_at="2019-01-24")])
    first = build(tmp_path / "a" / "corpus", [path])
    write_jsonl(path, [article(1, published_at="24.1.2019")])
    second = build(tmp_path / "b" / "corpus", [path], CorpusConfig(date_formats=("%d.%m.%Y",)))
    assert first.digest == second.digest


def counts(**titles: TitleCounts) -> Manifest:
    refused = {"bad_date": sum(sum(found.refused.values()) for found in titles.values())}
    return Manifest(3, "f", {}, CorpusCounts(1, 1, refused, 0, 0, 0, 0, 0, 0, titles), {}, "d", "2026")


def title(articles: int, **fields: object) -> TitleCounts:
    empty = {"undated": 0, "placeholders": 0, "first": None, "last": None, "refused": {}, "example": None}
    return TitleCounts(articles=articles, **{**empty, **fields})  # type: ignore[arg-type]


def test_dates_after_today_are_told() -> None:
    told = title_lines(
        counts(near=title(1, first="2020-01-01", last="2020-01-02"), far=title(1, last="2150-01-01"))
    )
    assert told[-1] == "articles are dated after today: far 2150-01-01"


def test_of_many_titles_without_articles_the_first_are_named_and_the_rest_counted() -> None:
    manifest = counts(**{f"t{n:03}": title(0) for n in range(50)})
    told = titles_without_articles(manifest)
    assert told[0] == "error: 50 of 50 titles of the members file without an article:"
    assert told[1] == "  t000: no row names it"
    assert told[-1] == "  and 30 more"


def test_a_long_title_leaves_the_table_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = dict.fromkeys(("bad_date", "too_short", "no_body", "unreadable", "id_reused"), 1000000)
    manifest = counts(**{"t" * 90: title(1_000_000, refused=reasons, first="1950-01-01", last="2026-01-01")})
    assert max(map(columns_of, title_lines(manifest))) <= 80


def test_excerpts_and_urls_elsewhere_are_counted_by_title_when_built_and_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    teaser = {"body": text(1) + " Lire la suite"}
    rows = [article(n, **teaser) for n in range(3)] + [article(3), article(4, url="https://autre.example/4")]
    rows += [article(5, title_id="rivage", url="pas une url"), article(6, title_id="rivage", url=None)]
    rows += [article(7, title_id="hebdo", url="https://hebdo.example/7", **teaser)]
    write_jsonl(tmp_path / "a.jsonl", rows)
    assert run(tmp_path, monkeypatch) == 0
    built = capsys.readouterr().out
    assert "excerpts, never of letter A: courrier 3, hebdo 1" in built
    assert "URLs outside of the title's sites: courrier 1" in built
    assert "not a URL in `url`: rivage 1" in built
    assert "HTML" not in built
    assert cli.run(["corpus", "info", str(tmp_path / "corpus")]) == 0
    assert built.split("\n\n")[0] in capsys.readouterr().out
    assert cli.run(["corpus", "info", str(tmp_path / "corpus"), "--export", str(tmp_path / "t.jsonl")]) == 0
    exported = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    counted = ("title_id", "excerpts", "urls_elsewhere", "not_urls")
    assert [tuple(row[name] for name in counted) for row in exported] == [
        ("courrier", 3, 1, 0), ("hebdo", 1, 0, 0), ("rivage", 0, 0, 1),
    ]  # fmt: skip
    corpus = Corpus.open(str(tmp_path / "corpus"))
    assert [corpus.article(n).is_excerpt for n in range(8)] == [True] * 3 + [False] * 4 + [True]


def test_html_and_repaired_bodies_are_counted_by_title_and_the_format_can_be_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [article(n, body=f"<p>{text(n)}</p>") for n in range(2)]
    rows += [article(2, title_id="rivage", body=text(2).replace("é", "Ã©").replace("â", "Ã¢"))]
    rows += [article(3, title_id="hebdo")]
    write_jsonl(tmp_path / "a.jsonl", rows)
    assert run(tmp_path, monkeypatch) == 0
    built = capsys.readouterr().out
    assert "bodies in HTML, now text: courrier 2" in built
    assert "bodies with garbled letters, repaired: rivage 1" in built
    (tmp_path / "declared").mkdir()
    (tmp_path / "a.jsonl").rename(tmp_path / "declared" / "a.jsonl")
    assert run(tmp_path / "declared", monkeypatch, "--body-format", "text") == 0
    assert "HTML" not in capsys.readouterr().out
    for wrong in (["--body-format", "markdown"], ["--encoding", "windows-1253x"]):
        assert run(tmp_path / "declared", monkeypatch, *wrong) == 2
    assert "is not a character encoding; did you mean windows-1252?" in capsys.readouterr().err
