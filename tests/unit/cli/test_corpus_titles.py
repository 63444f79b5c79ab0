"""`corpus build` and `corpus info`: accepted and refused articles of each title, and empty titles."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from presswatch_spark.cli.commands.corpus import title_lines, titles_without_articles
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.core.terminal import columns_of
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, TitleCounts
from presswatch_spark.corpus.store import Corpus
from tests.world.commands import Outcome, outcome, presswatch
from tests.world.corpora import Inline, article, build, text, write_jsonl, write_members

Row = dict[str, object]
Build = Callable[..., Outcome]


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Give the command for articles in `a.jsonl`; the corpus is written to `corpus`."""
    monkeypatch.setattr("presswatch_spark.core.spark.session.session", lambda *_, **__: Inline())

    def built(rows: list[Row], *options: str, out: str = "corpus") -> Outcome:
        articles = write_jsonl(tmp_path / "a.jsonl", rows)
        given = ("--members", write_members(tmp_path), "--articles", articles, "--out", tmp_path / out)
        return outcome("corpus build", *given, *options)

    return built


def three_titles(hebdo: str) -> list[Row]:
    """Articles of all three titles: those of `hebdo` have a date of that form, two of `rivage` a bad one."""
    rows = [article(n, published_at=f"20{18 + n}-03-01") for n in range(4)]
    rows += [article(10 + n, title_id="hebdo", published_at=hebdo) for n in range(3)]
    rows += [article(20, title_id="rivage", published_at="1970-01-01")]
    rows += [article(21, title_id="rivage", published_at=None), article(20, title_id="rivage")]
    return [*rows, article(22, title_id="rivage", body="court"), article(30, title_id="autre")]


def account(done: str) -> str:
    """The account of titles, at the beginning of an output."""
    return done.split("\n\n")[0]


def test_a_title_without_articles_is_named_with_the_reason_and_ends_with_3(built: Build) -> None:
    done = built(three_titles("24-1-2019"))
    assert done.code == 3
    told = [" ".join(line.split()) for line in done.out.splitlines()]
    assert {"courrier 4 2018-2021", "hebdo 0 3 3 bad_date", "(other rows) 1 title unknown or missing"} <= {
        *told
    }
    assert {f"rivage 2 2 2 1 {reason}, 1 too_short" for reason in ("duplicate", "id_reused")} & {*told}
    assert "placeholder dates left out (1970-01-01, the year 1): rivage 1" in done.out
    assert "error: 1 of 3 titles of the members file without an article:" in done.err
    assert "  hebdo: 3 rows refused (3 bad_date): `published_at` may begin with the day" in done.err
    assert "--date-format %d-%m-%Y (row 4 of a.jsonl)" in done.err
    assert "a.jsonl" not in done.out.split("corpus ")[0]
    assert max(map(columns_of, account(done.out).splitlines())) <= 80


def test_declared_formats_bring_them_in_and_info_gives_the_same_account(built: Build, tmp_path: Path) -> None:
    done = built(three_titles("Thu, 24-1-2019"), "--date-format", "%d/%m/%Y", "--date-format", "%a, %d-%m-%Y")
    assert (done.code, "error" in done.err) == (0, False)
    assert ["hebdo", "3", "2019"] in [line.split() for line in done.out.splitlines()]
    corpus = str(tmp_path / "corpus")
    again = presswatch("corpus", "info", corpus)
    assert account(done.out) in again
    assert "public suffixes as of 20" in again
    fields = json.loads(presswatch("corpus", "info", "--json", corpus))
    hebdo = fields["counts"]["titles"]["hebdo"]
    assert (hebdo["articles"], hebdo["first"], hebdo["last"]) == (3, "2019-01-24", "2019-01-24")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("--date-format %m/%Y", 1, "date format `%m/%Y` does not give a day, a month and a year"),
        ("", 1, "no article was accepted: 1 bad_date; `published_at` may begin with the day"),
        ("", 1, "(row 0 of "),
        ("--body-format markdown", 2, "'markdown' is not one of 'auto', 'text', 'html'"),
        ("--encoding windows-1253x", 2, "is not a character encoding; did you mean windows-1252?"),
    ],
)
def test_a_build_that_can_take_nothing_is_refused_with_an_example(
    options: str, code: int, said: str, built: Build
) -> None:
    done = built([article(1, published_at="24-1-2019")], *options.split())
    assert done.code == code
    assert said in done.err


def test_the_way_dates_were_written_is_no_part_of_the_digest(tmp_path: Path) -> None:
    digests = set[str]()
    for name, date, formats in (("a", "2019-01-24", ()), ("b", "24.1.2019", ("%d.%m.%Y",))):
        (tmp_path / name).mkdir()
        path = write_jsonl(tmp_path / "same.jsonl", [article(1, published_at=date)])
        digests.add(build(tmp_path / name / "corpus", [path], CorpusConfig(date_formats=formats)).digest)
    assert len(digests) == 1


