"""Make the bench, run the product and the peers on it, and report; exits with 1 where a promise is broken."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import publish
from benchmarks.peers.names import NAMES
from benchmarks.quality import material, negatives, plant, product
from benchmarks.quality.material import Material
from benchmarks.quality.pages import Planted
from benchmarks.quality.promises import broken, too_certain
from benchmarks.quality.report import figures, markdown
from benchmarks.quality.responses import answer
from benchmarks.quality.rivals import Rival, run_peers
from benchmarks.quality.score import Bench, Score, score, score_rival
from benchmarks.quality.truth import common_pairs
from benchmarks.quality.visible import visible_text
from benchmarks.speed.result import commit, machine
from presswatch_spark.core.version import __version__

BACKGROUND_PAGES = 300


def main() -> None:
    """Everything, in order."""
    asked = arguments()
    stuff = material.load(material.real_data(), asked.articles, asked.seed)
    articles, common = negatives.dressed(stuff, asked.seed)
    bare = [
        *plant.planted(articles, stuff.filler, asked.per_kind, asked.seed),
        *negatives.negatives(stuff, articles, common, asked.per_kind, asked.seed),
    ]
    pages = list(negatives.with_decoys(bare, articles, asked.seed))
    sample = list(negatives.background(stuff, common, BACKGROUND_PAGES, asked.seed))
    texts = {article.article_id: article.body for article in articles}
    documents = {page.url: page.text for page in pages}
    if len(documents) != len(pages):
        sys.exit("two pages have one URL")
    tell(f"{len(pages)} pages for {len(articles)} articles; now the truth")
    bench = Bench(pages, texts, common_pairs(documents, texts))
    seen = {page.url: visible_text(answer(page).html) for page in pages}
    if common_pairs(seen, texts) != bench.truth:
        sys.exit("as HTML the pages share other words with the articles than as text")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        product.write_members(folder, articles)
        product.write_shards(folder / "shards", pages)
        found, scores = run_product(folder, bench, sample)
        tell(f"peers: {', '.join(asked.peers) or 'none'}")
        rivals = run_peers(folder, texts, documents, asked.peers)
    result = {
        "about": about(asked, stuff, bench),
        "presswatch": {
            "build_seconds": round(found.build_seconds, 1),
            "scan_seconds": round(found.scan_seconds, 1),
            **{name: figures(one) for name, one in scores.items()},
        },
        "peers": {name: rival_row(bench, rival) for name, rival in rivals.items()},
        "broken": promises(scores),
    }
    path = publish.destination(asked)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(markdown(result))
    if asked.update:
        publish.write_pages()
    sys.exit(1 if result["broken"] else 0)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality", description=__doc__)
    parser.add_argument("--articles", type=int, default=1200, help="articles of members, at most")
    parser.add_argument("--per-kind", type=int, default=100, help="pages of each kind")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--peers", nargs="*", default=list(NAMES), choices=NAMES, help="which peers to run")
    parser.add_argument("--no-peers", dest="peers", action="store_const", const=[])
    publish.add_options(parser, "quality.json")
    return parser.parse_args()


def run_product(folder: Path, bench: Bench, sample: list[Planted]) -> tuple[product.Found, dict[str, Score]]:
    """Scan without a background sample and, if this version takes one, with it."""
    tell("presswatch: corpus build and scan")
    found = product.find(folder, "plain")
    scores = {"without background": score(bench, found, product.FORMATS)}
    if product.takes_background():
        tell("presswatch: the same with a background sample")
        product.write_background(folder / "background", sample)
        again = product.find(folder, "background", folder / "background")
        scores["with background"] = score(bench, again, product.FORMATS)
    return found, scores


def promises(scores: dict[str, Score]) -> list[str]:
    """Broken promises. That nothing innocent is graded A or B is promised with a background sample."""
    lines = [f"{name}: {line}" for name, one in scores.items() for line in broken(one)]
    return [*lines, *too_certain(scores["with background"])] if "with background" in scores else lines


def rival_row(bench: Bench, rival: Rival) -> dict[str, Any]:
    """A peer's figures, or why there are none."""
    return {"failure": rival.failure} if rival.failure else score_rival(bench, rival)


def about(asked: argparse.Namespace, stuff: Material, bench: Bench) -> dict[str, Any]:
    """What was run, and where."""
    here = machine()
    return {
        "press": "real press" if stuff.real else "generated press",
        "articles": len(bench.articles),
        "documents": len(bench.pages),
        "text_bytes": sum(len(page.text.encode()) for page in bench.pages),
        "formats": list(product.FORMATS),
        "html": of_html(bench.pages),
        "seed": asked.seed,
        "per_kind": asked.per_kind,
        "processor": here["processor"],
        "cores": here["cores"],
        "memory_gigabytes": here["memory_gigabytes"],
        "commit": commit(),
        "python": platform.python_version(),
        "version": __version__,
    }


def of_html(pages: Sequence[Planted]) -> dict[str, Any]:
    """How much HTML the pages are as WARC, and how many have which charset, declaration and coding."""
    answers = [answer(page) for page in pages]
    return {
        "megabytes": round(sum(len(one.html.encode()) for one in answers) / 1e6, 1),
        "traits": {
            trait: dict(Counter(one.traits[trait] for one in answers).most_common())
            for trait in answers[0].traits
        },
    }


def tell(stage: str) -> None:
    """Say what is being done."""
    print(f"… {stage}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
