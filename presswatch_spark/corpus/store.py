"""Opens a corpus: checked, memory-mapped, read-only.

A corpus on S3 or HTTPS is copied to each host, once for all processes of the host.
"""

import hashlib
import os
import shutil
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import CorpusError, OutputError
from presswatch_spark.core.processes import is_ours, own_folder, user_caches
from presswatch_spark.core.scan_values import Article, TextColumn
from presswatch_spark.core.terminal import utc
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.layout import ARTICLES_PER_BATCH, ARTICLES_PER_PART, part_name
from presswatch_spark.corpus.manifest import Manifest, check_files, read_manifest
from presswatch_spark.corpus.members import Registry, parse_registry
from presswatch_spark.matching.judgement.rarity import Surroundings
from presswatch_spark.matching.judgement.sites import Owner, SiteIndex, may_be_known
from presswatch_spark.matching.judgement.urls import hosts_above, page_url
from presswatch_spark.matching.shingle_index import ShingleIndex
from presswatch_spark.reading.http.message import site_file
from presswatch_spark.reading.rows.row_values import text_column
from presswatch_spark.reading.text.word_kernels import Hashes
from presswatch_spark.reading.text.words import are_among, indexed_positions, shingle_hashes, words_of_each
from presswatch_spark.storage.disk import fetch_file, file_sha256
from presswatch_spark.storage.file_locks import CORPUS_COPY, file_locked
from presswatch_spark.storage.objects import MissingError, StorageOptions, read_object
from presswatch_spark.storage.uris import canonical, join, scheme_of, shown_uri
from presswatch_spark.tables.declarations import columns_without_run

# Each takes a file descriptor; a process may have about a thousand.
_FILES_OPEN = 256


class ArticleFiles:
    """Reads articles by ordinal from the mapped files of a corpus folder."""

    def __init__(self, folder: Path) -> None:
        @lru_cache(_FILES_OPEN)
        def reader(part: int) -> Any:
            return pa.ipc.open_file(pa.memory_map(str(folder / part_name(part))))

        self._batch = lru_cache(_FILES_OPEN)(lambda part, batch: reader(part).get_batch(batch))

    def row(self, ordinal: int) -> tuple[Any, int]:
        """Return the record batch that has an article, and its row there."""
        part, place = divmod(ordinal, ARTICLES_PER_PART)
        batch, row = divmod(place, ARTICLES_PER_BATCH)
        return self._batch(part, batch), row

    def values(self, ordinal: int, *columns: str) -> tuple[Any, ...]:
        """Return the values of an article in some columns of `layout.ARTICLES`."""
        batch, row = self.row(ordinal)
        return tuple(batch.column(name)[row].as_py() for name in columns)

    def body(self, ordinal: int) -> bytes:
        """Return the body of an article, UTF-8."""
        batch, row = self.row(ordinal)
        body: bytes = batch.column("body")[row].as_buffer().to_pybytes()
        return body

    def urls(self, ordinal: int) -> tuple[str, ...]:
        """Return the URL of an article and its alternates, as the member gave them; empty if it has none."""
        return urls_of(*self.values(ordinal, "url", "alternate_urls"))

    def article_id(self, ordinal: int) -> str:
        """Return the id of an article."""
        article_id: str = self.values(ordinal, "article_id")[0]
        return article_id


def urls_of(url: str | None, alternates: Sequence[str]) -> tuple[str, ...]:
    """Return the URL of an article, if it has one, and its alternates."""
    return (url, *alternates) if url else tuple(alternates)


CACHE_VARIABLE = "PRESSWATCH_CACHE_DIR"


class CorpusFolder:
    """The open folder of a corpus, of which all processes of a host share the maps of the files."""

    is_sealed = False

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, path: str, *, check: bool = True, storage: StorageOptions | None = None) -> Self:
        """Open a corpus folder; a remote one is first copied to this host, below `PRESSWATCH_CACHE_DIR`.

        Sizes are compared with the manifest, and with `check` every byte (SHA-256). `CorpusError` if there is
        none, or one of another kind or version or damaged; `OutputError` if no private folder has room for a
        copy.
        """
        options = storage or StorageOptions()
        uri = canonical(path)
        manifest = manifest_of(uri, options)
        if manifest.key_fingerprint and not cls.is_sealed:
            raise CorpusError(
                "the corpus is sealed: it has hashes that only its key can make, and no articles",
                where=path,
                remedy="search it with `presswatch scan --key-file KEY`; else pass the corpus it was made of",
            )
        if cls.is_sealed and not manifest.key_fingerprint:
            raise CorpusError(
                "the corpus is not sealed",
                where=path,
                remedy="seal it with `presswatch corpus seal`, or search it without a key",
            )
        folder = Path(uri) if scheme_of(uri) == "file" else _on_this_host(uri, manifest, options)
        check_files(folder, manifest, content=check)
        return cls(folder, manifest)

    @classmethod
    def same(cls, path: str, digest: str, storage: StorageOptions) -> Self:
        """Open the corpus that a run was started with, on any host; `CorpusError` if the digest differs."""
        corpus = cls.open(path, check=False, storage=storage)
        if corpus.manifest.digest != digest:
            raise CorpusError(
                f"the corpus has digest {corpus.manifest.digest}, the run was started with {digest}",
                where=path,
                remedy="copy the same corpus to every host",
            )
        return corpus

    def __len__(self) -> int:
        return self.manifest.counts.articles


