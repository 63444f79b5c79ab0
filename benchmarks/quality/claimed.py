"""Whether claims hold: other papers as pages of the web, and copies of articles that are a member's alone.

    python -m benchmarks.quality.claimed [--per-kind 60] [--out FILE] [--update]

Papers of one country are the members, all others are pages on their own sites: they print agency copy by
right, so no claim on them may have A or B. Articles whose words no other paper has are planted on sites that
nobody knows: of these claims nearly all must have A or B, and none if the article has no date, or a date
after the capture. Four splits, each with a background sample and without.
Figures need real press (`PRESSWATCH_REAL_DATA`, or `../shared/data`).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks import publish
from benchmarks.quality import edits
from benchmarks.quality.cut import cut
from benchmarks.quality.material import Material, load, real_data, title_of
from benchmarks.quality.negatives import FORMULAS
from benchmarks.quality.pages import Planted, around
from benchmarks.quality.product import presswatch
from benchmarks.quality.truth import ROW
from benchmarks.speed.report import table
from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import DemoArticle
from presswatch_spark.tables.store import TableStore

SPLITS: Mapping[str, tuple[str, ...]] = {
    "French papers are members": ("lefigaro.fr", "lepoint.fr", "humanite.fr"),
    "Belgian papers are members": ("dhnet.be", "lalibre.be"),
    "Swiss papers are members": ("tdg.ch", "letemps.ch", "lenouvelliste.ch", "lematin.ch"),
    "Canadian papers are members": ("ledevoir.com", "lapresse.ca", "journaldemontreal.com", "lesoleil.com"),
}
"""Outlets of the members, split by split; outlets that are not named are pages."""

DATED = "2019-01-01"
"""The day of articles that the data has none for; all pages are captured in December 2024."""
AFTER_CAPTURE = "2025-06-01"
PART_WORDS, PAGE_WORDS = 150, 400
LEAST_WORDS = 200
"""Shorter articles are not planted: the part that is copied would be all of them."""
AGENCIES = re.compile(
    r"\b(AFP|Agence France-Presse|Associated Press|Presse canadienne"
    r"|Reuters|Belga|ATS|APS|AP|DPA|EFE|ANSA)\b",
    # Swiss papers write "ats/afp".
    re.IGNORECASE,
)

PAPER, WHOLE, SEVERAL, PART = "other papers", "copied whole", "copied whole by three sites", "copied in part"
UNDATED, EARLY = "copied whole, article undated", "copied whole, captured before publication"
CERTAIN = ("A", "B")
PROMISED: Mapping[str, float] = {WHOLE: 0.95, SEVERAL: 0.95, PART: 0.85}
"""Share of the claims of a kind that must have A or B; of every other kind, none may."""
SURE = 0.95
"""Confidence of the bounds, two-sided."""


@dataclass(frozen=True, slots=True)
class Split:
    """Articles of members, and pages of the web; each page's kind says what its claims may be."""

    articles: tuple[DemoArticle, ...]
    pages: tuple[Planted, ...]


def split_of(
    material: Sequence[DemoArticle], outlets: Sequence[str], filler: Sequence[str], count: int, seed: int
) -> Split:
    """Return members' articles, other papers' pages, and at most `count` planted articles of each kind."""
    titles = frozenset(map(title_of, outlets))
    members = [replace(a, published_at=a.published_at or DATED) for a in material if a.title_id in titles]
    others = [article for article in material if article.title_id not in titles]
    pages = [Planted(PAPER, article.url, article.body, {}) for article in others]
    rng = random.Random(f"claims {seed} {sorted(titles)}")
    alone = exclusive(members, material)
    rng.shuffle(alone)
    kinds: Sequence[str] = (WHOLE, PART, SEVERAL, UNDATED, EARLY)
    dates: dict[str, str] = {}
    for number, article in enumerate(alone[: count * len(kinds)]):
        kind = kinds[number % len(kinds)]
        if kind in (UNDATED, EARLY):
            dates[article.article_id] = "" if kind == UNDATED else AFTER_CAPTURE
        for copy in range(3 if kind == SEVERAL else 1):
            # A registered domain of its own for each page.
            url = f"https://www.page-{number}-{copy}.example/{number}"
            pages.append(
                Planted(kind, url, _copied(kind, article, filler, rng), {article.article_id: frozenset()})
            )
    dated = (replace(a, published_at=dates.get(a.article_id, a.published_at)) for a in members)
    return Split(tuple(dated), tuple(pages))


