"""Claims of a dataset on a hub: what its commit gives, and what the newest revision still has."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from presswatch_spark.claims.make import Sources
from presswatch_spark.cli.demo.generate import package_file, release_pages, write_press
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal import states as of
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.hub import large_files
from presswatch_spark.legal.removal.places import offset_of, open_case
from presswatch_spark.legal.removal.rounds import Prober
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.shards import plan
from presswatch_spark.tables.declarations import Probe, Target
from tests.world.claims import AS_OF, judge_all
from tests.world.corpora import build
from tests.world.hub import NAME, TOKEN, Hub, hub
from tests.world.release import LETTERS, QUICK, probes_of
from tests.world.scanned import FORMS, scan_here

Files = dict[str, bytes]


@dataclass
class Dataset:
    """A dataset whose rows were found and claimed, and a case of them that was read once."""

    site: Hub
    case: RemovalCase
    commit: str
    corpus: Path

    @property
    def files(self) -> Files:
        return self.site.datasets[NAME].commits[self.site.datasets[NAME].main]

    @property
    def target(self) -> Target:
        """A row of a file that holds others."""
        return sorted(self.case.targets(), key=lambda row: (row.shard_uri, offset_of(row)))[3]

    def path_of(self, target: Target) -> str:
        return str(target.shard_uri).partition(f"@{self.commit}/")[2]

    def push_without(self, target: Target, keep: Callable[[list[bytes]], list[bytes]] | None = None) -> None:
        """Make a newest revision whose file lacks the row of a target, or is what `keep` leaves of it."""
        path = self.path_of(target)
        data = self.files[path]
        if target.row_index is None:
            start, end = target.record_offset, target.record_offset + target.record_length
            self.site.push(self.files | {path: data[:start] + data[end:]})
            return
        lines = gzip.decompress(data).splitlines(keepends=True)
        left = keep(lines) if keep else [line for n, line in enumerate(lines) if n != target.row_index]
        self.site.push(self.files | {path: gzip.compress(b"".join(left))})

    def probe(self, *, words: bool = False) -> None:
        corpus = Corpus.open(str(self.corpus)) if words else None
        Prober(self.case, load_scan_config(flags=QUICK), corpus=corpus).probe()

    def state(self, target: Target | None = None) -> of.RemovalState:
        return CaseStatus.of(self.case).states[(target or self.target).target_sha256]

    def newest(self) -> list[Probe]:
        """The probes of the newest revision for the target, by their round."""
        digest = self.target.target_sha256
        return [p for p in probes_of(self.case) if p.role == "newest" and p.target_sha256 == digest]


def made(folder: Path, form: str, names: tuple[str, str]) -> tuple[Path, Files]:
    """Scan a dataset of two files of a form, and judge its rows; the folder of the tables, and the files."""
    pages = [page for shelf in release_pages().values() for page in shelf]
    half = len(pages) // 2
    for name, some in zip(names, (pages[:half], pages[half:]), strict=True):
        FORMS[form](folder / name, some)
    files = {f"en/{name}": (folder / name).read_bytes() for name in names}
    _, articles = write_press(folder)
    build(folder / "corpus", [articles], members_file=package_file("members.yaml").read_text("utf-8"))
    with hub(files) as site, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", site.url)
        config = load_scan_config(flags=QUICK)
        shards = plan([f"hf://datasets/{NAME}/en/"], config.storage)
        scan_here([shard.uri for shard in shards], folder / "corpus", folder / "tables", config)
    sources = Sources(corpus=str(folder / "corpus"), as_of=AS_OF)
    judge_all(folder / "tables", folder / "tables", sources)
    return folder, files


@contextmanager
def followed(made_of: tuple[Path, Files], folder: Path) -> Iterator[Dataset]:
    """Run a hub with the files, and open a case of the rows that were found in them, read once."""
    tables, files = made_of
    with hub(files) as site, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", site.url)
        case = open_case(str(tables / "tables"), str(folder / "case"), confidences=LETTERS).case
        dataset = Dataset(site, case, site.datasets[NAME].main, tables / "corpus")
        dataset.probe()
        yield dataset


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Files]:
    return made(tmp_path_factory.mktemp("rows"), "c4-train.json.gz", ("part-0.json.gz", "part-1.json.gz"))


@pytest.fixture
def dataset(rows: tuple[Path, Files], tmp_path: Path) -> Iterator[Dataset]:
    with followed(rows, tmp_path) as found:
        yield found


def a_day_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two answers count as a day apart that came one after the other."""
    monkeypatch.setattr(of, "STAYED_AWAY", timedelta(0))