class Corpus(CorpusFolder, ArticleFiles):
    """An open corpus. Its arrays and texts are maps of its files, which all processes of a host share."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        CorpusFolder.__init__(self, folder, manifest)
        ArticleFiles.__init__(self, folder)

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
        """Open the same index for few, scattered lookups: without read-ahead, if memory is too small."""
        return ShingleIndex.open(self.folder / layout.INDEX_FOLDER, scattered=True)

    @cached_property
    def sites(self) -> SiteIndex:
        """Open the index of the sites of all titles and the URLs of all articles."""
        return SiteIndex.open(self.folder / layout.SITES_FOLDER)

    def wants(self, url: str) -> bool:
        """Return whether a response at this URL may declare something for a member."""
        return may_be_known(url, self.sites.hosts) and self.owner(url) is not None

    def owner(self, url: str) -> Owner | None:
        """Return the owner of a page or a host's file; None if no member is.

        A page belongs to the title of its site, or else to the article at its URL. A file belongs to the
        titles on its host or on a part of it.
        """
        if site_file(url):
            page = page_url(url)
            names = hosts_above(page.host) if page else ()
            sites = next((sites for name in names if (sites := self.sites.sites.get(name))), ())
            titles, publishers = {site.title_id for site in sites}, {site.publisher_id for site in sites}
            found = [next(iter(ids)) if len(ids) == 1 else None for ids in (titles, publishers)]
            return Owner(*found) if sites else None
        match = self.sites.match(url, self.urls)
        if match is None:
            return None
        one = self.article(match.articles[0]) if match.title_id is None else match
        return Owner(one.title_id, one.publisher_id)

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

    def text_of(self, article_id: str) -> bytes | None:
        """Return the body of the article with an id, UTF-8; None if the corpus has none."""
        ordinal = self.ordinal_of(article_id)
        return None if ordinal is None else self.body(ordinal)

    def each(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield the values of every article in some columns of `layout.ARTICLES`, by ordinal."""
        for batch in self.batches():
            yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all articles by ordinal, in the columns of `layout.ARTICLES`."""
        return (self.row(first)[0] for first in range(0, len(self), ARTICLES_PER_BATCH))

    @cached_property
    def signatures(self) -> npt.NDArray[np.uint32]:
        """Return the MinHash signatures of all articles: uint32[articles, permutations]."""
        return layout.load(self.folder / layout.SIGNATURES)

    @cached_property
    def owner_names(self) -> Mapping[str, tuple[str, ...]]:
        """Return, by title, its publisher's name, and names and domains of all titles of the publisher."""
        names = dict[str, tuple[str, ...]]()
        for publisher in self.registry.publishers:
            titles = publisher.titles
            domains = (domain for title in titles for domain in title.domains)
            own_names = (publisher.name, *(title.name for title in titles), *domains)
            names |= dict.fromkeys((title.id for title in titles), own_names)
        return names

    @cached_property
    def surroundings(self) -> Surroundings:
        """Open the facts that distinguish an article's own words from words that other texts have."""
        words, sample = self.folder / layout.VOCABULARY_FOLDER, self.folder / layout.BACKGROUND_FOLDER
        suppressed = pq.read_table(self.folder / layout.SUPPRESSED_TABLE, columns=["hash"])["hash"]
        return Surroundings(
            titles=layout.load(self.folder / layout.TITLES),
            publishers=layout.load(self.folder / layout.PUBLISHERS),
            clusters=self._clusters,
            agency=layout.load(self.folder / layout.AGENCY),
            vocabulary=layout.load(words / layout.HASHES),
            bits=layout.load(words / layout.BITS),
            suppressed=np.sort(suppressed.to_numpy()),
            background=layout.load(sample / layout.HASHES),
            domains=layout.load(sample / layout.DOMAINS),
        )

    @cached_property
    def _clusters(self) -> npt.NDArray[np.int32]:
        return layout.load(self.folder / layout.CLUSTERS)


