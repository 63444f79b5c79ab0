"""Claims of a dataset on a hub: what its commit gives, and what the newest revision still has."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from threading import Barrier

import pytest

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.claims.selection import Choice
from presswatch_spark.cli.demo.generate import release_pages
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal import states as of
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.places import offset_of, open_case
from presswatch_spark.legal.removal.probe import large_files
from presswatch_spark.legal.removal.probe_rounds import Prober
from presswatch_spark.legal.removal.states import RemovalState
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.shards import plan
from presswatch_spark.tables.declarations import Probe, Target
from tests.world.claims import AS_OF, judge_all
from tests.world.hub import NAME, TOKEN, Hub, hub
from tests.world.release import LETTERS, QUICK, probes_of, put_at, whole_press
from tests.world.scanned import FORMS, scan_here

Files = dict[str, bytes]
Form = tuple[str, str, str]
ROWS = ("c4-train.json.gz", "part-0.json.gz", "part-1.json.gz")
WET = ("a.warc.wet.gz", "0.warc.wet.gz", "1.warc.wet.gz")


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
        """A row of a file that contains others."""
        return sorted(self.case.targets(), key=lambda row: (row.shard_uri, offset_of(row)))[3]

    @property
    def path(self) -> str:
        return str(self.target.shard_uri).partition(f"@{self.commit}/")[2]

    def push(self, change: Callable[[bytes, Target], bytes], *, squashed: bool = False) -> None:
        """Make a newest revision whose file of the target was changed, or the only one."""
        self.site.push(self.files | {self.path: change(self.files[self.path], self.target)})
        if squashed:
            self.site.squash()

    def probe(self, times: int = 1, *, words: bool = False) -> RemovalState:
        """The state of the target after rounds of probes."""
        corpus = Corpus.open(str(self.corpus)) if words else None
        for _ in range(times):
            Prober(self.case, load_scan_config(flags=QUICK), corpus=corpus).probe()
        return self.state()

    def state(self) -> RemovalState:
        return CaseStatus.of(self.case).states[self.target.target_sha256]

    def others(self) -> set[str]:
        found, place = CaseStatus.of(self.case).states, offset_of(self.target)
        return {found[each.target_sha256].state for each in self.case.targets() if offset_of(each) != place}

    def newest(self) -> list[Probe]:
        """The probes of the newest revision for the target, by their round."""
        digest = self.target.target_sha256
        return [p for p in probes_of(self.case) if p.role == "newest" and p.target_sha256 == digest]


def lines_of(data: bytes) -> list[bytes]:
    return gzip.decompress(data).splitlines(keepends=True)


def without(data: bytes, target: Target) -> bytes:
    if target.row_index is None:
        return put_at(data, target, b"")
    return gzip.compress(b"".join(line for n, line in enumerate(lines_of(data)) if n != target.row_index))


def with_another_frame(data: bytes, target: Target) -> bytes:
    """The row of a target with another URL, time and frame, as the last one."""
    lines = lines_of(data)
    row = json.loads(lines.pop(target.row_index))
    row["text"] = f"Un tout autre titre\n{row['text']}\nUn tout autre pied de page"
    row["url"] = "https://ailleurs.example/autre"
    return gzip.compress(b"".join([*lines, json.dumps(row).encode() + b"\n"]))


def other_rows(data: bytes, target: Target) -> bytes:
    return gzip.compress(lines_of(data)[0].replace(b"http", b"hxxp").replace(b"e", b"o") * 9)


@contextmanager
def on_hub(files: Files) -> Iterator[Hub]:
    with hub(files) as site, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", site.url)
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.delenv("HF_TOKEN", raising=False)
        yield site


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Form], tuple[Path, Files]]:
    """Datasets of two files of a form, scanned and judged once: the folder of the tables, and the files."""

    @cache
    def of_form(form: Form) -> tuple[Path, Files]:
        folder, (kind, *names) = tmp_path_factory.mktemp("dataset"), form
        pages = [page for shelf in release_pages().values() for page in shelf]
        half = len(pages) // 2
        for name, some in zip(names, (pages[:half], pages[half:]), strict=True):
            FORMS[kind](folder / name, some)
        files = {f"en/{name}": (folder / name).read_bytes() for name in names}
        shutil.copytree(whole_press(), folder, dirs_exist_ok=True)
        with on_hub(files):
            config = load_scan_config(flags=QUICK)
            shards = plan([f"hf://datasets/{NAME}/en/"], config.storage)
            scan_here([shard.uri for shard in shards], folder / "corpus", folder / "tables", config)
        sources = KnowledgePaths(corpus=str(folder / "corpus"), as_of=AS_OF)
        judge_all(folder / "tables", folder / "tables", sources)
        return folder, files

    return of_form


@pytest.fixture
def dataset(
    request: pytest.FixtureRequest, made: Callable[[Form], tuple[Path, Files]], tmp_path: Path
) -> Iterator[Dataset]:
    """A hub with the files of a form, by default rows, and a case of what was found in them, read once."""
    folder, files = made(getattr(request, "param", ROWS))
    with on_hub(files) as site:
        case, _ = open_case(str(folder / "tables"), str(tmp_path / "case"), Choice(confidences=LETTERS))
        found = Dataset(site, case, site.datasets[NAME].main, folder / "corpus")
        found.probe()
        yield found


@pytest.fixture
def a_day_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two answers count as a day apart that came one after the other."""
    monkeypatch.setattr(of, "STAYED_AWAY", timedelta(0))


