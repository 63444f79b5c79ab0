"""Ways to take text from a page: ours, resiliparse's and trafilatura's."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from benchmarks.extraction.pages import Page
from presswatch_spark.reading.html.reader import text_of_page
from presswatch_spark.reading.pdf_and_main_content import UnparsablePageError, has_prose_of, main_content

ROOT = Path(__file__).resolve().parents[2]
THEIR_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """What a way took of each page, by its name, and the milliseconds, the best of some rounds."""

    texts: Mapping[str, str]
    milliseconds: Mapping[str, float]


def verified(html: str) -> str:
    """What passages are verified in, and what is stored of them."""
    return text_of_page(html.encode()).decode()


def ours_main(html: str) -> str:
    """Our main content, or all of the text where it cannot be told."""
    page = html.encode()
    whole = text_of_page(page)
    try:
        content, unchosen = main_content(page)
    except UnparsablePageError:
        return whole.decode()
    text = text_of_page(content)
    return (text if unchosen or has_prose_of(text, whole) else whole).decode()


WAYS: Mapping[str, Callable[[str], str]] = {
    "presswatch, verified text": verified,
    "presswatch, main content": ours_main,
    "resiliparse": extract_plain_text,
    "resiliparse, main_content": lambda html: extract_plain_text(html, main_content=True),
}


def take(way: Callable[[str], str], pages: Sequence[Page]) -> Taken:
    """Take the text of pages with a way of this process."""
    texts, milliseconds = {}, {}
    for page in pages:
        html = page.html.decode("utf-8", "replace")
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            texts[page.name] = way(html)
            took.append(time.perf_counter() - began)
        milliseconds[page.name] = min(took) * 1e3
    return Taken(texts, milliseconds)


def trafilatura(pages: Sequence[Page]) -> tuple[str, Taken] | None:
    """trafilatura's version and what it took; None where it is not installed."""
    if not THEIR_PYTHON.exists():
        return None
    command = [str(THEIR_PYTHON), "-m", "benchmarks.peers.trafilatura_text", str(ROUNDS)]
    asked = "\n".join(str(page.path) for page in pages)
    done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return told["version"], Taken(told["texts"], told["milliseconds"])