def manifest_of(path: str, options: StorageOptions) -> Manifest:
    """Read the manifest of the corpus at `path`; `CorpusError` if there is no sound one."""
    uri = canonical(path)
    where = join(uri, layout.MANIFEST)
    try:
        return read_manifest(read_object(where, options)[0], shown_uri(where))
    except MissingError as error:
        raise CorpusError(
            "there is no corpus here: no manifest, or a build that was not finished",
            where=shown_uri(uri),
            remedy="build it with `presswatch corpus build`",
        ) from error


def _on_this_host(uri: str, manifest: Manifest, options: StorageOptions) -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    cache = Path(named).absolute() if named else own_folder(user_caches(), "corpora")
    if cache is None or not is_ours(cache):
        raise OutputError(
            "the copy of a remote corpus needs a folder that only this user may write to",
            where=named or " or ".join(map(str, user_caches())),
            remedy=f"restrict access (chown, chmod go-w), or set {CACHE_VARIABLE} to another folder",
        )
    copy, partial = cache / manifest.digest, cache / f".{manifest.digest}.partial"
    size = sum(entry.size for entry in manifest.files.values())
    with layout.writing(cache), file_locked(cache / f".{manifest.digest}.lock", CORPUS_COPY):
        if copy.is_dir():
            return copy
        shutil.rmtree(partial, ignore_errors=True)
        if (free := shutil.disk_usage(cache).free) < size:
            raise OutputError(
                f"the copy of {shown_uri(uri)} needs {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free",
                where=str(cache),
                remedy=f"free some space there, or set {CACHE_VARIABLE} to a folder on a larger disk",
            )
        for name, entry in manifest.files.items():
            fetch_file(join(uri, name), str(partial / name), options)
            if file_sha256(partial / name) != entry.sha256:
                raise CorpusError(
                    "its content differs from the manifest: the corpus was replaced or damaged",
                    where=shown_uri(join(uri, name)),
                    remedy="put the same corpus there again; build another one to a new folder",
                )
        fetch_file(join(uri, layout.MANIFEST), str(partial / layout.MANIFEST), options)
        partial.rename(copy)
    return copy


_ROW_COLUMNS = columns_without_run("corpus_articles")


def article_rows(corpus: Corpus) -> Iterator[pa.RecordBatch]:
    """Yield all articles in the order of their ids, without run id: a batch for each of the corpus."""
    around, stride = corpus.surroundings, corpus.manifest.parameters["shingle_stride"]
    publisher_of = corpus.registry.publisher_of

    def rows(first: int) -> pa.RecordBatch:
        batch, _ = corpus.row(first)
        chosen = slice(first, first + len(batch))
        bodies, cluster_of = text_column(batch["body"], "body"), around.clusters[chosen].tolist()
        # The id of a cluster is that of its first article.
        cluster_ids = {ordinal: corpus.article_id(ordinal) for ordinal in {*cluster_of} if ordinal >= 0}
        made = {
            "corpus_digest": pa.repeat(corpus.manifest.digest, len(batch)),
            "publisher_id": pa.array(map(publisher_of.__getitem__, batch["title_id"].to_pylist())),
            "article_words": batch["words"],
            "article_sha256": pa.array(hashlib.sha256(bodies[i].data).hexdigest() for i in range(len(batch))),
            "cluster_id": pa.array(map(cluster_ids.get, cluster_of), pa.string()),
            "is_agency": pa.array(around.agency[chosen]),
            "suppressed_shingles": pa.array(_suppressed_of_each(bodies, around.suppressed, stride)),
        }
        columns = (made[name] if name in made else batch[name] for name in _ROW_COLUMNS.names)
        return pa.RecordBatch.from_arrays(list(columns), schema=_ROW_COLUMNS)

    with ThreadPoolExecutor(thread_name_prefix="articles") as pool:
        for first in range(0, len(corpus), ARTICLES_PER_PART):
            after = min(first + ARTICLES_PER_PART, len(corpus))
            yield from pool.map(rows, range(first, after, ARTICLES_PER_BATCH))


def _suppressed_of_each(texts: TextColumn, suppressed: Hashes, stride: int) -> npt.NDArray[np.int32]:
    """Count the shingles of each text that an index with this stride would have without suppression."""
    count = len(texts)
    if not len(suppressed):
        return np.zeros(count, np.int32)
    words, edges = words_of_each(texts)
    # A shingle depends on its own words only, so the shingles of all texts can be hashed at once.
    positions = [indexed_positions(n, stride) for n in np.diff(edges)]
    owners = np.repeat(np.arange(count), [len(each) for each in positions])
    hashes = shingle_hashes(words)[np.concatenate(positions) + edges[owners]]
    return np.bincount(owners[are_among(hashes, suppressed)], minlength=count).astype(np.int32)