def exclusive(members: Iterable[DemoArticle], press: Iterable[DemoArticle]) -> list[DemoArticle]:
    """Return articles that share no row of eight words with another outlet's, and name no agency."""
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for article in press:
        for row in _rows(article):
            holders[row].add(article.title_id)
    return [
        article
        for article in members
        if len(cut(article.body)) >= LEAST_WORDS
        and not AGENCIES.search(article.body)
        and all(len(holders[row]) == 1 for row in _rows(article))
    ]


def _rows(article: DemoArticle) -> Iterable[tuple[str, ...]]:
    words = cut(article.body).folded
    return (tuple(words[i : i + ROW]) for i in range(len(words) - ROW + 1))


def _copied(kind: str, article: DemoArticle, filler: Sequence[str], rng: random.Random) -> str:
    if kind == PART:
        return around(filler, rng, PAGE_WORDS, edits.excerpt(article.body, rng, PART_WORDS).text)
    return around(filler, rng, 60, article.body)


def write(folder: Path, split: Split, outlets: Sequence[str], background: Sequence[Planted]) -> None:
    """Write members, articles, shards and the background sample below `folder`."""
    publishers = [
        {"id": title_of(o), "name": o, "titles": [{"id": title_of(o), "name": o, "domains": [o]}]}
        for o in outlets
    ]
    (folder / "members.yaml").write_text(yaml.safe_dump({"publishers": publishers}), encoding="utf-8")
    with (folder / "articles.jsonl").open("w", encoding="utf-8") as file:
        for article in split.articles:
            row = asdict(article) | {"published_at": article.published_at or None}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    for name, pages in (("shards", split.pages), ("background", background)):
        (folder / name).mkdir()
        shards.write_wet(folder / name / "CC-MAIN-20241214015810-20241214045810-00000.warc.wet.gz", pages)


def letters(folder: Path, split: Split, name: str, *sample: str) -> dict[str, Counter[str]]:
    """Run `corpus build`, `scan` and `claims`, and count the letters of claims by kind of page.

    A page of a kind that is promised counts as `missed` if it has no claim of its article at all.
    """
    corpus, tables, claims = (str(folder / f"{part}-{name}") for part in ("corpus", "tables", "claims"))
    members, articles = str(folder / "members.yaml"), str(folder / "articles.jsonl")
    presswatch("corpus", "build", "--members", members, "--articles", articles, "--out", corpus, *sample)
    presswatch("scan", "--format", "wet", "--corpus", corpus, "--out", tables, str(folder / "shards"))
    presswatch("claims", "--corpus", corpus, "--out", claims, tables)
    rows = TableStore.open(claims).read("claims").to_pylist()
    pages = {page.url: page for page in split.pages}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    claimed = set[str]()
    for row in rows:
        page = pages[row["document_url"]]
        if not page.sources or row["article_id"] in page.sources:
            counts[page.kind][row["confidence"]] += 1
            claimed.add(page.url)
            if page.kind not in PROMISED and row["confidence"] in CERTAIN:
                tell(f"{page.kind}: {row['confidence']} {row['article_id']} {page.url} {row['reasons']}")
    for page in split.pages:
        if page.sources and page.url not in claimed:
            counts[page.kind]["missed"] += 1
    return counts


def bounds(found: int, of: int) -> tuple[float, float]:
    """Return the Clopper–Pearson interval of a share, `found` of `of`, with confidence `SURE`.

    Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
    """
    half = (1 - SURE) / 2
    low = 0.0 if found == 0 else _root(lambda p: half - (1 - _at_most(found - 1, of, p)))
    high = 1.0 if found == of else _root(lambda p: _at_most(found, of, p) - half)
    return low, high


def _at_most(found: int, of: int, share: float) -> float:
    """Return the probability of at most `found` in a binomial of `of` draws."""
    if share in (0.0, 1.0):
        return float(share == 0.0 or found == of)
    logs = (
        math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
        + k * math.log(share) + (of - k) * math.log1p(-share)
        for k in range(found + 1)
    )  # fmt: skip
    return min(1.0, math.fsum(map(math.exp, logs)))


