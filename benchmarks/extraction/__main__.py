"""Measure and report; exits with 1 where ours is worse than the others' defaults."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks import publish
from benchmarks.extraction.pages import Page, holds, with_paragraphs, with_strings, words
from benchmarks.extraction.ways import WAYS, Taken, take, trafilatura
from benchmarks.quality.material import real_data
from benchmarks.speed.report import paragraph, table
from benchmarks.speed.result import commit


def main() -> None:
    """Everything, in order."""
    asked = _arguments()
    folder = real_data()
    if folder is None:
        sys.exit("no real pages: set PRESSWATCH_REAL_DATA")
    pages, articles = with_strings(folder), with_paragraphs(folder)
    taken = {name: take(way, [*pages, *articles]) for name, way in WAYS.items()}
    versions = {"resiliparse": importlib.metadata.version("resiliparse")}
    if theirs := trafilatura([*pages, *articles]):
        versions["trafilatura"], taken["trafilatura"] = theirs
    result = {
        "commit": commit(),
        "versions": versions,
        "pages": len(pages),
        "articles": len(articles),
        "ways": {name: figures(one, pages, articles) for name, one in taken.items()},
    }
    result["broken"] = list(broken(result["ways"]))
    path = publish.destination(asked)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(markdown(result))
    if asked.update:
        publish.write_pages()
    sys.exit(1 if result["broken"] else 0)


def figures(taken: Taken, pages: Sequence[Page], articles: Sequence[Page]) -> dict[str, Any]:
    """What a way kept and left, and how long it took; strings go by their page and their number on it."""
    found = {name: words(text) for name, text in taken.texts.items()}
    lost = [
        f"{page.name} {number}"
        for page in pages
        for number, one in enumerate(page.keep)
        if not holds(found[page.name], words(one))
    ]
    left = [
        f"{page.name} {number}"
        for page in pages
        for number, one in enumerate(page.drop)
        if holds(found[page.name], words(one))
    ]
    told = [(page.name, words(one)) for page in articles for one in page.keep]
    kept = sum(len(one) for name, one in told if holds(found[name], one))
    of = sum(len(one) for _, one in told)
    return {
        "keep": sum(len(page.keep) for page in pages),
        "kept": sum(len(page.keep) for page in pages) - len(lost),
        "drop": sum(len(page.drop) for page in pages),
        "dropped": sum(len(page.drop) for page in pages) - len(left),
        "lost": lost,
        "left": left,
        "article_words": of,
        "article_words_kept": kept,
        "other_words": sum(len(found[page.name]) for page in articles) - kept,
        "milliseconds": round(statistics.mean(taken.milliseconds.values()), 2),
    }


def broken(ways: Mapping[str, Any]) -> Iterator[str]:
    """Where ours is worse than the others' defaults."""
    verified, main_part = ways["presswatch, verified text"], ways["presswatch, main content"]
    for name in ("resiliparse", "resiliparse, main_content", "trafilatura"):
        if theirs := ways.get(name):
            for ours, told in ((verified, "verified text"), (main_part, "main content")):
                if ours["kept"] < theirs["kept"]:
                    yield f"the {told} keeps {ours['kept']} strings, {name} {theirs['kept']}"
            if main_part["dropped"] < theirs["dropped"]:
                yield f"the main content drops {main_part['dropped']} strings, {name} {theirs['dropped']}"


def markdown(result: Mapping[str, Any]) -> str:
    """The table and what it is about."""
    rows = [
        [
            name,
            f"{one['kept']} of {one['keep']}",
            f"{one['dropped']} of {one['drop']}",
            f"{one['article_words_kept']} of {one['article_words']}",
            one["other_words"],
            one["milliseconds"],
        ]
        for name, one in result["ways"].items()
    ]
    head = [
        "",
        "must keep: kept",
        "must drop: dropped",
        "words of articles kept",
        "other words",
        "ms per page",
    ]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    about = paragraph(f"""
      {result["pages"]} pages have strings to keep and to drop, {result["articles"]} have the paragraphs of
      their articles. Texts are compared word by word; commit {result["commit"]}; {versions}.""")
    broken = (f"\n- BROKEN: {promise}" for promise in result["broken"])
    return f"{about}\n\n{table(head, rows)}\n{''.join(broken)}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.extraction", description=__doc__)
    publish.add_options(parser, "extraction.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
