"""The commands and the code of the README and of docs/, run on the demo's press and shards."""

import gzip
import hashlib
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli.demo.generate import release_pages, write_press
from presswatch_spark.cli.demo.run import FORMS, write_shards
from presswatch_spark.cli.demo.shards import write_c4_parquet
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.s3.archives import write_archive
from tests.world.commands import outcome, presswatch
from tests.world.documents import DOCS, PROGRAM, README, blocks, commands, links, pages, text_of
from tests.world.warc import http, warc_record

RELEASE = "crawl-data/CC-MAIN-2024-22"
# Where a page reads from Common Crawl, the test reads from a folder laid out like it.
MIRROR = "mirror/"
ELSEWHERE = ("https://data.commoncrawl.org/", "s3://commoncrawl/")
SUBMIT = [PROGRAM, "submit", "--on"]
PROFILE = {
    "REGION": "us-east-1",
    "STORE": "s3://bucket/store",
    "LOGS": "s3://bucket/logs",
    "SERVERLESS__APPLICATION_ID": "00f1",
    "SERVERLESS__ROLE_ARN": "arn:aws:iam::123456789012:role/presswatch",
}
# Pages whose commands follow each other here, each with what those before it left behind.
FOLLOWED = (
    "how-to/your-own-articles", "how-to/scan-a-release", "how-to/add-a-dataset", "how-to/run-again",
    "how-to/removal-later", "how-to/reservations", "how-to/check-a-table", "how-to/explain-a-row",
    "reference/tables", "reference/datasets", "reference/exposure",
    "explanation/guarantee", "explanation/claims", "explanation/sealed-corpora", "how-to/catalog",
    "how-to/queries", "how-to/report",
)  # fmt: skip
LICENCES = """licences:
  - {id: portail-2024, licensee: Portail SARL, hosts: [portail.example], titles: [gazette-morvane],
     document: contrats/1.pdf}
"""
# Pages with tests of their own.
ELSEWHERE_TESTED = (
    "tutorial/index", "tutorial/dossier", "how-to/operations", "how-to/emr", "how-to/follow-a-removal",
    "how-to/seal-evidence", "how-to/send-a-notice", "how-to/campaigns", "how-to/pages", "reference/pointers",
    "how-to/inspection-member", "how-to/inspection-defendant",
)  # fmt: skip


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the pages take for granted: members, articles, shards, a list, a mirror."""
    write_press(tmp_path)
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles.jsonl").rename(tmp_path / "articles" / "2024.jsonl")
    shelves = release_pages()
    write_shards(tmp_path / "shards", shelves)
    (tmp_path / "more").mkdir()
    (tmp_path / "shards" / "c4" / FORMS["c4"][0][0]).rename(tmp_path / "more" / "c4.json.gz")
    folder = tmp_path / MIRROR / RELEASE
    folder.mkdir(parents=True)
    shard = shutil.copy(tmp_path / "shards" / "crawl" / FORMS["crawl"][0][0], folder)
    paths = gzip.compress(f"{RELEASE}/{Path(shard).name}\n".encode())
    (tmp_path / "wet.paths.gz").write_bytes(paths)
    (folder / "wet.paths.gz").write_bytes(paths)
    robots = http(b"User-agent: *\nDisallow: /", "Content-Type: text/plain")
    url = "https://www.gazette-morvane.example/robots.txt"
    (folder / "robots.warc.gz").write_bytes(gzip.compress(warc_record(robots, url)))
    (folder / "robotstxt.paths.gz").write_bytes(gzip.compress(f"{RELEASE}/robots.warc.gz\n".encode()))
    (tmp_path / "KEY").write_bytes(hashlib.sha512(b"key").digest())
    (tmp_path / "KEY").chmod(0o600)
    (tmp_path / "archive").mkdir()
    rows = [{"contenu": each.text, "meta": {"adresse": each.url}} for each in shelves["c4"]]
    (tmp_path / "archive" / "pages.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "culturax" / "fr").mkdir(parents=True)
    write_c4_parquet(tmp_path / "culturax" / "fr" / "fr_part_00000.parquet", shelves["c4"])
    (tmp_path / "licences.yaml").write_text(LICENCES, encoding="utf-8")
    (tmp_path / "laws").mkdir()
    (tmp_path / "laws" / "law.txt").write_text("Nul n’est censé ignorer la loi des marais.", encoding="utf-8")
    monkeypatch.setenv("PRESSWATCH_DATASETS__COMMON_CRAWL__BASE", MIRROR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def here(word: str) -> str:
    """A word of a command: what is elsewhere in the mirror, and what is in /srv here.

    `RUN` is the last run but one, `ROW` a row of WET.
    """
    word = word.replace("/srv/", f"{Path.cwd()}/")
    if word.partition("=")[0] == "RUN":
        return word.replace("RUN", TableStore.open("tables").published()[-2])
    if word == "ROW":
        rows = TableStore.open("tables").read("matches").to_pylist()
        return next(str(row["row_sha256"])[:16] for row in rows if row["dataset"] == "wet")
    return next((word.replace(place, MIRROR) for place in ELSEWHERE if word.startswith(place)), word)


def follow(names: Iterable[str]) -> None:
    """Run the commands of the README and of these pages, each once: they succeed, and say something."""
    ran: list[list[str]] = []
    for text in (README.read_text(encoding="utf-8"), *map(text_of, names)):
        for words in commands(text):
            if words[0] == PROGRAM and words not in ran:
                ran.append(words)
                arguments = takewhile(lambda word: word != ">", words[1:])
                done = outcome("", *map(here, arguments))
                assert done.code == 0, f"{shlex.join(words)}\n{done.err}"
                assert done.out, shlex.join(words)


def test_every_command_of_the_readme_and_of_the_first_guides_does_what_it_says(
    spark: SparkSession, at_home: Path
) -> None:
    follow(FOLLOWED[:2])
    assert all(row["matches"] > 0 for row in TableStore.open("tables").read("runs").to_pylist())


@pytest.mark.full
def test_every_command_of_the_guides_does_what_it_says(
    spark: SparkSession, at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    follow(FOLLOWED)
    store = TableStore.open("tables")
    assert [row["matches"] > 0 for row in store.read("runs").to_pylist()] == [True] * 4
    (trial,) = TableStore.open("trial").read("scan_log").to_pylist()
    assert (trial["matches"] > 0, trial["documents_without_url"]) == (True, 0)
    named: dict[str, object] = {}
    for page in ("reference/python", "how-to/catalog"):
        for block in blocks(text_of(page), "python"):
            exec(block.replace("/srv/", f"{at_home}/"), named)
        assert named.pop("strong")
    assert named["newest"] in store.published()
    assert capsys.readouterr().out.split()[0] == TableStore.open("tables").published()[-1]


def test_no_page_has_code_that_no_test_runs() -> None:
    with_commands = {path for path in pages() if blocks(path.read_text(encoding="utf-8"), "sh")}
    tested = {README, *(DOCS / f"{name}.md" for name in (*FOLLOWED, *ELSEWHERE_TESTED))}
    assert with_commands == tested
    with_python = {path for path in pages() if blocks(path.read_text(encoding="utf-8"), "python")}
    tested = {"reference/python", "reference/minhash", "how-to/catalog"}
    assert with_python == {DOCS / f"{name}.md" for name in tested}
    # Make has the targets that the README names.
    targets = [words for words in commands(README.read_text(encoding="utf-8")) if words[0] == "make"]
    assert targets == [["make", "demo"], ["make", "test"]]
    for words in [*targets, ["make", "docs"]]:
        subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, check=True)


def test_submitted_jobs_are_there_with_their_options(tmp_path: Path) -> None:
    pages = ("how-to/emr", "how-to/campaigns")
    submitted = [words for page in pages for words in commands(text_of(page)) if words[:3] == SUBMIT]
    assert [words[3] for words in submitted] == ["local", *["emr-serverless"] * 3]
    deploy = {f"PRESSWATCH_DEPLOY__{name}": value for name, value in PROFILE.items()}
    for words in submitted:
        assert (ROOT / "conf" / "profiles" / f"{words[3]}.yaml").is_file()
        options = [word for word in words[2:] if word not in ("--dry-run", "--check")]
        archive = [] if words[3] == "local" else ["--archive", str(write_archive(tmp_path))]
        assert words[-1] in presswatch("submit", *options[:2], *archive, "--dry-run", *options[2:], **deploy)


def test_files_and_folders_that_pages_name_are_there() -> None:
    named = [(path, link) for path in pages() for link in links(path.read_text(encoding="utf-8"))]
    assert [(path, link) for path, link in named if not (path.parent / link).exists()] == []