def test_rows_are_present_while_the_newest_revision_is_the_commit_or_has_the_same_file(
    dataset: Dataset,
) -> None:
    assert set(CaseStatus.of(dataset.case).counts()) == {"present"}
    (probe,) = dataset.newest()
    assert (probe.outcome, probe.detail) == ("same", "the newest revision is the commit itself")
    assert f"X-Repo-Commit: {dataset.commit}" in probe.headers
    dataset.site.push(dataset.files | {"README.md": b"# New"})
    dataset.probe()
    assert set(CaseStatus.of(dataset.case).counts()) == {"present"}
    assert dataset.newest()[-1].detail == "the newest revision has the same file, by its SHA-256"


@pytest.mark.parametrize("dataset", [ROWS, WET], ids=["rows", "records by range"], indirect=True)
def test_a_row_that_only_older_revisions_have_is_superseded_and_without_them_dropped(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.push(without)
    state = dataset.probe()
    assert (state.state, state.removed) == ("superseded", False)
    assert "an older one still serves it" in state.doubt
    assert dataset.others() == {"present"}
    asked = len(dataset.site.store.requests)
    assert dataset.probe().state == "superseded"
    if dataset.target.row_index is not None:
        assert "has the file that probe" in dataset.newest()[-1].detail
        assert len(dataset.site.store.requests) - asked < 10, "a file that was read is not read again"
    dataset.site.squash()
    state = dataset.probe()
    assert (state.state, "its file was missing once; probe again after" in state.doubt) == ("undecided", True)
    monkeypatch.setattr(of, "STAYED_AWAY", timedelta(0))
    state = dataset.probe()
    assert (state.state, "--corpus" in state.doubt) == ("undecided", True)
    state = dataset.probe(words=True)
    assert (state.state, state.removed) == ("dropped", True)
    assert dataset.others() == {"present"}


@pytest.mark.usefixtures("a_day_later")
def test_a_row_with_another_url_and_frame_is_in_the_newest_revision(dataset: Dataset) -> None:
    dataset.push(with_another_frame)
    # Its text and URL are gone; nobody has looked for its passages yet.
    state = dataset.probe()
    assert (state.state, "--corpus" in state.doubt) == ("superseded", True)
    for _ in range(2):
        assert dataset.probe(words=True).state == "present"
    assert "has the file that probe" in dataset.newest()[-1].detail
    dataset.site.squash()
    for _ in range(2):
        assert dataset.probe().state == "present"


def test_a_file_that_the_newest_revision_lacks_is_superseded_unless_it_was_renamed(dataset: Dataset) -> None:
    data = dataset.files[dataset.path]
    others = {name: held for name, held in dataset.files.items() if name != dataset.path}
    dataset.site.push(others)
    assert dataset.probe().state == "superseded"
    dataset.site.push(others | {"en/renamed.json.gz": data})
    assert dataset.probe().state == "present"
    assert dataset.newest()[-1].detail.endswith("under another name: en/renamed.json.gz")


def test_files_that_are_asked_for_at_the_same_time_list_the_newest_revision_once(dataset: Dataset) -> None:
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


@pytest.mark.usefixtures("a_day_later")
def test_squashed_history_without_the_file_withdraws_it_and_it_may_come_back(dataset: Dataset) -> None:
    before = dataset.files
    dataset.site.push({name: data for name, data in before.items() if name != dataset.path})
    dataset.site.squash()
    state = dataset.probe(2)
    assert (state.state, state.removed) == ("withdrawn", True)
    dataset.site.push(before)
    assert dataset.probe().state == "reappeared"


@pytest.mark.usefixtures("a_day_later")
@pytest.mark.parametrize(
    ("change", "doubt"),
    [(other_rows, "could not be read"), (lambda data, _: data[:600], "")],
    ids=["other rows altogether", "a cut file"],
)
def test_a_newest_file_that_is_another_or_cut_says_nothing_of_a_row(
    dataset: Dataset, change: Callable[[bytes, Target], bytes], doubt: str
) -> None:
    dataset.push(change, squashed=True)
    state = dataset.probe(2)
    assert (state.state, doubt in state.doubt) == ("undecided", True)
    assert not any(each.removed for each in CaseStatus.of(dataset.case).states.values())


@pytest.mark.usefixtures("a_day_later")
def test_a_dataset_that_is_laid_out_anew_says_nothing_of_a_file(dataset: Dataset) -> None:
    dataset.site.push({f"new/{n}.json.gz": data[:-9] for n, data in enumerate(dataset.files.values())})
    dataset.site.squash()
    state = dataset.probe(3)
    assert (state.state, state.removed, "no other file" in state.doubt) == ("undecided", False, True)


@pytest.mark.usefixtures("a_day_later")
def test_gated_disabled_and_private_datasets_are_restricted_and_moves_and_bad_tokens_decide_nothing(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = dataset.site.datasets[NAME]
    for name in ("gated", "disabled"):
        setattr(held, name, True)
        assert dataset.probe().state == "restricted", name
        setattr(held, name, False)
    del dataset.site.datasets[NAME]
    for token in ("", TOKEN):
        monkeypatch.setenv("HF_TOKEN", token)
        for _ in range(2):
            assert dataset.probe().state == "restricted", token
    dataset.site.datasets[NAME] = held
    assert dataset.probe().state == "present"
    held.moved_to = "press/other"
    assert dataset.probe().state == "undecided"
    held.moved_to = ""
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")
    assert dataset.probe().state == "undecided"


def test_a_case_holds_no_token_and_no_signed_address(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    dataset.push(without)
    dataset.probe()
    told = str([probe.as_dict() for probe in probes_of(dataset.case)])
    assert TOKEN not in told
    assert "Signature" not in told
    assert any(token == TOKEN for _, token in dataset.site.asked)
