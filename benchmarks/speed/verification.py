"""What a pair costs, from candidate to finished row: 500-word articles in 1,000-word pages, all distinct."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.speed.material import Material
from benchmarks.speed.prose import sentences, vocabulary
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, TextColumn
from presswatch_spark.core.settings.config import ScanConfig, VerifyRules
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin, span_places
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, verify
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.scanning.shard.matcher import Matcher

PAGE_WORDS = 1_000
PAGES_A_BATCH = 400
# A sentence has 25 words or so, counted with elided ones.
OWN_SENTENCES = 40_000
KINDS = {"verbatim": (0.0,), "5 % edited": (0.05,), "15 % edited": (0.15,), "mixed": (0.0, 0.05, 0.15)}
STAGES = ("words of the page", "words of the article", "naming", "verify", "places of spans")
Pair = tuple[bytes, int]


def measure(material: Material) -> dict[str, object]:
    """Microseconds a pair, by kind: whole, from candidate to row; and the steps of verification alone."""
    corpus = Corpus.open(str(material.corpus), check=False)
    return {
        "pairs": material.sizes.pairs,
        "kinds": {name: _of_kind(corpus, material.sizes.pairs, name) for name in KINDS},
    }


def _of_kind(corpus: Corpus, count: int, kind: str) -> dict[str, object]:
    matcher = Matcher(corpus, ScanConfig())
    stages: Counter[str] = Counter()
    whole, rows, spans, words = 0.0, 0, 0, 0
    pairs = pages(corpus, count, KINDS[kind])
    _staged(corpus, list(pages(corpus, PAGES_A_BATCH, KINDS["mixed"])))  # loads the kernels
    while some := list(islice(pairs, PAGES_A_BATCH)):
        batch = batch_of([text for text, _ in some])
        candidates = matcher.candidates(batch)
        began = time.process_time()
        found = list(matcher.rows(batch, candidates, Origin("wet", None, "shard")))
        whole += time.process_time() - began
        assert len(found) == len(some), f"{len(some)} pairs gave {len(found)} rows"
        rows += len(found)
        spans += sum(len(row.spans) for row in found)
        words += sum(row.document_words for row in found)
        stages.update(_staged(corpus, some))
    alone = {name: round(stages[name] / rows * 1e6, 1) for name in STAGES}
    return {
        "candidate_to_row_microseconds": round(whole / rows * 1e6, 1),
        "verify_alone_microseconds": round(sum(alone.values()), 1),
        "steps_microseconds": alone,
        "spans_a_pair": round(spans / rows, 1),
        "words_a_page": round(words / rows),
    }


def _staged(corpus: Corpus, pairs: Sequence[Pair]) -> dict[str, float]:
    """Seconds of each step of verification over the pairs."""
    rules, clock = VerifyRules(), time.process_time
    bodies = [corpus.body(ordinal) for _, ordinal in pairs]
    marks = [clock()]
    documents = [Joined(words_of(text)) for text, _ in pairs]
    marks.append(clock())
    articles = [Joined(words_of(body)) for body in bodies]
    marks.append(clock())
    named = [NamedDocument(document, rules.anchor_words) for document in documents]
    marks.append(clock())
    overlaps = [verify(document, article, rules) for document, article in zip(named, articles, strict=True)]
    marks.append(clock())
    for k, overlap in enumerate(overlaps):
        span_places([overlap], 0, documents[k].words)
        span_places([overlap], 1, articles[k].words)
    marks.append(clock())
    return dict(zip(STAGES, np.diff(marks).tolist(), strict=True))


def pages(corpus: Corpus, count: int, edits: Sequence[float]) -> Iterator[Pair]:
    """`count` pages, each with an article amid words of its own; and the article's ordinal.

    Args:
        edits: shares of the article's words that are edited, one page after the other.
    """
    rng = random.Random(f"pages {edits}")
    pool = sentences(rng, OWN_SENTENCES)
    for number in range(count):
        ordinal = number % len(corpus)
        article = edited(rng, corpus.body(ordinal).decode(), edits[number % len(edits)])
        own, words = list[str](), PAGE_WORDS - len(article.replace("’", " ").split())
        while words > 0:
            own.append(rng.choice(pool))
            words -= len(own[-1].replace("’", " ").split())
        half = len(own) // 2
        yield "\n".join([*own[:half], article, *own[half:]]).encode(), ordinal


def edited(rng: random.Random, text: str, share: float) -> str:
    """The text with so many of its words edited: half replaced, a quarter each left out and put in."""
    words, _ = vocabulary()
    kept = []
    for word in text.split(" "):
        if rng.random() >= share:
            kept.append(word)
            continue
        how = rng.randrange(4)
        if how != 0:
            kept.append(rng.choice(words).strip())
        if how == 1:
            kept.append(word)
    return " ".join(kept)


def batch_of(texts: Sequence[bytes]) -> DocumentBatch:
    """A batch of documents, as a source gives it."""
    urls = TextColumn.joined([b"https://elsewhere.example/page"]).take(np.zeros(len(texts), np.int64))
    return DocumentBatch(TextColumn.joined(texts), urls, partial(_locator, None))


def _locator(_: Path | None, number: int) -> Locator:
    return Locator(record_offset=number)
