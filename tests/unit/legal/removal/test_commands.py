"""`presswatch removal` as people call it: the guide from the notice to gone and back again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli.commands.campaign import watch
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Target
from tests.world.commands import Outcome, outcome, presswatch
from tests.world.documents import commands, text_of
from tests.world.proofs import each_time
from tests.world.release import Release, ordered, probes_of, release, zeroed
from tests.world.servers import Fault, Server
from tests.world.tables import match, publish

CASE = "case"
OPEN = ("removal", "open", "--claims", "claims", "--out", CASE, "tables")


@dataclass
class Home:
    """The current folder, with all that the guide takes for granted."""

    folder: Path
    crawl: Release

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code and output of a command."""
        told = outcome("", *words)
        return told.code, told.out, told.err

    def probe(self, *options: str) -> tuple[int, str, str]:
        return self.run("removal", "probe", *options, "--mirror", self.crawl.mirror_option, CASE)

    @property
    def case(self) -> RemovalCase:
        return RemovalCase.open(CASE, StorageOptions())


@pytest.fixture
def home(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Home:
    crawl = release(tmp_path, server)
    (tmp_path / "claims").symlink_to(tmp_path / "tables")
    (tmp_path / "corpus").symlink_to(crawl.corpus)
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path, crawl)


@pytest.fixture
def opened(home: Home) -> Home:
    assert home.run(*OPEN)[0] == 0
    return home


def test_each_place_of_a_new_case_is_counted_once(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("a.warc.wet.gz", "plain.warc.wet"))
    told = presswatch("removal", "open", "--out", tmp_path / CASE, crawl.tables)
    targets = RemovalCase.open(str(tmp_path / CASE), StorageOptions()).targets()
    assert f" at {len(targets)} places, in " in told
    assert len(targets) > 50


