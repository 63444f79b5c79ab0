"""Small corpora for tests: French press texts made up here, members files, and builds without a JVM."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from pyspark.sql import SparkSession

from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.manifest import Manifest
from presswatch_spark.storage.objects import StorageOptions


class Inline:
    """As much of a Spark session as a build asks for, at work in this process."""

    defaultParallelism = 2  # noqa: N815

    @property
    def sparkContext(self) -> Inline:
        return self

    def parallelize(self, items: Sequence[Any], slices: int) -> _Items:
        return _Items(iter(items))


class _Items:
    """Items that are worked on when they are collected."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items

    def map(self, function: Callable[[Any], Any]) -> _Items:
        return _Items(map(function, self._items))

    def collect(self) -> list[Any]:
        return list(self._items)


MEMBERS = """\
publishers:
  - id: rives
    name: Éditions des Rives
    titles:
      - {id: courrier, name: Le Courrier des Rives, domains: [courrier.example]}
      - {id: rivage, name: Rivage, domains: [rivage.example]}
  - id: plateau
    name: Plateau Presse
    titles:
      - {id: hebdo, name: L'Hebdo du Plateau, domains: [hebdo.example]}
"""

PLACES = ("Valmont", "Sainte-Aure", "Brézolles", "Corvières", "Lanneau", "Mirebelle", "Pontauzan", "Tréverin")
WHO = (
    "la maire", "un maraîcher", "l’institutrice", "le préfet", "une chercheuse", "les pompiers",
    "un éclusier",
)  # fmt: skip
DID = (
    "a inauguré", "refuse de quitter", "compte rouvrir", "a photographié", "voudrait racheter", "surveille",
)  # fmt: skip
WHAT = (
    "le vieux moulin", "la halle aux grains", "l’école du bourg", "un pont suspendu", "la gare désaffectée",
)  # fmt: skip
WHEN = (
    "depuis l’été", "malgré la neige", "avant les vœux", "pour la troisième fois",
    "sans l’accord des voisins",
)  # fmt: skip


def sentence(rng: random.Random) -> str:
    """A sentence; two of them are the same once in some ten million."""
    parts = (rng.choice(WHO), rng.choice(DID), rng.choice(WHAT), f"de {rng.choice(PLACES)}", rng.choice(WHEN))
    return f"{' '.join(parts)}, dit-on au numéro {rng.randrange(10_000)}.".capitalize()


def text(seed: int, sentences: int = 5) -> str:
    """A text of some 18 words a sentence, the same for the same seed."""
    rng = random.Random(seed)
    return " ".join(sentence(rng) for _ in range(sentences))


def article(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "article_id": f"a{number:05d}",
        "title_id": "courrier",
        "url": f"https://www.courrier.example/une/{number}",
        "headline": f"Nouvelles {number}",
        "body": text(number),
        "published_at": "2024-03-01T06:30:00+01:00",
        **fields,
    }


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def write_members(folder: Path, members: str = MEMBERS) -> Path:
    """Write a members file, by default with titles `courrier`, `rivage` and `hebdo`."""
    path = folder / "members.yaml"
    path.write_text(members, "utf-8")
    return path


def build(
    out: Path,
    articles: Sequence[Path],
    config: CorpusConfig | None = None,
    spark: SparkSession | None = None,
    members_file: str = MEMBERS,
    **sources: Sequence[Path],
) -> Manifest:
    """Build a corpus of the members above; without a session, in this process and without a JVM.

    `sources`: files for `background` and `known`.
    """
    members, session = write_members(out.parent, members_file), spark or cast(SparkSession, Inline())
    paths = {name: [str(path) for path in files] for name, files in sources.items()}
    given = [str(path) for path in articles]
    config, storage = config or CorpusConfig(), StorageOptions()
    return build_corpus(session, str(members), given, str(out), config, storage, **paths)


def corpus_of(
    folder: Path,
    rows: Iterable[dict[str, Any]],
    config: CorpusConfig | None = None,
    members: str = MEMBERS,
    **sources: Sequence[Path],
) -> Path:
    """Build `corpus` below a folder, of articles with these rows; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = write_jsonl(folder / "articles.jsonl", rows)
    build(folder / "corpus", [file], config, members_file=members, **sources)
    return folder / "corpus"