def test_rows_of_a_commit_that_is_the_newest_are_present(dataset: Dataset) -> None:
    assert set(CaseStatus.of(dataset.case).counts()) == {"present"}
    (probe,) = dataset.newest()
    assert (probe.outcome, probe.detail) == ("same", "the newest revision is the commit itself")
    assert f"X-Repo-Commit: {dataset.commit}" in probe.headers


def test_rows_are_present_while_the_newest_revision_has_the_same_file(dataset: Dataset) -> None:
    dataset.site.push(dataset.files | {"README.md": b"# New"})
    dataset.probe()
    assert set(CaseStatus.of(dataset.case).counts()) == {"present"}
    assert dataset.newest()[-1].detail == "the newest revision has the same file, by its SHA-256"


def test_a_row_that_only_older_revisions_have_is_superseded_and_not_removed(dataset: Dataset) -> None:
    dataset.push_without(dataset.target)
    dataset.probe()
    state = dataset.state()
    assert (state.state, state.removed) == ("superseded", False)
    assert "an older one still serves it" in state.doubt
    others = [each for each in dataset.case.targets() if offset_of(each) != offset_of(dataset.target)]
    assert {dataset.state(each).state for each in others} == {"present"}
    asked = len(dataset.site.store.requests)
    dataset.probe()
    assert dataset.state().state == "superseded"
    assert "has the file that probe" in dataset.newest()[-1].detail
    assert len(dataset.site.store.requests) - asked < 10, "a file that was read is not read again"


def with_another_frame(lines: list[bytes], place: int) -> list[bytes]:
    """The lines of a file of C4 whose row at a place has another URL, time and frame, and stands last."""
    row = json.loads(lines[place])
    row = {
        **row,
        "text": f"Un tout autre titre\n{row['text']}\nUn tout autre pied de page",
        "url": "https://ailleurs.example/autre",
    }
    return [*lines[:place], *lines[place + 1 :], json.dumps(row).encode() + b"\n"]


