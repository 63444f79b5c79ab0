"""What the bench is made from: press of several outlets, and texts that have nothing to do with it."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from presswatch_spark.cli.demo.generate import DemoArticle
from tests.world import prose

PUBLISHERS: Mapping[str, Sequence[str]] = {
    "ipm": ("dhnet.be", "lalibre.be"),
    "dassault": ("lefigaro.fr",),
    "sebdo": ("lepoint.fr",),
    "humanite": ("humanite.fr",),
    "devoir": ("ledevoir.com",),
    "gesca": ("lapresse.ca",),
    "tamedia": ("tdg.ch",),
    "ringier": ("letemps.ch",),
}
"""The members, outlet by outlet. Outlets of one house share its copy; agency copy is shared by several."""

OTHER_PRESS = ("dz-press", "journaldemontreal.com", "lenouvelliste.ch")
"""Outlets that are no members: pages of the bench."""
BACKGROUND_PRESS = ("lematin.ch", "lesoleil.com", "journaldequebec.com")
"""Outlets that are no members: pages of the background sample."""

_SENTENCE_WORDS = range(6, 45)
_PASSAGE_WORDS = 60
_PASSAGES = 60


@dataclass(frozen=True, slots=True)
class Material:
    """Articles of members, of other press for the pages and for the background; texts without relation.

    `filler` and `background_filler` are sentences, no one in both; `passages` are old texts of some 60 words
    that stand in none of the others. `real` says whether it is real press.
    """

    members: tuple[DemoArticle, ...]
    other_press: tuple[DemoArticle, ...]
    background_press: tuple[DemoArticle, ...]
    filler: tuple[str, ...]
    background_filler: tuple[str, ...]
    passages: tuple[str, ...]
    real: bool


def title_of(outlet: str) -> str:
    """An outlet's id among the members."""
    return re.sub(r"\W", "-", outlet)


def publisher_of(title: str) -> str:
    """The publisher of a title, or the title itself if it is no member's."""
    for publisher, outlets in PUBLISHERS.items():
        if title in map(title_of, outlets):
            return publisher
    return title


def real_data() -> Path | None:
    """The folder of real texts, if there is one."""
    named = os.environ.get("PRESSWATCH_REAL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
    return folder.resolve() if (folder / "press" / "articles.jsonl").is_file() else None


def load(folder: Path | None, articles: int, seed: int) -> Material:
    """Material with at most `articles` articles of members; generated where `folder` is None."""
    return _generated(articles, seed) if folder is None else _real(folder, articles, seed)


def _real(folder: Path, articles: int, seed: int) -> Material:
    press: dict[str, list[DemoArticle]] = {}
    with (folder / "press" / "articles.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            row = json.loads(line)
            if row["text"]:
                press.setdefault(row["outlet"], []).append(_article(number, row))
    members = [article for outlets in PUBLISHERS.values() for name in outlets for article in press[name]]
    rng = random.Random(f"material {seed}")
    members = sorted(rng.sample(members, min(articles, len(members))), key=lambda a: a.article_id)
    sentences = list(_europeana(folder)) + list(_sequoia(folder))
    rng.shuffle(sentences)
    cut = len(sentences) * 3 // 4
    old = _hipe_words(folder)
    places = range(0, len(old) - _PASSAGE_WORDS, max(_PASSAGE_WORDS, len(old) // _PASSAGES))
    return Material(
        members=tuple(members),
        other_press=tuple(article for name in OTHER_PRESS for article in press[name]),
        background_press=tuple(article for name in BACKGROUND_PRESS for article in press[name]),
        filler=tuple(sentences[:cut]),
        background_filler=tuple(sentences[cut:]),
        passages=tuple(" ".join(old[i : i + _PASSAGE_WORDS]) for i in places[:_PASSAGES]),
        real=True,
    )


def _article(number: int, row: Mapping[str, str | None]) -> DemoArticle:
    outlet = str(row["outlet"])
    host = outlet if "." in outlet else f"{outlet}.example"
    return DemoArticle(
        article_id=f"press-{number:04}",
        title_id=title_of(outlet),
        # Some have no URL in the data: one is made up, so that no two articles share it.
        url=row["url"] or f"https://www.{host}/archives/{number}",
        headline=row["title"] or "",
        body=str(row["text"]),
        published_at=_date(row["date"] or ""),
        authors=(),
    )


def _date(written: str) -> str:
    """ISO 8601 from what the data has, which is also day-month-year; "" if there is none."""
    parts = written.split("-")
    if len(parts[-1]) == 4:
        parts.reverse()
    return "-".join(part.zfill(2) for part in parts if part)


def _europeana(folder: Path) -> Iterator[str]:
    path = folder / "text" / "europeana_fr" / "enp_FR.bnf.bio" / "enp_FR.bnf.bio"
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        word = line.rpartition(" ")[0]
        words.append(word)
        if word == "." or len(words) == _SENTENCE_WORDS.stop:
            if len(words) in _SENTENCE_WORDS:
                yield " ".join(words)
            words = []


def _sequoia(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "text" / "ud_sequoia").glob("*.conllu")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# text = ") and line.count(" ") in _SENTENCE_WORDS:
                yield line.removeprefix("# text = ")


def _hipe_words(folder: Path) -> list[str]:
    [path] = (folder / "text" / "hipe_fr" / "training-v0.9" / "fr").glob("*train*.tsv")
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return [line.split("\t")[0] for line in lines if line and not line.startswith("#")]


def _generated(articles: int, seed: int) -> Material:
    titles = [title_of(name) for outlets in PUBLISHERS.values() for name in outlets]
    made = list(prose.articles(articles + 60, seed, words=(200, 800)))
    members = [
        replace(article, title_id=titles[i % len(titles)], url=f"https://{_host(titles, i)}/{i}")
        for i, article in enumerate(made[:articles])
    ]
    # Agency copy: now and then the next outlet carries the same text, with one sentence of its own.
    rng = random.Random(f"material {seed}")
    for i in range(0, articles - 1, 10):
        body = f"{members[i].body}\n{prose.sentence(rng)}"
        members[i + 1] = replace(members[i + 1], body=body)
    sentences = [_scrambled(rng) for _ in range(20 * articles)]
    cut = len(sentences) * 3 // 4
    others = [replace(article, title_id="other-press") for article in made[articles:]]
    return Material(
        members=tuple(members),
        other_press=tuple(others[:40]),
        background_press=tuple(others[40:]),
        filler=tuple(sentences[:cut]),
        background_filler=tuple(sentences[cut:]),
        passages=tuple(prose.prose(rng, _PASSAGE_WORDS) for _ in range(_PASSAGES)),
        real=False,
    )


def _scrambled(rng: random.Random) -> str:
    """Words of a sentence in any order: the generator's phrases would stand on every page otherwise."""
    words = prose.sentence(rng).split(" ")
    return " ".join(rng.sample(words, len(words)))


def _host(titles: Sequence[str], i: int) -> str:
    return f"www.{titles[i % len(titles)]}.example"