def _root(falling: Callable[[float], float]) -> float:
    """Return where a function that falls from above 0 to below it between 0 and 1 is 0, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def figures(counts: Mapping[str, Counter[str]]) -> dict[str, Any]:
    """Return the letters of each kind, and how many claims of A and of B are false, with the upper bounds."""
    false = dict[str, Any]()
    for letter in CERTAIN:
        wrong = sum(of[letter] for kind, of in counts.items() if kind not in PROMISED)
        given = sum(of[letter] for of in counts.values())
        false[letter] = {"found": wrong, "of": given, "at_most": bounds(wrong, given)[1] if given else None}
    return {"letters": {kind: dict(sorted(of.items())) for kind, of in counts.items()}, "false": false}


def broken(counts: Mapping[str, Counter[str]]) -> Iterable[str]:
    """Yield promises that these letters break, each in a sentence."""
    for kind, of in counts.items():
        certain = sum(of[letter] for letter in CERTAIN)
        if kind not in PROMISED:
            if certain:
                yield f"{kind}: {certain} of {of.total()} claims have A or B"
        elif certain < PROMISED[kind] * of.total():
            yield f"{kind}: only {certain} of {of.total()} have A or B, {PROMISED[kind]:.0%} are promised"


def background_of(material: Material, pages: int, seed: int) -> list[Planted]:
    """Return pages of a sample of the web: other filler, and formulas."""
    rng = random.Random(f"claims background {seed}")
    return [
        Planted(
            "background",
            f"https://elsewhere-{number}.example/page",
            around(material.background_filler, rng, 300, *rng.sample(FORMULAS, 2)),
            {},
        )
        for number in range(pages)
    ]


def measured(material: Material, per_kind: int, seed: int) -> dict[str, Any]:
    """Return the figures of every split, with a background sample and without."""
    press = [*material.members, *material.other_press, *material.background_press]
    sample = background_of(material, 300, seed)
    result: dict[str, Any] = {}
    for name, outlets in SPLITS.items():
        split = split_of(press, outlets, material.filler, per_kind, seed)
        tell(f"{name}: {len(split.articles)} articles, {Counter(page.kind for page in split.pages)}")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write(folder, split, outlets, sample)
            ways = {"without background": (), "with background": ("--background", str(folder / "background"))}
            for way, given in ways.items():
                counts = letters(folder, split, way.split()[0], *given)
                result[f"{name}, {way}"] = figures(counts) | {"broken": list(broken(counts))}
    return result


def markdown(result: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table with a line per split: letters by kind of page, false claims of A and B, their bound."""
    kinds = list(dict.fromkeys(kind for one in result.values() for kind in one["letters"]))
    rows = defaultdict[tuple[str, ...], list[str]](list)
    for name, one in result.items():
        counts = (one["letters"].get(kind, {}) for kind in kinds)
        shown = [", ".join(f"{n} {letter}" for letter, n in sorted(each.items())) for each in counts]
        false = [each for each in one["false"].values() if each["of"]]
        bounds = [f"{each['found']} of {each['of']}, at most {each['at_most']:.1%}" for each in false]
        rows[(*shown, "; ".join(bounds))].append(name)
    lines = [(_named(names), *cells) for cells, names in rows.items()]
    title = f"Claims by letter and kind of page; upper bounds by Clopper and Pearson ({SURE:.0%}):"
    return f"{title}\n\n{table(('members', *kinds, 'false A or B'), lines)}"


def _named(names: Sequence[str]) -> str:
    """Return one name for splits with equal figures."""
    members = dict.fromkeys(name.partition(" papers")[0] for name in names)
    ways = dict.fromkeys(name.partition(", ")[2].partition(" ")[0] for name in names)
    return f"{', '.join(members)}, {' and '.join(ways)} background"


def tell(stage: str) -> None:
    """Say what is being done."""
    print(f"… {stage}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure, write `claims-quality.json`, and end with 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality.claimed", description=__doc__)
    parser.add_argument("--per-kind", type=int, default=60, help="pages of each planted kind, at most")
    parser.add_argument("--seed", type=int, default=20261127)
    publish.add_options(parser, "claims-quality.json")
    asked = parser.parse_args()
    folder = real_data()
    if folder is None:
        sys.exit("there is no real press here: set PRESSWATCH_REAL_DATA")
    result = measured(load(folder, sys.maxsize, asked.seed), asked.per_kind, asked.seed)
    path = publish.destination(asked)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(markdown(result))
    if asked.update:
        publish.write_pages()
    for name, one in result.items():
        for line in one["broken"]:
            tell(f"{name}: {line}")
    sys.exit(1 if any(one["broken"] for one in result.values()) else 0)


if __name__ == "__main__":
    main()
