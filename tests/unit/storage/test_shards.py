"""A plan names every shard that a path stands for, and says so when it stands for none."""

from __future__ import annotations

import gzip
import os
import pickle
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.core.errors import CorruptError, InputError, StorageError
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.storage.shards import ShardPlan, is_shard_name, left_out_line, plan
from tests.world.servers import Server, web

OPTIONS = StorageOptions(max_attempts=2, backoff_base=0.0001)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[Server]:
    with web() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards as they lie about: nested, one empty, papers and checksums beside them."""
    names = ["a.wet.gz", "b.wet.gz", "deep/c.wet.gz", "deep/er/d.wet.gz", "deep/fr_meta_part_1.jsonl.gz"]
    for name in [
        *names,
        "README",
        "LICENSE.txt",
        "_SUCCESS",
        "a.wet.gz.crc",
        "SHA256SUMS",
        "cluster.idx",
        "wet.paths.gz",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "empty.wet.gz").touch()
    return tmp_path


def names_in(shards: ShardPlan, folder: Path) -> list[str]:
    return [shard.uri.removeprefix(f"{folder}/") for shard in shards]


def a_list(*keys: str) -> bytes:
    return gzip.compress("".join(f"{key}\n" for key in keys).encode())


class TestPaths:
    def test_a_folder_stands_for_its_shards_and_nothing_else(self, folder: Path) -> None:
        shards = plan([str(folder)], OPTIONS)
        assert names_in(shards, folder) == [
            "a.wet.gz",
            "b.wet.gz",
            "deep/c.wet.gz",
            "deep/er/d.wet.gz",
            "deep/fr_meta_part_1.jsonl.gz",
            "empty.wet.gz",
        ]
        assert [shard.size for shard in shards] == [8, 8, 13, 16, 28, 0]
        assert shards.size == 73

    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            ("*.wet.gz", ["a.wet.gz", "b.wet.gz", "empty.wet.gz"]),
            ("[!b].wet.gz", ["a.wet.gz"]),
            ("?.wet.gz", ["a.wet.gz", "b.wet.gz"]),
            ("**/*.wet.gz", ["a.wet.gz", "b.wet.gz", "deep/c.wet.gz", "deep/er/d.wet.gz", "empty.wet.gz"]),
            ("de*", ["deep/c.wet.gz", "deep/er/d.wet.gz", "deep/fr_meta_part_1.jsonl.gz"]),
            ("*/e*/*", ["deep/er/d.wet.gz"]),
        ],
    )
    def test_a_glob_stands_for_what_it_matches(self, folder: Path, pattern: str, found: list[str]) -> None:
        assert names_in(plan([f"{folder}/{pattern}"], OPTIONS), folder) == found

    def test_what_is_left_out_is_named(self, folder: Path) -> None:
        for name in [
            *("dataset_infos.json", ".gitattributes", "checksum.sha256"),
            *("deep/README.md", "deep/_tmp/x.wet.gz"),
        ]:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()
        expected = {
            *(
                "README",
                "LICENSE.txt",
                "_SUCCESS",
                "a.wet.gz.crc",
                "SHA256SUMS",
                "cluster.idx",
                "wet.paths.gz",
            ),
            *(".gitattributes", "checksum.sha256", "dataset_infos.json", "deep/README.md", "deep/_tmp"),
        }
        shards = plan([str(folder)], OPTIONS)
        assert {uri.removeprefix(f"{folder}/") for uri in shards.left_out} == expected
        assert len(shards) == 6
        globbed = plan([f"{folder}/*"], OPTIONS)
        assert {uri.removeprefix(f"{folder}/") for uri in globbed.left_out} == expected - {".gitattributes"}
        assert globbed == shards
        line = left_out_line(shards.left_out)
        assert line is not None
        assert line.startswith("left out 12 files beside the shards, by name: .gitattributes, LICENSE.txt, ")
        assert line.endswith(" and 4 names more; to read one, name it by its own path")
        assert left_out_line(plan([f"{folder}/a.wet.gz"], OPTIONS).left_out) is None

    def test_what_is_named_beside_a_folder_is_read_and_not_left_out(self, folder: Path) -> None:
        shards = plan([str(folder), f"{folder}/README", f"{folder}/_SUCCESS"], OPTIONS)
        assert {"README", "_SUCCESS"} <= set(names_in(shards, folder))
        assert not {f"{folder}/README", f"{folder}/_SUCCESS"} & set(shards.left_out)

    def test_a_list_names_papers_too_and_they_are_no_shards(self, tmp_path: Path) -> None:
        beside = ["README.md", "dataset_infos.json", "_SUCCESS", ".gitattributes"]
        (tmp_path / "x.paths").write_text("\n".join(["a.json.gz", *beside]))
        shards = plan([f"{tmp_path}/x.paths"], OPTIONS)
        assert names_in(shards, tmp_path) == ["a.json.gz"]
        assert len(shards.left_out) == 4
        (tmp_path / "x.paths").write_text("README.md\n")
        alone = plan([f"{tmp_path}/x.paths"], OPTIONS)
        assert (names_in(alone, tmp_path), alone.left_out) == (["README.md"], ())

    def test_a_file_named_outright_is_planned_whatever_its_name(self, folder: Path) -> None:
        (folder / "odd[1].gz").write_bytes(b"x")
        paths = [f"{folder}/README", f"{folder}/odd[1].gz", f"{folder}/empty.wet.gz"]
        assert names_in(plan(paths, OPTIONS), folder) == ["README", "empty.wet.gz", "odd[1].gz"]

    def test_a_half_fetched_shard_is_not_forgotten(self) -> None:
        assert is_shard_name("x.wet.gz.part")
        assert is_shard_name("notice-board.jsonl.gz")
        assert not is_shard_name("Readme.MD")

    def test_a_dangling_link_is_planned_so_that_it_fails(self, folder: Path) -> None:
        (folder / "gone.wet.gz").symlink_to(folder / "nowhere")
        assert ObjectInfo(f"{folder}/gone.wet.gz") in plan([f"{folder}/g*"], OPTIONS).shards
        assert ObjectInfo(f"{folder}/gone.wet.gz") in plan([str(folder)], OPTIONS).shards

    def test_order_and_repeats_of_paths_do_not_matter(self, folder: Path) -> None:
        one = plan([f"{folder}/deep", f"{folder}/a.wet.gz", f"{folder}/b.wet.gz"], OPTIONS)
        other = plan(
            [f"file://{folder}/b.wet.gz", f"{folder}/?.wet.gz", f"{folder}/deep/", f"{folder}/deep"], OPTIONS
        )
        assert one == other
        assert one.digest == other.digest

    def test_what_leads_nowhere_says_what_and_where(self, folder: Path) -> None:
        (folder / "none").mkdir()
        (folder / "papers").mkdir()
        (folder / "papers" / "README.md").touch()
        for path, what in [
            (f"{folder}/nope", "no such file or folder"),
            (f"{folder}/none", "folder holds no shards"),
            (f"{folder}/papers", "left out by their name: 1"),
            (f"{folder}/*.zip", "glob matches no shards"),
            (f"{folder}/nope.paths.gz", "no such file or folder"),
        ]:
            with pytest.raises(InputError, match=what) as caught:
                plan([path], OPTIONS)
            assert caught.value.where == path
            assert caught.value.remedy
        with pytest.raises(InputError, match="no shard is named"):
            plan([], OPTIONS)

    def test_a_web_object_is_a_shard_and_a_web_folder_is_not(self, server: Server) -> None:
        server.objects["/x.wet.gz"] = b"1234"
        (shard,) = plan([f"{server.url}/x.wet.gz"], OPTIONS)
        assert (shard.uri, shard.size, bool(shard.etag)) == (f"{server.url}/x.wet.gz", 4, True)
        with pytest.raises(InputError, match="no such object"):
            plan([f"{server.url}/y.wet.gz"], OPTIONS)
        with pytest.raises(InputError, match="cannot be listed"):
            plan([f"{server.url}/folder/"], OPTIONS)


class TestLists:
    KEYS = ("crawl-data/CC-MAIN-2024-22/wet/2.warc.wet.gz", "crawl-data/CC-MAIN-2024-22/wet/1.warc.wet.gz")

    @pytest.mark.parametrize(
        "base", ["s3://commoncrawl", "s3://commoncrawl/", "https://data.commoncrawl.org/"]
    )
    def test_keys_are_resolved_against_a_base_without_looking(self, tmp_path: Path, base: str) -> None:
        (tmp_path / "wet.paths.gz").write_bytes(a_list(*self.KEYS))
        shards = plan([f"{tmp_path}/wet.paths.gz"], OPTIONS, base=base)
        assert shards.shards == tuple(ObjectInfo(f"{base.rstrip('/')}/{key}") for key in sorted(self.KEYS))
        assert shards.size is None

    def test_a_list_in_a_mirror_needs_no_base_and_keeps_what_the_mirror_lacks(self, tmp_path: Path) -> None:
        release = tmp_path / "crawl-data" / "CC-MAIN-2024-22"
        release.mkdir(parents=True)
        (release / "wet.paths.gz").write_bytes(a_list(*self.KEYS))
        assert names_in(plan([f"{release}/wet.paths.gz"], OPTIONS), tmp_path) == sorted(self.KEYS)

    def test_a_flat_list_names_its_neighbours(self, tmp_path: Path) -> None:
        (tmp_path / "my.paths").write_text("b.gz\n\n  a.gz \n")
        assert names_in(plan([f"{tmp_path}/my.paths"], OPTIONS), tmp_path) == ["a.gz", "b.gz"]

    def test_entries_with_a_place_of_their_own_keep_it(self, tmp_path: Path) -> None:
        (tmp_path / "my.paths").write_text("s3://bucket/x.gz\n/data/y.gz\nhttps://host/z.gz\n")
        uris = [shard.uri for shard in plan([f"{tmp_path}/my.paths"], OPTIONS)]
        assert uris == ["/data/y.gz", "https://host/z.gz", "s3://bucket/x.gz"]

    def test_a_list_without_a_guessable_base_asks_for_one(self, tmp_path: Path) -> None:
        (tmp_path / "wet.paths.gz").write_bytes(a_list(*self.KEYS))
        with pytest.raises(InputError, match="--base"):
            plan([f"{tmp_path}/wet.paths.gz"], OPTIONS)

    def test_a_list_on_the_web_names_objects_of_its_site(self, server: Server) -> None:
        server.objects["/crawl-data/CC-MAIN-2024-22/wet.paths.gz"] = a_list(*self.KEYS, "odd name?.gz")
        shards = plan([f"{server.url}/crawl-data/CC-MAIN-2024-22/wet.paths.gz?sig=1"], OPTIONS)
        assert [shard.uri for shard in shards] == [
            *(f"{server.url}/{key}" for key in sorted(self.KEYS)),
            f"{server.url}/odd%20name%3F.gz",
        ]

    @pytest.mark.parametrize("entry", ["file:///etc/passwd", "crawl-data/../../etc/passwd"])
    def test_a_list_on_the_web_leads_to_no_file_of_this_machine(self, server: Server, entry: str) -> None:
        server.objects["/wet.paths.gz"] = a_list(self.KEYS[0], entry)
        with pytest.raises(InputError, match="entry 2: a list from elsewhere"):
            plan([f"{server.url}/wet.paths.gz"], OPTIONS)

    def test_a_list_that_inflates_without_end_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "wet.paths.gz").write_bytes(gzip.compress(bytes(b"a" * (65 << 20)), 1))
        with pytest.raises(InputError, match="is longer than"):
            plan([str(tmp_path / "wet.paths.gz")], OPTIONS)

    def test_a_glob_of_lists_stands_for_all_they_name(self, tmp_path: Path) -> None:
        (tmp_path / "1.paths").write_text("a.gz\n")
        (tmp_path / "2.paths").write_text("b.gz\n")
        assert names_in(plan([f"{tmp_path}/*.paths"], OPTIONS), tmp_path) == ["a.gz", "b.gz"]

    @pytest.mark.parametrize("compress", [bytes, gzip.compress])
    def test_a_warc_by_the_name_of_a_list_is_recognised(self, tmp_path: Path, compress: type[bytes]) -> None:
        (tmp_path / "x.paths.gz").write_bytes(compress(b"WARC/1.0\r\nWARC-Type: warcinfo\r\n\r\n" * 9))
        with pytest.raises(InputError, match="is not a list of shards") as caught:
            plan([f"{tmp_path}/x.paths.gz"], OPTIONS)
        assert caught.value.remedy

    def test_a_list_that_was_cut_is_no_shorter_list(self, tmp_path: Path) -> None:
        whole = a_list(*(f"key-{random.Random(i).random()}.gz" for i in range(1000)))
        for cut in (len(whole) - 1, len(whole) - 9, len(whole) // 2, 15):
            (tmp_path / "x.paths.gz").write_bytes(whole[:cut])
            with pytest.raises(CorruptError, match="cut short"):
                plan([f"{tmp_path}/x.paths.gz"], OPTIONS)

    @pytest.mark.parametrize(
        ("content", "what"), [(b"", "empty"), (b"\n\n", "empty"), (b"PAR1\0\1", "binary")]
    )
    def test_what_is_no_list_says_so(self, tmp_path: Path, content: bytes, what: str) -> None:
        (tmp_path / "x.paths").write_bytes(content)
        with pytest.raises(InputError, match=what):
            plan([f"{tmp_path}/x.paths"], OPTIONS)

    def test_texts_of_a_folder_are_shards_if_they_are_named_as_those_of_oscar(self, tmp_path: Path) -> None:
        for name in ("urls.txt", "fr_part_1.txt", "fr.txt.gz", "a.json.gz"):
            (tmp_path / name).write_text("Un texte.\n")
        shards = plan([str(tmp_path)], OPTIONS)
        assert names_in(shards, tmp_path) == ["a.json.gz", "fr.txt.gz", "fr_part_1.txt"]
        assert shards.left_out == (f"{tmp_path}/urls.txt",)
        assert names_in(plan([f"{tmp_path}/urls.txt"], OPTIONS), tmp_path) == ["urls.txt"]

    def test_a_real_list_of_common_crawl_is_read(self, real_data: Path) -> None:
        real = real_data / "common_crawl" / "whirlwind" / "CC-MAIN-2024-22.warc.paths.gz"
        shards = plan([str(real)], OPTIONS, base="https://data.commoncrawl.org/")
        assert len(shards) == 300
        assert all(shard.uri.startswith("https://data.commoncrawl.org/part-") for shard in shards)


class TestPlans:
    SHARDS = ShardPlan.of(ObjectInfo(f"s3://bucket/{i:04}.gz", i, f"etag{i}") for i in range(1000))

    def test_a_plan_survives_pickle(self) -> None:
        odd = ShardPlan.of([ObjectInfo("/caf\udce9.gz"), ObjectInfo("s3://b/é", 1, "x")])
        for shards in (self.SHARDS, odd):
            again = pickle.loads(pickle.dumps(shards))
            assert again == shards
            assert again.digest == shards.digest

    def test_the_digest_covers_name_size_and_version(self) -> None:
        base = ObjectInfo("s3://b/x", 1, "e")
        others = [
            ObjectInfo("s3://b/y", 1, "e"),
            ObjectInfo("s3://b/x", 2, "e"),
            ObjectInfo("s3://b/x", 1, "f"),
        ]
        assert len({ShardPlan.of([shard]).digest for shard in [base, *others]}) == 4

    def test_a_file_that_was_replaced_is_another_plan(self, tmp_path: Path) -> None:
        shard = tmp_path / "a.wet.gz"
        digests = []
        for content in (b"one", b"two"):
            shard.write_bytes(content)
            os.utime(shard, ns=(0, len(digests)))
            digests.append(plan([str(shard)], StorageOptions()).digest)
        assert digests[0] != digests[1]

    def test_a_repeated_shard_keeps_the_size_that_is_known(self) -> None:
        known, unknown = ObjectInfo("s3://b/x", 1, "e"), ObjectInfo("s3://b/x")
        assert ShardPlan.of([known, unknown]) == ShardPlan.of([unknown, known]) == ShardPlan.of([known])

    def test_storage_that_does_not_answer_is_no_empty_plan(self, server: Server) -> None:
        with pytest.raises(StorageError):
            plan(["http://127.0.0.1:1/x.gz"], OPTIONS)
