"""A corpus as a value: opened once a process, checked, memory-mapped, never written.

One on S3 or HTTPS is copied to each host, once for all its processes.
"""

import os
import shutil
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.article_files import ArticleFiles, article_urls
from presswatch_spark.corpus.manifest import Manifest, check_files, read_manifest
from presswatch_spark.corpus.registry import Registry, parse_registry
from presswatch_spark.errors import CorpusError, OutputError
from presswatch_spark.judgement.rarity import Surroundings
from presswatch_spark.judgement.sites import SiteIndex
from presswatch_spark.model import Article
from presswatch_spark.processes import is_ours, user_caches
from presswatch_spark.settings.config import MinHashRules
from presswatch_spark.sieve.shingle_index import ShingleIndex
from presswatch_spark.storage.disk import fetch_file, file_sha256, put_file
from presswatch_spark.storage.file_locks import CORPUS_COPY, file_locked
from presswatch_spark.storage.objects import (
    MissingError,
    StorageOptions,
    list_objects,
    open_stream,
    printable,
    stat,
)
from presswatch_spark.storage.uris import canonical, join, scheme_of
from presswatch_spark.terminal import utc

CACHE_VARIABLE = "PRESSWATCH_CACHE_DIR"


class Corpus(ArticleFiles):
    """An open corpus. Its arrays and texts are maps of its files, which all processes of a host share."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        super().__init__(folder)
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, path: str, *, check: bool = True, storage: StorageOptions | None = None) -> Self:
        """Open a corpus folder; one on S3 or HTTPS is first copied to this host, once for all processes.

        Sizes of all files are always compared with the manifest; with `check` also every byte (SHA-256).
        The copy goes below the folder named by `PRESSWATCH_CACHE_DIR`, or `corpora/` in the user's cache; its
        bytes are compared with the manifest while it is made.

        Raises:
            CorpusError: there is no corpus, it is of another version, or its files do not match.
            OutputError: there is no folder for the copy that others cannot write to, or its disk has no room.
        """
        options = storage or StorageOptions()
        uri = canonical(path)
        manifest = manifest_of(uri, options)
        folder = Path(uri) if scheme_of(uri) == "file" else _on_this_host(uri, manifest, options)
        check_files(folder, manifest, content=check)
        return cls(folder, manifest)

    @classmethod
    def same(cls, path: str, digest: str, storage: StorageOptions) -> Self:
        """Open the corpus that a run was started with, on any host; its bytes were checked then.

        Raises `CorpusError` if it is not here, or not the one with that digest.
        """
        corpus = cls.open(path, check=False, storage=storage)
        if corpus.manifest.digest != digest:
            raise CorpusError(
                f"the corpus has digest {corpus.manifest.digest}, the run was started with {digest}",
                where=path,
                remedy="give every host the same corpus",
            )
        return corpus

    def __len__(self) -> int:
        return self.manifest.counts.articles

    @cached_property
    def registry(self) -> Registry:
        """Return the publishers and titles of the members file of the build."""
        path = self.folder / layout.MEMBERS
        return parse_registry(path.read_bytes(), str(path), built=True)

    @cached_property
    def index(self) -> ShingleIndex:
        """Open the shingle index; postings name articles by ordinal."""
        return ShingleIndex.open(self.folder / layout.INDEX_FOLDER)

    @cached_property
    def scattered_index(self) -> ShingleIndex:
        """Open the same index for few lookups here and there, where memory does not hold all of it."""
        return ShingleIndex.open(self.folder / layout.INDEX_FOLDER, scattered=True)

    @cached_property
    def sites(self) -> SiteIndex:
        """Open the index of the sites of all titles and the URLs of all articles."""
        return SiteIndex.open(self.folder / layout.SITES_FOLDER)

    def article(self, ordinal: int) -> Article:
        """Read the article of an ordinal: about two page faults."""
        columns = ("article_id", "title_id", "url", "headline", "published_at", "words", "is_excerpt")
        facts = dict(zip(columns, self.values(ordinal, *columns), strict=True))
        facts["published_at"] = facts["published_at"] and utc(facts["published_at"])
        cluster, title_id = int(self._clusters[ordinal]), facts["title_id"]
        return Article(
            **facts,
            publisher_id=self.registry.publisher_of[title_id],
            body=self.body(ordinal),
            cluster_id=None if cluster == layout.ALONE else self.article_id(cluster),
            time_zone=self.registry.titles[title_id].timezone,
        )

    def ordinal_of(self, article_id: str) -> int | None:
        """Return the ordinal of the article with an id; None if the corpus has none."""
        ordinal = bisect_left(range(len(self)), article_id, key=self.article_id)
        return ordinal if ordinal < len(self) and self.article_id(ordinal) == article_id else None

    def signed(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the title and the authors of every article that names any."""
        for first in range(0, len(self), layout.ARTICLES_PER_BATCH):
            batch, _ = self.row(first)
            names = zip(
                batch.column("title_id").to_pylist(), batch.column("authors").to_pylist(), strict=True
            )
            yield from ((title, authors) for title, authors in names if authors)

    def all_urls(self) -> Iterator[str]:
        """Yield the URLs of all articles, as the members gave them."""
        for part in range(-(-len(self) // layout.ARTICLES_PER_PART)):
            yield from (url for _, url in article_urls(self.part(part), part))

    def part(self, number: int) -> Path:
        """Return the file of a part of the articles."""
        return self.folder / layout.part_name(number)

    def signature(self, ordinal: int) -> npt.NDArray[np.uint32]:
        """Return the MinHash signature of an article: uint32[permutations]."""
        row: npt.NDArray[np.uint32] = self._signatures[ordinal]
        return row

    @property
    def minhash(self) -> MinHashRules:
        """Return how the signatures were made; a scan signs documents the same way."""
        return self.manifest.minhash

    @property
    def agencies(self) -> Sequence[str]:
        """Return the agencies that the corpus was built with."""
        return tuple(self.manifest.parameters.get("agencies", ()))

    def owner_names(self, title_id: str) -> tuple[str, ...]:
        """Return the names of a title's publisher, and the names and domains of all its titles."""
        return self._names_of[self.registry.publisher_of[title_id]]

    @cached_property
    def _names_of(self) -> Mapping[str, tuple[str, ...]]:
        return {
            publisher.id: (
                publisher.name,
                *(title.name for title in publisher.titles),
                *(domain for title in publisher.titles for domain in title.domains),
            )
            for publisher in self.registry.publishers
        }

    @cached_property
    def surroundings(self) -> Surroundings:
        """Open the facts that tell an article's own words from those that others have."""
        words, sample = self.folder / layout.VOCABULARY_FOLDER, self.folder / layout.BACKGROUND_FOLDER
        suppressed = pq.read_table(self.folder / layout.SUPPRESSED_TABLE, columns=["hash"])["hash"]
        return Surroundings(
            titles=arrays.load(self.folder / layout.TITLES),
            publishers=arrays.load(self.folder / layout.PUBLISHERS),
            clusters=self._clusters,
            agency=arrays.load(self.folder / layout.AGENCY),
            vocabulary=arrays.load(words / layout.HASHES),
            bits=arrays.load(words / layout.BITS),
            suppressed=np.sort(suppressed.to_numpy()),
            background=arrays.load(sample / layout.HASHES),
            domains=arrays.load(sample / layout.DOMAINS),
        )

    @cached_property
    def _signatures(self) -> npt.NDArray[np.uint32]:
        return arrays.load(self.folder / layout.SIGNATURES)

    @cached_property
    def _clusters(self) -> npt.NDArray[np.int32]:
        return arrays.load(self.folder / layout.CLUSTERS)


def require_free(uri: str, options: StorageOptions) -> None:
    """Raise `OutputError` unless `uri` is a place on S3 where nothing lies yet."""
    if scheme_of(uri) != "s3":
        raise OutputError("a corpus can be built on disk or on S3 only", where=printable(uri))
    try:
        if next(list_objects(uri, options), None) is None:
            return
    except MissingError:
        return
    raise OutputError("the output folder is not empty", where=uri, remedy="give --out a new folder")


def upload(folder: Path, uri: str, manifest: Manifest, options: StorageOptions) -> None:
    """Copy a corpus to a folder on S3: its files first, its manifest last."""
    for name in [*manifest.files, layout.MANIFEST]:
        put_file(str(folder / name), join(canonical(uri), name), options)


def manifest_of(path: str, options: StorageOptions) -> Manifest:
    """Read the manifest of the corpus at `path`; `CorpusError` if there is no sound one."""
    uri = canonical(path)
    where = join(uri, layout.MANIFEST)
    try:
        with open_stream(stat(where, options), options) as stream:
            return read_manifest(stream.read_to_end(), printable(where))
    except MissingError as error:
        raise CorpusError(
            "there is no corpus here: no manifest, or a build that was not finished",
            where=printable(uri),
            remedy="build it with `presswatch corpus build`",
        ) from error


def _on_this_host(uri: str, manifest: Manifest, options: StorageOptions) -> Path:
    """Return the copy of a remote corpus on this host; the first process makes it, while the others wait."""
    named = os.environ.get(CACHE_VARIABLE)
    # The folder above has to be ours as well: others who can write there could replace it.
    places = (root / "corpora" for root in user_caches() if is_ours(root))
    cache = next(filter(is_ours, [Path(named).absolute()] if named else places), None)
    if cache is None:
        raise OutputError(
            "the copy of a remote corpus needs a folder of this user's that nobody else may write to",
            where=named or " or ".join(map(str, user_caches())),
            remedy=f"take it away from others (chown, chmod go-w), or set {CACHE_VARIABLE} to another folder",
        )
    copy = cache / manifest.digest
    with arrays.writing(cache), file_locked(cache / f".{manifest.digest}.lock", CORPUS_COPY):
        if not copy.is_dir():
            _copy(uri, manifest, options, copy)
    return copy


def _copy(uri: str, manifest: Manifest, options: StorageOptions, copy: Path) -> None:
    partial = copy.with_name(f".{manifest.digest}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    size = sum(entry.size for entry in manifest.files.values())
    if (free := shutil.disk_usage(copy.parent).free) < size:
        raise OutputError(
            f"the copy of {printable(uri)} takes {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free",
            where=str(copy.parent),
            remedy=f"make room there, or name a folder on a larger disk by {CACHE_VARIABLE}",
        )
    for name, entry in manifest.files.items():
        fetch_file(join(uri, name), str(partial / name), options)
        if file_sha256(partial / name) != entry.sha256:
            raise CorpusError(
                "its content is not what the manifest says: the corpus was replaced or damaged",
                where=printable(join(uri, name)),
                remedy="put the same corpus there again; build another one to a new folder",
            )
    fetch_file(join(uri, layout.MANIFEST), str(partial / layout.MANIFEST), options)
    partial.rename(copy)