def counts(**titles: TitleCounts) -> Manifest:
    refused = {"bad_date": sum(sum(found.refused.values()) for found in titles.values())}
    return Manifest(3, "f", {}, CorpusCounts(1, 1, 0, 0, refused, titles=titles), {}, "d", "2026")


def title(articles: int, **fields: object) -> TitleCounts:
    empty = dict.fromkeys(TitleCounts.__dataclass_fields__, 0) | {"first": None, "last": None}
    return TitleCounts(**empty | {"articles": articles, "refused": {}, "example": None} | fields)


def test_dates_after_today_many_empty_titles_and_long_names_are_reported_within_80_columns() -> None:
    near = title(1, first="2020-01-01", last="2020-01-02")
    told = title_lines(counts(near=near, far=title(1, last="2150-01-01")))
    assert told[-1] == "articles are dated after today: far 2150-01-01"
    told = titles_without_articles(counts(**{f"t{n:03}": title(0) for n in range(50)}))
    assert told[0] == "error: 50 of 50 titles of the members file without an article:"
    assert told[1] == "  t000: no row names it"
    assert told[-1] == "  and 30 more"
    reasons = dict.fromkeys(("bad_date", "too_short", "no_body", "unreadable", "id_reused"), 1000000)
    manifest = counts(**{"t" * 90: title(1_000_000, refused=reasons, first="1950-01-01", last="2026-01-01")})
    assert max(map(columns_of, title_lines(manifest))) <= 80


def test_excerpts_and_urls_elsewhere_are_counted_by_title(built: Build, tmp_path: Path) -> None:
    teaser = {"body": text(1) + " Lire la suite"}
    rows = [article(n, **teaser) for n in range(3)] + [article(3), article(4, url="https://autre.example/4")]
    rows += [article(5, title_id="rivage", url="pas une url"), article(6, title_id="rivage", url=None)]
    rows += [article(7, title_id="hebdo", url="https://hebdo.example/7", **teaser)]
    done = built(rows)
    assert done.code == 0
    assert "excerpts, never of letter A: courrier 3, hebdo 1" in done.out
    assert "URLs outside the title's sites: courrier 1" in done.out
    assert "not a URL in `url`: rivage 1" in done.out
    assert "HTML" not in done.out
    assert account(done.out) in presswatch("corpus", "info", str(tmp_path / "corpus"))
    presswatch("corpus", "info", str(tmp_path / "corpus"), "--export", str(tmp_path / "t.jsonl"))
    exported = map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines())
    counted = ("title_id", "articles", "excerpts", "urls_elsewhere", "not_urls")
    assert [tuple(row[name] for name in counted) for row in exported] == [
        ("courrier", 5, 3, 1, 0), ("hebdo", 1, 1, 0, 0), ("rivage", 2, 0, 0, 1),
    ]  # fmt: skip
    corpus = Corpus.open(str(tmp_path / "corpus"))
    assert [corpus.article(n).is_excerpt for n in range(8)] == [True] * 3 + [False] * 4 + [True]


def test_html_repaired_bodies_and_twins_are_counted(built: Build) -> None:
    rows = [article(n, body=f"<p>{text(n)}</p>") for n in range(2)]
    rows += [article(2, title_id="rivage", body=text(2).replace("é", "Ã©").replace("â", "Ã¢"))]
    rows += [article(3, title_id="hebdo"), article(3, article_id="b", title_id="hebdo")]
    done = built(rows)
    assert done.code == 0
    assert "bodies in HTML, now text: courrier 2" in done.out
    assert "bodies with garbled letters, repaired: rivage 1" in done.out
    assert "HTML" not in built(rows, "--body-format", "text", out="declared").out


def test_info_describes_a_corpus(tmp_path: Path) -> None:
    twins = [article(1), article(1, article_id="b", title_id="rivage")]
    build(tmp_path / "corpus", [write_jsonl(tmp_path / "articles.jsonl", twins)])
    lines = presswatch("corpus", "info", str(tmp_path / "corpus")).splitlines()
    assert "nearly the same text: 1 cluster of 2 articles" in lines
    assert any(line.startswith("built with: format ") for line in lines)
    titles = [" ".join(line.split()) for line in lines]
    assert {"courrier 1 2024", "hebdo 0", "rivage 1 2024"} <= {*titles}
    manifest = json.loads(presswatch("corpus", "info", str(tmp_path / "corpus"), "--json"))
    assert manifest["parameters"]["minhash"]["permutations"] == 128
