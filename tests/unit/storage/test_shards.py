"""A plan names every shard that a path stands for, and says so when it stands for none."""

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
from tests.world.proofs import cases
from tests.world.servers import Server, web

OPTIONS = StorageOptions(max_attempts=2, backoff_base=0.0001)


@pytest.fixture
def server() -> Iterator[Server]:
    with web() as running:
        yield running


SHARDS = ["a.wet.gz", "b.wet.gz", "deep/c.wet.gz", "deep/er/d.wet.gz", "deep/fr_meta_part_1.jsonl.gz"]
PAPERS = ["README", "LICENSE.txt", "_SUCCESS", "a.wet.gz.crc", "SHA256SUMS", "cluster.idx", "wet.paths.gz"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards as they lie about: nested, one empty, papers and checksums beside them."""
    for name in (*SHARDS, *PAPERS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "empty.wet.gz").touch()
    return tmp_path


def names_in(shards: ShardPlan | tuple[str, ...], folder: Path) -> list[str]:
    uris = shards if isinstance(shards, tuple) else [shard.uri for shard in shards]
    return [uri.removeprefix(f"{folder}/") for uri in uris]


def a_list(*keys: str) -> bytes:
    return gzip.compress("".join(f"{key}\n" for key in keys).encode(), mtime=0)


class TestPaths:
    def test_a_folder_stands_for_its_shards_and_what_is_left_out_is_named(self, folder: Path) -> None:
        papers = ["dataset_infos.json", ".gitattributes", "checksum.sha256", "deep/README.md"]
        for name in (*papers, "deep/_tmp/x.wet.gz"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()
        shards = plan([str(folder)], OPTIONS)
        assert names_in(shards, folder) == [*SHARDS, "empty.wet.gz"]
        assert [shard.size for shard in shards] == [8, 8, 13, 16, 28, 0]
        expected = {*PAPERS, *papers, "deep/_tmp"}
        assert set(names_in(shards.left_out, folder)) == expected
        globbed = plan([f"{folder}/*"], OPTIONS)
        assert set(names_in(globbed.left_out, folder)) == expected - {".gitattributes"}
        assert globbed == shards
        line = left_out_line(shards.left_out) or ""
        assert line.startswith("left out 12 files by their name: .gitattributes, LICENSE.txt, ")
        assert line.endswith(" and 4 names more; to read one, pass its own path")
        assert left_out_line(plan([f"{folder}/a.wet.gz"], OPTIONS).left_out) is None

    def test_a_file_named_outright_is_planned_whatever_its_name(self, folder: Path) -> None:
        (folder / "odd[1].gz").write_bytes(b"x")
        paths = [f"{folder}/README", f"{folder}/odd[1].gz", f"{folder}/empty.wet.gz"]
        assert names_in(plan(paths, OPTIONS), folder) == ["README", "empty.wet.gz", "odd[1].gz"]
        beside = plan([str(folder), f"{folder}/README", f"{folder}/_SUCCESS"], OPTIONS)
        assert {"README", "_SUCCESS"} <= set(names_in(beside, folder))
        assert not {"README", "_SUCCESS"} & set(names_in(beside.left_out, folder))

    def test_a_folder_named_outright_is_no_glob(self, folder: Path) -> None:
        odd = folder.parent / "l'été [2024]"
        folder.rename(odd)
        assert {"a.wet.gz", "deep/c.wet.gz"} <= set(names_in(plan([str(odd)], OPTIONS), odd))

    def test_a_half_fetched_shard_is_not_forgotten(self) -> None:
        names = ("x.wet.gz.part", "notice-board.jsonl.gz", "Readme.MD")
        assert list(map(is_shard_name, names)) == [True, True, False]

    def test_a_dangling_link_is_planned_so_that_it_fails(self, folder: Path) -> None:
        (folder / "gone.wet.gz").symlink_to(folder / "nowhere")
        for path in (f"{folder}/g*", str(folder)):
            assert ObjectInfo(f"{folder}/gone.wet.gz") in plan([path], OPTIONS).shards

    def test_order_and_repeats_of_paths_do_not_matter(self, folder: Path) -> None:
        one = plan([f"{folder}/deep", f"{folder}/a.wet.gz", f"{folder}/b.wet.gz"], OPTIONS)
        paths = [f"file://{folder}/b.wet.gz", f"{folder}/?.wet.gz", f"{folder}/deep/", f"{folder}/deep"]
        other = plan(paths, OPTIONS)
        assert (one, one.digest) == (other, other.digest)

    @pytest.mark.parametrize(
        ("path", "what"),
        [
            ("nope", "no such file or folder"),
            ("none", "folder contains no files to read"),
            ("papers", "left out by their name: 1"),
            ("*.zip", "glob matches no files to read"),
            ("nope.paths.gz", "no such file or folder"),
        ],
    )
    def test_what_leads_nowhere_says_what_and_where(self, folder: Path, path: str, what: str) -> None:
        (folder / "none").mkdir()
        (folder / "papers").mkdir()
        (folder / "papers" / "README.md").touch()
        with pytest.raises(InputError, match=what) as caught:
            plan([f"{folder}/{path}"], OPTIONS)
        assert caught.value.where == f"{folder}/{path}"
        assert caught.value.remedy
        with pytest.raises(InputError, match="no path was given"):
            plan([], OPTIONS)

    def test_a_web_object_is_a_shard_and_a_web_folder_is_not(self, server: Server) -> None:
        server.objects["/x.wet.gz"] = b"1234"
        (shard,) = plan([f"{server.url}/x.wet.gz"], OPTIONS)
        assert (shard.uri, shard.size, bool(shard.etag)) == (f"{server.url}/x.wet.gz", 4, True)
        for path, said in (("y.wet.gz", "no such object"), ("folder/", "cannot be listed")):
            with pytest.raises(InputError, match=said):
                plan([f"{server.url}/{path}"], OPTIONS)
        with pytest.raises(StorageError, match="cannot be reached"):
            plan(["http://127.0.0.1:1/x.gz"], OPTIONS)

    def test_texts_of_a_folder_are_shards_if_they_are_named_as_those_of_oscar(self, tmp_path: Path) -> None:
        for name in ("urls.txt", "fr_part_1.txt", "fr.txt.gz", "a.json.gz"):
            (tmp_path / name).write_text("Un texte.\n")
        shards = plan([str(tmp_path)], OPTIONS)
        assert names_in(shards, tmp_path) == ["a.json.gz", "fr.txt.gz", "fr_part_1.txt"]
        assert shards.left_out == (f"{tmp_path}/urls.txt",)
        assert names_in(plan([f"{tmp_path}/urls.txt"], OPTIONS), tmp_path) == ["urls.txt"]


CRAWL = "crawl-data/CC-MAIN-2024-22"
KEYS = (f"{CRAWL}/wet/2.warc.wet.gz", f"{CRAWL}/wet/1.warc.wet.gz")
WHOLE = a_list(*(f"key-{random.Random(i).random()}.gz" for i in range(1000)))
WARC = b"WARC/1.0\r\nWARC-Type: warcinfo\r\n\r\n" * 9


class TestLists:
    @cases(
        ("content", "path", "base", "found"),
        [
            # Nothing looks whether they are there.
            *((a_list(*KEYS), "wet.paths.gz", base, [f"{base.rstrip('/')}/{key}" for key in sorted(KEYS)])
              for base in ("s3://commoncrawl", "s3://commoncrawl/", "https://data.commoncrawl.org/")),
            # A mirror needs no base, and keeps what it lacks.
            (a_list(*KEYS), f"{CRAWL}/wet.paths.gz", None, [f"{{}}/{key}" for key in sorted(KEYS)]),
            (b"b.gz\n\n  a.gz \n", "my.paths", None, ["{}/a.gz", "{}/b.gz"]),
            (b"s3://bucket/x.gz\n/data/y.gz\nhttps://host/z.gz\n", "my.paths", None,
             ["/data/y.gz", "https://host/z.gz", "s3://bucket/x.gz"]),
            # Papers are no shards but if they are all.
            (b"a.json.gz\nREADME.md\ndataset_infos.json\n_SUCCESS\n.gitattributes", "x.paths", None,
             ["{}/a.json.gz"]),
            (b"README.md\n", "x.paths", None, ["{}/README.md"]),
        ],
    )  # fmt: skip
    def test_its_keys_are_below_a_base_or_beside_it(
        self, tmp_path: Path, content: bytes, path: str, base: str | None, found: list[str]
    ) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
        shards = plan([f"{tmp_path}/{path}"], OPTIONS, base=base)
        assert shards.shards == tuple(ObjectInfo(uri.format(tmp_path)) for uri in found)
        assert len(shards.left_out) == (4 if b"_SUCCESS" in content else 0)

    @pytest.mark.parametrize(
        ("content", "error", "said"),
        [
            pytest.param(a_list(*KEYS), InputError, "--base", id="no base to guess"),
            pytest.param(gzip.compress(b"a" * (65 << 20), 1), InputError, "is longer than", id="endless"),
            pytest.param(WARC, InputError, "not a list of shards", id="WARC"),
            pytest.param(gzip.compress(WARC), InputError, "not a list of shards", id="packed WARC"),
            pytest.param(b"", InputError, "empty", id="empty"),
            pytest.param(b"\n\n", InputError, "empty", id="empty lines"),
            pytest.param(b"PAR1\0\1", InputError, "binary", id="binary"),
            *(
                pytest.param(WHOLE[:cut], CorruptError, "truncated", id=f"cut at {cut}")
                for cut in (-1, -9, len(WHOLE) // 2, 15)
            ),
        ],
    )
    def test_what_is_none_says_so(
        self, tmp_path: Path, content: bytes, error: type[Exception], said: str
    ) -> None:
        (tmp_path / "x.paths.gz").write_bytes(content)
        with pytest.raises(error, match=said):
            plan([f"{tmp_path}/x.paths.gz"], OPTIONS)

    def test_one_on_the_web_names_objects_of_its_site(self, server: Server) -> None:
        server.objects[f"/{CRAWL}/wet.paths.gz"] = a_list(*KEYS, "odd name?.gz")
        shards = plan([f"{server.url}/{CRAWL}/wet.paths.gz?sig=1"], OPTIONS)
        found = [f"{server.url}/{key}" for key in (*sorted(KEYS), "odd%20name%3F.gz")]
        assert [shard.uri for shard in shards] == found

    @pytest.mark.parametrize("entry", ["file:///etc/passwd", "crawl-data/../../etc/passwd"])
    def test_one_on_the_web_leads_to_no_file_of_this_machine(self, server: Server, entry: str) -> None:
        server.objects["/wet.paths.gz"] = a_list(KEYS[0], entry)
        with pytest.raises(InputError, match="entry 2: a list from another host"):
            plan([f"{server.url}/wet.paths.gz"], OPTIONS)

    def test_a_glob_of_lists_stands_for_all_they_name(self, tmp_path: Path) -> None:
        for name in "ab":
            (tmp_path / f"{name}.paths").write_text(f"{name}.gz\n")
        assert names_in(plan([f"{tmp_path}/*.paths"], OPTIONS), tmp_path) == ["a.gz", "b.gz"]

    def test_only_line_ends_separate_its_names(self, tmp_path: Path) -> None:
        (tmp_path / "some.paths").write_bytes("a\u2028b.gz\r\nc\x85d.gz\re.gz\n".encode())
        found = names_in(plan([f"{tmp_path}/some.paths"], OPTIONS), tmp_path)
        assert found == ["a\u2028b.gz", "c\x85d.gz", "e.gz"]

    def test_a_real_one_of_common_crawl_is_read(self, real_data: Path) -> None:
        real = real_data / "common_crawl" / "whirlwind" / "CC-MAIN-2024-22.warc.paths.gz"
        shards = plan([str(real)], OPTIONS, base="https://data.commoncrawl.org/")
        assert len(shards) == 300
        assert all(shard.uri.startswith("https://data.commoncrawl.org/part-") for shard in shards)


class TestPlans:
    def test_a_plan_survives_pickle(self) -> None:
        many = ShardPlan.of(ObjectInfo(f"s3://bucket/{i:04}.gz", i, f"etag{i}") for i in range(1000))
        odd = ShardPlan.of([ObjectInfo("/caf\udce9.gz"), ObjectInfo("s3://b/é", 1, "x")])
        for shards in (many, odd):
            again = pickle.loads(pickle.dumps(shards))
            assert (again, again.digest) == (shards, shards.digest)

    def test_the_digest_covers_name_size_and_version(self) -> None:
        facts = [("s3://b/x", 1, "e"), ("s3://b/y", 1, "e"), ("s3://b/x", 2, "e"), ("s3://b/x", 1, "f")]
        assert len({ShardPlan.of([ObjectInfo(*each)]).digest for each in facts}) == 4

    def test_a_file_that_was_replaced_is_another_plan(self, tmp_path: Path) -> None:
        shard, digests = tmp_path / "a.wet.gz", set[str]()
        for time, content in enumerate((b"one", b"two")):
            shard.write_bytes(content)
            os.utime(shard, ns=(0, time))
            digests.add(plan([str(shard)], StorageOptions()).digest)
        assert len(digests) == 2

    def test_a_repeated_shard_keeps_the_size_that_is_known(self) -> None:
        known, unknown = ObjectInfo("s3://b/x", 1, "e"), ObjectInfo("s3://b/x")
        assert ShardPlan.of([known, unknown]) == ShardPlan.of([unknown, known]) == ShardPlan.of([known])
