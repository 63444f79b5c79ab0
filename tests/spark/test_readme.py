"""The README's commands, run as they stand there, on the demo's press and shards."""

from __future__ import annotations

import gzip
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark import cli
from presswatch_spark.demo.generate import release_pages, write_press
from presswatch_spark.demo.run import FORMS, write_shards
from presswatch_spark.output.tables import TableStore
from tests.conftest import ROOT
from tests.warc_records import http, warc_record

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = ".venv/bin/presswatch"
RELEASE = "crawl-data/CC-MAIN-2024-22"
# Where the README reads from Common Crawl, the test reads from a folder laid out like it.
MIRROR = "mirror/"
ELSEWHERE = ("https://data.commoncrawl.org/", "s3://commoncrawl/")
READING = ("corpus info", "runs", "matches", "sql", "compare", "rights", "fetch", "verify-rows")


def commands() -> list[list[str]]:
    """Every shell command of the README, in its order, split into words as a shell does."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the README takes for granted: members, articles, shards, a list, a mirror."""
    write_press(tmp_path)
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles.jsonl").rename(tmp_path / "articles" / "2024.jsonl")
    write_shards(tmp_path / "shards", release_pages())
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
    monkeypatch.chdir(tmp_path)
    return tmp_path


def here(word: str) -> str:
    """A word of a command: what is elsewhere in the mirror, `RUN` the last run but one, `ROW` one of WET."""
    if word == "RUN":
        return TableStore.open("tables").published()[-2]
    if word == "ROW":
        rows = TableStore.open("tables").read("matches").to_pylist()
        return next(str(row["row_sha256"])[:16] for row in rows if row["dataset"] == "wet")
    return next((word.replace(place, MIRROR) for place in ELSEWHERE if word.startswith(place)), word)


def test_every_command_of_the_readme_does_what_it_says(
    spark: SparkSession, at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = [words[1:] for words in commands() if words[0] == PROGRAM]
    for words in ran:
        code = cli.run([here(word) for word in words])
        said = capsys.readouterr()
        assert code == 0, f"{shlex.join(words)}\n{said.err}"
        assert said.out, shlex.join(words)
    shown = {" ".join(words[:2]) if words[0] == "corpus" else words[0] for words in ran}
    assert shown == {"corpus build", "scan", *READING}
    matches = [row["matches"] for row in TableStore.open("tables").read("runs").to_pylist()]
    assert len(matches) == 4
    assert all(matches)


def test_make_has_the_targets_that_the_readme_names() -> None:
    targets = [words for words in commands() if words[0] == "make"]
    assert targets == [["make", "demo"], ["make", "test"]]
    for words in targets:
        assert (
            subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, check=False).returncode == 0
        )


def test_jobs_that_the_readme_submits_are_there_and_take_their_options() -> None:
    submitted = [words for words in commands() if words[0] not in (PROGRAM, "make")]
    assert [words[:4] for words in submitted] == [
        ["scripts/submit.sh", "scan", "--profile", profile] for profile in ("local", "emr-serverless")
    ]
    for _, job, _, profile, *options in submitted:
        assert (ROOT / "jobs" / f"{job}.py").is_file()
        assert (ROOT / "conf" / "profiles" / f"{profile}.yaml").is_file()
        taken = [option for option in options if option != "--dry-run"]
        assert cli.cli.commands[job].make_context(job, list(taken)).params["out"] in taken


def test_files_and_folders_that_the_readme_names_are_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