def test_a_row_with_another_url_and_frame_is_in_the_newest_revision(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_later(monkeypatch)
    dataset.push_without(dataset.target, lambda lines: with_another_frame(lines, dataset.target.row_index))
    dataset.probe()
    # Its text and URL are gone; nobody has looked for its passages yet.
    assert (dataset.state().state, "--corpus" in dataset.state().doubt) == ("superseded", True)
    for _ in range(2):
        dataset.probe(words=True)
        assert dataset.state().state == "present"
    assert "has the file that probe" in dataset.newest()[-1].detail
    dataset.site.squash()
    for _ in range(2):
        dataset.probe()
        assert (dataset.state().state, dataset.state().removed) == ("present", False)


def test_a_file_that_the_newest_revision_lacks_is_superseded_unless_it_was_renamed(dataset: Dataset) -> None:
    path = dataset.path_of(dataset.target)
    data = dataset.files[path]
    others = {name: held for name, held in dataset.files.items() if name != path}
    dataset.site.push(others)
    dataset.probe()
    assert dataset.state().state == "superseded"
    dataset.site.push(others | {"en/renamed.json.gz": data})
    dataset.probe()
    assert dataset.state().state == "present"
    assert dataset.newest()[-1].detail.endswith("under another name: en/renamed.json.gz")


def test_files_that_are_asked_for_at_the_same_time_list_the_newest_revision_once(
    dataset: Dataset,
) -> None:
    root = f"hf://datasets/{NAME}@{dataset.site.datasets[NAME].main}/"
    together, storage = Barrier(8), load_scan_config(flags=QUICK).storage

    def listed(_: int) -> dict[str, str]:
        together.wait()
        return large_files(root, storage)

    asked_before = len(dataset.site.asked)
    with ThreadPoolExecutor(8) as pool:
        lists = list(pool.map(listed, range(8)))
    asked = [path for path, _ in dataset.site.asked[asked_before:]]
    assert all(each == lists[0] and sorted(each.values()) == sorted(dataset.files) for each in lists)
    assert len(asked) == len(set(asked)), "a page was asked for twice"


def test_squashed_history_without_the_row_drops_it_after_two_looks(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.push_without(dataset.target)
    dataset.site.squash()
    dataset.probe()
    state = dataset.state()
    assert (state.state, state.removed) == ("undecided", False)
    assert "its file was missing once; ask again after" in state.doubt
    a_day_later(monkeypatch)
    dataset.probe()
    state = dataset.state()
    assert (state.state, state.removed, "--corpus" in state.doubt) == ("undecided", False, True)
    dataset.probe(words=True)
    state = dataset.state()
    assert (state.state, state.removed) == ("dropped", True)
    others = [each for each in dataset.case.targets() if offset_of(each) != offset_of(dataset.target)]
    assert {dataset.state(each).state for each in others} == {"present"}


def test_squashed_history_without_the_file_withdraws_it_and_it_may_come_back(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_later(monkeypatch)
    path, before = dataset.path_of(dataset.target), dataset.files
    dataset.site.push({name: data for name, data in before.items() if name != path})
    dataset.site.squash()
    dataset.probe()
    dataset.probe()
    state = dataset.state()
    assert (state.state, state.removed) == ("withdrawn", True)
    dataset.site.push(before)
    dataset.probe()
    assert dataset.state().state == "reappeared"


def test_a_dataset_that_is_laid_out_anew_says_nothing_of_a_file(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_later(monkeypatch)
    dataset.site.push(
        {f"new/{number}.json.gz": data[:-9] for number, data in enumerate(dataset.files.values())}
    )
    dataset.site.squash()
    for _ in range(3):
        dataset.probe()
    state = dataset.state()
    assert (state.state, state.removed) == ("undecided", False)
    assert "no other file" in state.doubt


def test_a_file_with_other_rows_altogether_says_nothing_of_a_row(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_later(monkeypatch)
    dataset.push_without(
        dataset.target, lambda lines: [lines[0].replace(b"http", b"hxxp").replace(b"e", b"o")] * 9
    )
    dataset.site.squash()
    for _ in range(2):
        dataset.probe()
    state = dataset.state()
    assert (state.state, state.removed) == ("undecided", False)
    assert "could not be read for it" in state.doubt


def test_a_cut_newest_file_says_nothing_of_a_row(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    a_day_later(monkeypatch)
    path = dataset.path_of(dataset.target)
    dataset.site.push(dataset.files | {path: dataset.files[path][:600]})
    dataset.site.squash()
    for _ in range(2):
        dataset.probe()
    assert not any(state.removed for state in CaseStatus.of(dataset.case).states.values())


def test_gated_disabled_and_private_datasets_are_restricted(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_later(monkeypatch)
    held = dataset.site.datasets[NAME]
    for name in ("gated", "disabled"):
        setattr(held, name, True)
        dataset.probe()
        assert (dataset.state().state, dataset.state().removed) == ("restricted", False), name
        setattr(held, name, False)
    del dataset.site.datasets[NAME]
    for token in ("", TOKEN):
        monkeypatch.setenv("HF_TOKEN", token)
        for _ in range(2):
            dataset.probe()
            assert (dataset.state().state, dataset.state().removed) == ("restricted", False), token
    dataset.site.datasets[NAME] = held
    dataset.probe()
    assert dataset.state().state == "present"


def test_a_moved_dataset_a_bad_token_and_a_busy_hub_decide_nothing(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_later(monkeypatch)
    dataset.site.datasets[NAME].moved_to = "press/other"
    dataset.probe()
    assert (dataset.state().state, dataset.state().removed) == ("undecided", False)
    dataset.site.datasets[NAME].moved_to = ""
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")
    dataset.probe()
    assert (dataset.state().state, dataset.state().removed) == ("undecided", False)


def test_a_case_holds_no_token_and_no_signed_address(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    dataset.push_without(dataset.target)
    dataset.probe()
    told = str([probe.as_dict() for probe in probes_of(dataset.case)])
    assert TOKEN not in told
    assert "Signature" not in told
    assert any(token == TOKEN for _, token in dataset.site.asked)


def test_records_that_are_read_by_range_go_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_later(monkeypatch)
    found = made(tmp_path, "a.warc.wet.gz", ("0.warc.wet.gz", "1.warc.wet.gz"))
    with followed(found, tmp_path) as dataset:
        dataset.push_without(dataset.target)
        dataset.probe()
        assert dataset.state().state == "superseded"
        dataset.site.squash()
        for _ in range(2):
            dataset.probe(words=True)
        state = dataset.state()
        assert (state.state, state.removed) == ("dropped", True)
        others = [each for each in dataset.case.targets() if offset_of(each) != offset_of(dataset.target)]
        assert {dataset.state(each).state for each in others} == {"present"}
