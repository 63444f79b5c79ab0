"""The manifest: the files, counts and parameters of a corpus, and the digest that names it in every run.

It contains no time and no path: the same articles and settings give the same manifest, byte for byte.
"""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from presswatch_spark.core.errors import CorpusError
from presswatch_spark.core.settings.config import MinHashRules
from presswatch_spark.corpus.layout import FORMAT_VERSION, INDEX_FOLDER, MANIFEST
from presswatch_spark.matching.judgement.public_suffixes import list_version
from presswatch_spark.matching.shingle_index import SEARCHED
from presswatch_spark.reading.text.word_kernels import FOLD_VERSION
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.storage.json_documents import parse_json

_FORMAT = "presswatch-corpus"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and SHA-256 (hex) of a file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TitleCounts:
    """The counts of a title: its articles, those without date, its `refused` rows by reason.

    `example`: a refused row. `placeholders`: dates that mean "unknown". `first`, `last`: days of publication
    (`YYYY-MM-DD`). `excerpts`: articles that are teasers or break off. `html`: given as HTML. `repaired`:
    garbled ones. `urls_elsewhere`: URLs on other sites than the title's. `not_urls`: URLs that are none.
    """

    articles: int
    undated: int
    placeholders: int
    first: str | None
    last: str | None
    refused: Mapping[str, int]
    example: str | None
    excerpts: int
    html: int
    repaired: int
    urls_elsewhere: int
    not_urls: int


@dataclass(frozen=True, slots=True)
class CorpusCounts:
    """The counts of a corpus. `refused`: rows by reason. `shingles`: postings of the index.

    `suppressed`: shingles left out of the index. `background_shingles`: those that the sample of the web has,
    and no known text.
    """

    articles: int
    words: int
    shingles: int
    suppressed: int
    refused: Mapping[str, int] = field(default_factory=dict)
    clusters: int = 0
    clustered_articles: int = 0
    background_documents: int = 0
    background_shingles: int = 0
    titles: Mapping[str, TitleCounts] = field(default_factory=dict)
    known_texts: int = 0
    known_shingles: int = 0


@dataclass(frozen=True, slots=True)
class SealedPart:
    """A member's part of a sealed corpus: the keyed digest of its corpus, and the number of its articles."""

    fingerprint: str
    articles: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of `manifest.json`. `files` are all other files, by path under the folder.

    `public_suffixes`: the version of that list; no part of the digest, since its effect is in the files.
    """

    format_version: int
    fold_version: str
    parameters: Mapping[str, Any]
    counts: CorpusCounts
    files: Mapping[str, FileEntry]
    digest: str
    public_suffixes: str

    @property
    def minhash(self) -> MinHashRules:
        """Return the parameters of the MinHash signatures; a scan must sign documents with the same.

        A sealed corpus has none: then the usual ones.
        """
        return MinHashRules(**self.parameters.get("minhash", {}))

    @property
    def key_fingerprint(self) -> str | None:
        """Return the fingerprint of the key of a sealed corpus; None for an open one."""
        return self.parameters.get("key_fingerprint")

    @property
    def parts(self) -> tuple[SealedPart, ...]:
        """Return the parts of a sealed corpus, in the order of their articles' numbers."""
        return tuple(SealedPart(**part) for part in self.parameters.get("parts", ()))

    @property
    def searched_bytes(self) -> int:
        """Return the bytes of the arrays that nearly every lookup in the index reads (`SEARCHED`)."""
        searched = {f"{INDEX_FOLDER}/{name}.npy" for name in SEARCHED}
        return sum(entry.size for name, entry in self.files.items() if name in searched)


def write_manifest(folder: Path, parameters: Mapping[str, Any], counts: CorpusCounts) -> Manifest:
    """Measure and hash every file of a folder, and write `manifest.json`; the last step of a build."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor() as pool:
        entries = pool.map(lambda path: FileEntry(path.stat().st_size, file_sha256(path)), paths)
        names = (path.relative_to(folder).as_posix() for path in paths)
        files = dict(zip(names, entries, strict=True))
    digest = _digest(FORMAT_VERSION, FOLD_VERSION, parameters, files)
    manifest = Manifest(FORMAT_VERSION, FOLD_VERSION, parameters, counts, files, digest, list_version())
    content = {"format": _FORMAT, **asdict(manifest)}
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")
    return manifest


def read_manifest(raw: bytes, where: str) -> Manifest:
    """Parse and check `manifest.json`; `CorpusError` if it is damaged, edited, or of another version."""
    broken = CorpusError(
        "the manifest is not readable or was edited", where=where, remedy="build the corpus again"
    )
    try:
        fields = parse_json(raw)
        version, fold_version = fields["format_version"], fields["fold_version"]
        if fields.pop("format") != _FORMAT:
            raise broken
        if (version, fold_version) != (FORMAT_VERSION, FOLD_VERSION):
            raise CorpusError(
                f"the corpus was built by another version: format {version}, {fold_version};"
                f" this one reads format {FORMAT_VERSION}, {FOLD_VERSION}",
                where=where,
                remedy="build the corpus again with this version",
            )
        files = {name: FileEntry(**entry) for name, entry in fields.pop("files").items()}
        counts = fields.pop("counts")
        titles = {title: TitleCounts(**entry) for title, entry in counts.pop("titles").items()}
        manifest = Manifest(counts=CorpusCounts(**counts, titles=titles), files=files, **fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken from error
    outside = any(name.startswith("/") or ".." in name.split("/") for name in manifest.files)
    if outside or manifest.digest != _digest(version, fold_version, manifest.parameters, manifest.files):
        raise broken
    return manifest


def check_files(folder: Path, manifest: Manifest, *, content: bool) -> None:
    """Compare the folder with its manifest: sizes, and with `content` every byte (SHA-256).

    Raises `CorpusError` with every file that is missing, or differs from the manifest.
    """

    def mistake(name: str) -> str | None:
        path, entry = folder / name, manifest.files[name]
        if not path.is_file():
            return f"{name} is missing"
        if (size := path.stat().st_size) != entry.size:
            return f"{name} has {size:,} bytes instead of {entry.size:,}"
        differs = content and file_sha256(path) != entry.sha256
        return f"{name} has another content" if differs else None

    with ThreadPoolExecutor() as pool:
        wrong = sorted(filter(None, pool.map(mistake, manifest.files)))
    if wrong:
        raise CorpusError(
            f"the corpus does not match its manifest: {'; '.join(wrong)}",
            where=str(folder),
            remedy="build the corpus again, or copy it again from its source",
        )


def _digest(
    version: int, fold_version: str, parameters: Mapping[str, Any], files: Mapping[str, FileEntry]
) -> str:
    content = [version, fold_version, parameters, {name: asdict(entry) for name, entry in files.items()}]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