def test_the_guide_leads_from_the_notice_to_gone_and_back_again(home: Home) -> None:
    opened, first, present, deep, scheduled = (
        words[1:] for words in commands(text_of("how-to/follow-a-removal"))
    )
    code, told, _ = home.run(*opened)
    assert (code, "claims at" in told) == (0, True)
    assert home.run(*first)[0] == 0
    code, told, _ = home.run(*present)
    assert (code, "present" in told, "0 of" in told) == (0, True, False)

    target = ordered(home.case)[3]
    shard = Path(target.shard_uri)
    kept, before = shard.read_bytes(), shard.stat()
    shard.write_bytes(zeroed(kept, target))
    # Within the second of the last change, which Last-Modified does not tell apart.
    os.utime(shard, ns=(0, before.st_mtime_ns // 1_000_000_000 * 1_000_000_000 + 1))
    code, told, errors = home.run(*first)
    assert (code, "zeros" in told, "file changed" in errors) == (3, True, True)
    code, told, _ = home.run(*present)
    assert (code, "overwritten" in told) == (0, True)
    assert home.run(*deep)[0] == 0

    shard.write_bytes(kept)
    code, _, errors = home.run(*deep)
    assert (code, "reappeared" in errors) == (3, True)
    assert "reappeared" in home.run(*present)[1]
    code, told, _ = home.run(*present[:-1], "--as-of", "2000-01-01", CASE)
    assert (code, "not been probed yet" in told) == (0, True)
    rows = [json.loads(line) for line in home.run(*present[:-1], "--json", CASE)[1].splitlines()]
    assert {row["state"] for row in rows} == {"present", "reappeared"}
    wanted = {"row_sha256", "shard_uri", "document_url", "state", "removed", "doubt", "probes"}
    assert all(wanted <= row.keys() for row in rows)
    watched = watch.make_context("watch", scheduled[1:]).params
    assert (scheduled[0], watched["cases"]) == ("watch", (CASE,))


def test_a_mirror_says_where_files_really_are_and_the_chain_how_many_probes_are_of_places(
    opened: Home,
) -> None:
    code, told, _ = opened.probe()
    assert (code, "same" in told) == (0, True)
    assert opened.crawl.server.requests
    places = len(opened.case.targets())
    chain = next(line for line in told.splitlines() if line.startswith("chain: "))
    assert f" probes ({places} of places, the others of controls, indexes and tables); newest: " in chain
    code, told, _ = opened.run("removal", "status", "--metrics-file", "removal.prom", CASE)
    assert (code, chain in told) == (0, True)
    assert f'state="present"}} {places}\n' in Path("removal.prom").read_text("utf-8")


def test_rows_that_a_file_names_are_followed_and_no_others(home: Home) -> None:
    home.run(*OPEN)
    wanted = sorted({row.row_sha256 for row in home.case.targets()})[:2]
    forms = {
        "rows.txt": "\n".join(wanted),
        "rows.csv": "row_sha256;note\n" + "\n".join(f"{row};Déjà" for row in wanted),
        "rows.jsonl": "\n".join(json.dumps({"row_sha256": row}) for row in wanted),
    }
    for name, text in forms.items():
        Path(name).write_text(text, encoding="cp1252")
        out = f"case-{name}"
        code, _, errors = home.run(*OPEN[:-2], out, "--rows", name, "tables")
        assert code == 0, errors
        assert {row.row_sha256 for row in RemovalCase.open(out, StorageOptions()).targets()} == set(wanted)


NOTHING: list[tuple[tuple[str, ...], int, str]] = [
    (("--rows", "empty"), 1, "the file lists no row"),
    (("--rows", "abc"), 1, "abc:1"),
    (("--rows", "unknown"), 1, "selected rows without a claim (1)"),
    (("--rows", "x", "--confidence", "A"), 2, "--confidence"),
    ((), 1, "presswatch claims"),
]
"""Options of a case that would have no claim; in the end, the tables have none."""


def test_a_case_of_nothing_is_refused(home: Home) -> None:
    for name, text in (("empty", ""), ("abc", "abc"), ("unknown", "0" * 64)):
        Path(name).write_text(text)
    for options, code, told in NOTHING:
        if not options:
            for name in ("claims", "derivations"):
                shutil.rmtree(home.crawl.tables / name)
        found, _, errors = home.run("removal", "open", *options, "--out", CASE, "tables")
        assert (found, told in errors) == (code, True), errors
        assert not Path(CASE).exists()


def test_a_file_of_states_has_the_rows_that_json_prints(opened: Home) -> None:
    for time in ("yesterday", "9999-12-31T23:59:59-14:00"):
        assert opened.run("removal", "status", "--as-of", time, CASE)[0] == 2
    assert opened.run("removal", "status", "tables")[0] == 1
    code, told, _ = opened.run("removal", "status", CASE, "--json")
    assert (code, bool(told)) == (0, True)
    for name in ("states.jsonl", "states.parquet"):
        assert opened.run("removal", "status", CASE, "--export", str(opened.folder / name))[0] == 0
    assert Path("states.jsonl").read_text("utf-8") == told
    assert pq.read_table("states.parquet").num_rows == len(told.splitlines())


def test_opening_probing_and_status_speak_french(home: Home) -> None:
    _, told, _ = home.run(*OPEN, "--lang", "fr")
    assert re.search(r"\d+ revendications? en \d+ lieux?, dans ", told)
    told = home.run("removal", "status", "--lang", "fr", CASE)[1]
    assert "indécis : il n'a pas encore été interrogé" in told
    assert "asked" not in told
    for language, none in (("en", "no alarms\n"), ("fr", "aucune alerte\n")):
        assert home.run("removal", "status", "--alarms", "--lang", language, CASE)[1] == none
    told = home.probe("--lang", "fr")[1]
    for line in (
        r"^tour 1 : .*identique \(\d+\)",
        r"^interrogés : \d+ sur \d+ lieux?, dont \d+ à l'instant, avec \d+ requêtes?$",
        r"^chaîne : \d+ interrogations? ",
    ):
        assert re.search(line, told, re.MULTILINE)


def test_a_site_that_says_no_is_left_alone_and_the_round_goes_on_later(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0.1")
    opened.crawl.server.always = Fault(status=429)
    code, _, errors = opened.probe()
    assert (code, "skipped" in errors) == (3, True)
    opened.crawl.server.always = Fault()
    code, told, _ = opened.probe()
    assert (code, "resumed" in told, "same" in told) == (0, True, True)


KILLED = """
import os, signal, sys
from presswatch_spark.cli.main import run
from presswatch_spark.legal.removal import probe_rounds
from presswatch_spark.storage.disk import Folder
probe_rounds.WRITTEN_ROWS, write, left = 1, Folder.write, int(sys.argv[1])
def write_until_killed(*given, **named):
    global left
    made = write(*given, **named)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return made
Folder.write = write_until_killed
sys.exit(run(sys.argv[2:]))
"""
"""`removal probe`, killed after it has written so many files."""


@pytest.mark.parametrize("kills", each_time(["3"], ["3", "1 1 2"]))
def test_a_round_that_is_killed_goes_on_and_asks_for_nothing_twice(
    home: Home, server: Server, tmp_path: Path, kills: str
) -> None:
    shutil.rmtree("tables")
    forms = ("a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "c4-train.json.gz")
    crawl = release(tmp_path, server, forms)
    home.run(*OPEN)
    probe = ["removal", "probe", "--mirror", crawl.mirror_option, CASE]
    for files in kills.split():
        killed = subprocess.run([sys.executable, "-c", KILLED, files, *probe], capture_output=True)
        assert killed.returncode == -signal.SIGKILL
    assert home.run(*probe)[0] == 0
    asked = defaultdict[int, list[Any]](list)
    for row in probes_of(home.case):
        if row.role == "target":
            asked[row.round].append(row.target_sha256)
    targets = sorted(row.target_sha256 for row in home.case.targets())
    assert {number: sorted(of_round) for number, of_round in asked.items()} == {1: targets}


# Later captures and other files: what runs have of a page after the notice is not removed.

LATER = datetime(2026, 11, 2, tzinfo=UTC)
RUN, SHA = "20991128T000000Z-abcdef", "f" * 64


@pytest.fixture
def noticed(home: Home) -> Home:
    """A case of a notice that was given before it was opened."""
    wanted = ("--noticed-at", "2026-11-01", "--confidence", "A")
    assert home.run("removal", "open", *wanted, "--out", CASE, "tables")[0] == 0
    assert home.case.about["noticed_at"] == "2026-11-01"
    return home


def probe_with_tables(home: Home) -> int:
    return home.probe("--tables", str(home.crawl.tables))[0]


def capture(crawl: Release, target: Target, **other: Any) -> None:
    """Publish a run with a later row of a target's article, at another spelling of its URL."""
    row = match(target.article_id, target.document_url.replace("https://", "http://"), row_sha256=SHA)
    row |= {"captured_at": LATER, "shard_uri": "s3://later/a.warc.gz", "text_sha256": "e" * 64} | other
    finished_at = row.pop("finished_at", datetime.now(UTC) + timedelta(hours=1))
    publish(crawl.tables, RUN, [row], finished_at=finished_at)


def zero_the_first(home: Home) -> Target:
    target = ordered(home.case)[0]
    home.crawl.change(target, lambda data: zeroed(data, target))
    return target


def test_a_page_that_was_captured_again_is_not_removed_and_alarms_once(noticed: Home) -> None:
    assert probe_with_tables(noticed) == 0
    target = zero_the_first(noticed)
    capture(noticed.crawl, target)
    assert probe_with_tables(noticed) == 3
    state = CaseStatus.of(noticed.case).states[target.target_sha256]
    assert (state.state, state.removed, "overwritten" in state.doubt) == ("recaptured", False, True)
    (shown,) = (row for row in probes_of(noticed.case) if row.number == state.probes[0])
    assert (shown.request, shown.document_url[:7]) == (f"READ matches {SHA}", "http://")
    assert RUN in str(shown.detail)
    assert probe_with_tables(noticed) == 0
    again = CaseStatus.of(noticed.case)
    assert again.states[target.target_sha256].state == "recaptured"
    alarms = [(alarm.round, alarm.about) for alarm in again.alarms if alarm.kind == "recaptured"]
    shown_for = [row.target_sha256 for row in probes_of(noticed.case) if row.role == "recapture"]
    assert sorted(alarms) == sorted((2, about) for about in shown_for)


NO_CAPTURES: dict[str, dict[str, Any]] = {
    "the day of the notice": {"captured_at": datetime(2026, 11, 1, tzinfo=UTC)},
    "no time": {"captured_at": None},
    "article": {"article_id": "another"},
    "page": {"document_url": "https://elsewhere.example/"},
    "run of before": {"finished_at": datetime(2026, 11, 2, tzinfo=UTC)},
}


def test_what_is_no_later_capture_of_the_page_shows_nothing(noticed: Home) -> None:
    for name, other in NO_CAPTURES.items():
        capture(noticed.crawl, noticed.case.targets()[0], **other)
        assert probe_with_tables(noticed) == 0, name
        assert set(CaseStatus.of(noticed.case).counts()) == {"present"}, name
    # All else of these captures was right.
    capture(noticed.crawl, noticed.case.targets()[0])
    assert probe_with_tables(noticed) == 3


OTHERS: dict[str, dict[str, Any]] = {
    "the same": {},
    "a mirror": {"shard_uri": "s3://mirror/a.warc.wet.gz"},
    "release": {"release": "CC-MAIN-1999-01"},
    "dataset": {"dataset": "c4"},
    "capture": {"captured_at": datetime(2001, 1, 1, tzinfo=UTC)},
    "no time": {"captured_at": None},
}


@pytest.mark.parametrize("which", each_time(["the same", "a mirror", "capture"], OTHERS))
def test_a_removed_record_is_present_if_a_run_found_the_same_capture_in_another_file(
    noticed: Home, which: str
) -> None:
    other = OTHERS[which]
    assert probe_with_tables(noticed) == 0
    target = zero_the_first(noticed)
    assert probe_with_tables(noticed) == 3
    assert CaseStatus.of(noticed.case).states[target.target_sha256].removed
    names = ("dataset", "release", "captured_at", "text_sha256")
    same = {name: getattr(target, name) for name in names}
    capture(noticed.crawl, target, **{**same, "shard_uri": "s3://release/another.warc.wet.gz", **other})
    assert probe_with_tables(noticed) == (0 if other else 3)
    found = CaseStatus.of(noticed.case)
    state = found.states[target.target_sha256]
    assert state.removed == bool(other)
    if other:
        return
    assert (state.state, "overwritten" in state.doubt) == ("present", True)
    (shown,) = (row for row in probes_of(noticed.case) if row.number == state.probes[0])
    assert (shown.outcome, shown.answered_by) == ("elsewhere", "s3://release/another.warc.wet.gz")
    told = [(alarm.round, alarm.about) for alarm in found.alarms if alarm.kind == "reappeared"]
    assert told == [(3, target.target_sha256)]
    assert probe_with_tables(noticed) == 0
    assert CaseStatus.of(noticed.case).states[target.target_sha256].state == "present"


# `presswatch watch --case`: cases are probed when they are due, and never in the way of scans.


CRAWL = "CC-MAIN-2026-21"


@pytest.fixture
def crawl(crawl: Release, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release that was scanned, and a list of crawls of which the newest is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(crawl.folder / "cache"))
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0.1")
    end = datetime.now(UTC) - timedelta(days=10)
    crawls = [{"id": CRAWL, "from": (end - timedelta(days=14)).isoformat(), "to": end.isoformat()}]
    (crawl.folder / "collinfo.json").write_text(json.dumps(crawls))
    return crawl


OFTEN = 0.0000001


def looked(crawl: Release, *cases: Any, every: float = 24, more: tuple[str, ...] = ()) -> Outcome:
    named = [word for case in cases for word in ("--case", case)]
    options = ["--case-every", every, "--case-mirror", crawl.mirror_option, *more]
    scan = ["--format", "wet", "--base", crawl.folder, "--corpus", crawl.corpus, "--out", crawl.tables]
    return outcome("watch --only-newest --list", crawl.folder, *named, *options, "--", *scan)


def test_a_case_is_probed_when_it_is_due_unless_another_process_does_and_a_stopped_round_is_resumed(
    crawl: Release,
) -> None:
    case = crawl.open()
    with case.held():
        done = looked(crawl, case.folder)
    assert (done.code, "another process is probing it" in done.out, case.rounds()) == (0, True, [])
    crawl.server.always = Fault(status=429)
    assert looked(crawl, case.folder).code == 3
    crawl.server.always = Fault()
    for said in ("round 1, resumed: ", "not due"):
        done = looked(crawl, case.folder)
        assert (done.code, len(case.rounds())) == (0, 1)
        assert f"{case.folder}: {said}" in done.out
        assert f"{CRAWL}: not published yet" in done.out
    assert {state.state for state in CaseStatus.of(case).states.values()} == {"present"}
    done = looked(crawl, case.folder, every=OFTEN)
    assert (done.code, f"{case.folder}: round 2: " in done.out, len(case.rounds())) == (0, True, 2)
    done = looked(crawl, case.folder, every=OFTEN, more=("--dry-run",))
    assert (done.code, "would be probed" in done.out, len(case.rounds())) == (0, True, 2)


@pytest.mark.parametrize("of_article", [True, False], ids=["an article", "a page of the site"])
def test_captures_of_a_page_in_a_run_that_is_published_are_found(crawl: Release, of_article: bool) -> None:
    case = crawl.open(noticed_at=datetime(2026, 11, 1, tzinfo=UTC).date())
    assert looked(crawl, case.folder).code == 0
    target = next(each for each in case.targets() if (each.article_id is not None) == of_article)
    capture(crawl, target, title_id=target.title_id)
    done = looked(crawl, case.folder, every=OFTEN)
    assert (done.code, "alarm: recaptured" in done.out) == (3, True)
    assert CaseStatus.of(case).states[target.target_sha256].state == "recaptured"


def test_an_alarm_is_partial_and_reported_once(crawl: Release) -> None:
    case = crawl.open()
    target = sorted(case.targets(), key=lambda each: each.record_offset)[3]
    kept = crawl.server.objects[crawl.object_of(target)]
    codes = [looked(crawl, case.folder, every=OFTEN).code]
    crawl.overwrite(target, b"\0" * target.record_length)
    codes.append(looked(crawl, case.folder, every=OFTEN).code)
    crawl.server.objects[crawl.object_of(target)] = kept
    codes += [looked(crawl, case.folder, every=OFTEN).code for _ in range(2)]
    assert (codes, len(case.rounds())) == ([0, 3, 3, 0], 4)


def test_a_case_that_fails_stops_neither_scans_nor_other_cases(crawl: Release, tmp_path: Path) -> None:
    case, broken = crawl.open(), crawl.open("broken")
    (target,) = Path(broken.folder.uri).glob("targets/*")
    target.write_bytes(target.read_bytes()[:-1])
    done = looked(crawl, tmp_path / "none", broken.folder, case.folder)
    assert (done.code, len(case.rounds())) == (1, 1)
    assert f"{tmp_path / 'none'}: could not be probed" in done.err
    assert f"{broken.folder}: could not be probed" in done.err
    assert f"{CRAWL}: not published yet" in done.out


def test_an_index_that_answers_nothing_is_reported_and_partial(crawl: Release) -> None:
    case, index = crawl.open(), f"{crawl.server.url}/none-index"
    done = looked(crawl, case.folder, more=("--case-index", index))
    assert done.code == 3
    assert f"{case.folder}: index: {index}: of " in done.out
    assert ", none was answered: " in done.out
    assert "status 404; its answers" in done.out
