"""Verification against brute force, and against what a reader would call copied."""

import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from presswatch_spark.core.settings.config import VerifyRules
from presswatch_spark.matching.judgement.match_rows import span_places
from presswatch_spark.matching.verify import verification
from presswatch_spark.matching.verify.common_runs import covering_runs, longest_run
from presswatch_spark.matching.verify.verification import (
    SECRET,
    DocumentWindows,
    Joined,
    NamedDocument,
    Overlap,
    verify,
    window_hashes,
)
from presswatch_spark.reading.text.words import TextWords, word_at, words_of
from tests.reference import runs as reference
from tests.world.proofs import cases, each_time


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    """Hypothesis times its examples: none of them should have to compile."""
    names = np.arange(24, dtype=np.int32)
    assert compare(innocent("a", 24), innocent("a", 24)).longest_run_words == 24
    assert len(covering_runs(names, names, names[7:], names[7:], 8, SECRET))


Texts = tuple[list[str], list[str]]
RULES = VerifyRules()
NO_BRIDGES = VerifyRules(bridge_gap_words=0)


def text_of(words: Sequence[str]) -> bytes:
    return " ".join(words).encode()


def verified(document: TextWords, article: TextWords, rules: VerifyRules = RULES) -> Overlap:
    return verify(NamedDocument(Joined(document), rules.anchor_words), Joined(article), rules)


def compare(document: Sequence[str], article: Sequence[str], rules: VerifyRules = RULES) -> Overlap:
    return verified(words_of(text_of(document)), words_of(text_of(article)), rules)


def innocent(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{k}" for k in range(count)]


@st.composite
def texts_with_copies(draw: st.DrawFn) -> Texts:
    """An article, and a document sewn from pieces of it and other words: few, so that runs meet by chance."""
    vocabulary = [f"m{k}" for k in range(draw(st.integers(1, 40)))]
    word = st.sampled_from(vocabulary)
    article = draw(st.lists(word, max_size=80))
    document: list[str] = []
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, max(0, len(article) - 1)))
        document += article[start : start + draw(st.integers(0, 30))]
        document += draw(st.lists(word, max_size=8))
    return document, article


def spanned(overlap: Overlap, side: int) -> set[int]:
    return {int(span[side]) + k for span in overlap.spans for k in range(int(span[2]))}


class TestAgainstBruteForce:
    @given(texts_with_copies())
    @example((["a"] * 70, ["a"] * 30))
    @example((["a", "b"] * 20, ["b", "a"] * 9))
    def test_longest_run_and_coverages_are_exact(self, texts: Texts) -> None:
        document, article = texts
        longest = reference.longest(document, article)
        in_document, in_article = reference.covered(document, article, 8)
        overlap = compare(document, article, NO_BRIDGES)
        assert overlap.longest_run_words == (longest if longest >= 8 else 0)
        assert (spanned(overlap, 0), spanned(overlap, 1)) == (in_document, in_article)
        assert overlap.document_copied_words == len(in_document)
        assert overlap.copied_words == len(in_article)

    @pytest.mark.slow
    @given(texts_with_copies())
    @example((["a"] * 70, ["a"] * 30))
    def test_they_are_exact_too_where_runs_are_chosen_instead_of_enumerated(self, texts: Texts) -> None:
        document, article = texts
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(verification, "PAIRS_ENUMERATED", 0)
            patch.setattr(verification, "PAIRS_PER_WORD", 0)
            chosen = compare(document, article, NO_BRIDGES)
        enumerated = compare(document, article, NO_BRIDGES)
        assert chosen.longest_run_words == enumerated.longest_run_words
        assert spanned(chosen, 0) == spanned(enumerated, 0)
        assert spanned(chosen, 1) == spanned(enumerated, 1)

    @given(texts_with_copies())
    @example((["b", *["a"] * 29], ["a"] * 70))
    def test_the_longest_run_is_found_by_doubling_alone(self, texts: Texts) -> None:
        document, article = texts
        places = {word: document.index(word) for word in document}
        names = [np.array([places.get(word, -1) for word in side], np.int32) for side in (document, article)]
        if longest := reference.longest(document, article):
            i, j, length = longest_run(*names, 1, SECRET)
            assert length == longest
            assert document[i : i + length] == article[j : j + length]

    @given(texts_with_copies())
    def test_spans_contain_the_words_counted_and_bridges_add_only_their_neighbours(
        self, texts: Texts
    ) -> None:
        document, article = texts
        plain, bridged = compare(document, article, NO_BRIDGES), compare(document, article)
        assert spanned(plain, 0) <= spanned(bridged, 0)
        assert spanned(plain, 1) <= spanned(bridged, 1)
        assert bridged.longest_run_words == plain.longest_run_words
        assert len(bridged.spans) == 0 or plain.copied_words >= 8
        document, article = texts
        overlap = compare(document, article)
        for i, j, length, _ in overlap.spans:
            assert document[i : i + length] == article[j : j + length]
        assert overlap.document_copied_words == len(spanned(overlap, 0))
        assert overlap.copied_words == len(spanned(overlap, 1))
        assert overlap.spans[:, 2].max(initial=0) == overlap.longest_run_words
        assert overlap.spans[:, 0].tolist() == sorted(overlap.spans[:, 0])


def colliding(words: TextWords) -> TextWords:
    return dataclasses.replace(words, hashes=np.zeros_like(words.hashes))


@given(texts_with_copies())
def test_words_are_compared_and_not_their_hashes(texts: Texts) -> None:
    document, article = (words_of(text_of(words)) for words in texts)
    overlap = verified(colliding(document), colliding(article))
    honest = verified(document, article)
    assert np.array_equal(overlap.spans, honest.spans)
    assert overlap.longest_run_words == honest.longest_run_words


def test_a_word_with_the_same_hash_and_beginning_is_another_word() -> None:
    shorter = colliding(words_of(text_of([f"a{k:02}" for k in range(30)])))
    longer = colliding(words_of(text_of([f"a{k:02}x" for k in range(30)])))
    assert verified(shorter, longer).copied_words == verified(longer, shorter).copied_words == 0


def test_a_collision_of_one_word_splits_the_run() -> None:
    article = words_of(text_of(innocent("a", 30)))
    document = words_of(text_of([*innocent("a", 15), "other", *innocent("a", 30)[16:]]))
    forged = document.hashes.copy()
    forged[15] = article.hashes[15]
    overlap = verified(dataclasses.replace(document, hashes=forged), article)
    assert overlap.spans[:, :3].tolist() == [[0, 0, 15], [16, 16, 14]]


ARTICLE, TAIL, LITTLE = innocent("a", 200), innocent("t", 7), ["de", "la", "le", "et"]
BEYOND = [[*ARTICLE[:50], *innocent(own, 20), *TAIL[:4], own, *TAIL[4:]] for own in ("xx", "bb")]
COPIED = {
    "edits near the ends are bridged outward": (
        [*ARTICLE[:4], "x", *ARTICLE[5:195], "x", *ARTICLE[196:]], ARTICLE, RULES, 198,
    ),
    "one word left out and another put in between two that stay": (
        [*ARTICLE[:20], "stays", "new", "end", *ARTICLE[20:40]],
        [*ARTICLE[:20], "gone", "stays", "end", *ARTICLE[20:40]], RULES, 42,
    ),
    "a passage goes on beyond a gap": (*BEYOND, RULES, 57),
    "its reach is never wider than a gap may be": (*BEYOND, VerifyRules(bridge_gap_words=15), 50),
    "a phrase far from it after which nothing goes on": (
        *([*ARTICLE[:50], *innocent(own, 20), *TAIL] for own in "xb"), RULES, 50,
    ),
    "little words far from it": (
        [*LITTLE, *innocent("x", 60), *ARTICLE[:40], *innocent("y", 60), *LITTLE],
        [*ARTICLE[:40], *innocent("b", 60), *LITTLE, *innocent("c", 60)], RULES, 40,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "article", "rules", "copied"), COPIED.values(), ids=COPIED)
def test_words_next_to_a_passage_are_copied_and_those_far_from_it_are_nobodys(
    document: list[str], article: list[str], rules: VerifyRules, copied: int
) -> None:
    assert compare(document, article, rules).copied_words == copied


class TestWhatAReaderWouldCallCopied:
    article = ARTICLE

    def test_a_page_that_holds_the_article_twice_is_covered_twice_and_the_article_once(self) -> None:
        overlap = compare([*self.article, "x", *self.article], self.article)
        assert overlap.article_coverage == 1.0
        assert overlap.document_copied_words == 400
        assert overlap.spans[:, :3].tolist() == [[0, 0, 200], [201, 0, 200]]

    def test_an_article_that_repeats_a_sentence_is_covered_in_both_places(self) -> None:
        sentence = innocent("s", 12)
        overlap = compare([*innocent("x", 9), *sentence], [*sentence, *innocent("b", 50), *sentence])
        assert (overlap.copied_words, overlap.document_copied_words) == (24, 12)

    def test_repeated_sentences_are_matched_in_order(self) -> None:
        sentence = innocent("s", 12)
        repeats = [*sentence, "one", *sentence, "two", *sentence]
        overlap = compare([*sentence, "x", *sentence, "y", *sentence], repeats)
        assert overlap.spans.tolist() == [[0, 0, 12, 0], [13, 13, 12, 0], [26, 26, 12, 0]]

    def test_shuffled_sentences_are_passages_of_their_own(self) -> None:
        sentences = [self.article[k : k + 20] for k in range(0, 200, 20)]
        order = [9, 6, 3, 0]
        overlap = compare([word for k in order for word in sentences[k]], self.article)
        assert overlap.spans.tolist() == [[20 * place, 20 * k, 20, place] for place, k in enumerate(order)]

    def test_a_substituted_word_is_not_copied_and_its_neighbours_are(self) -> None:
        edited = list(self.article)
        for place in (30, 33, 35, 90):
            edited[place] = "x"
        overlap = compare(edited, self.article)
        assert overlap.copied_words == 196
        assert set(overlap.spans[:, 3].tolist()) == {0}

    @cases(
        ("tail", "copied"),
        [
            ("x t1 t2", 2),
            ("x t1 x x x t5", 2),
            ("x t1 x x x x t6", 0),
            ("x x x x x t5", 0),
            ("t1 t2", 2),
            ("x t0 x t2", 2),
            ("t1 t3 t4", 0),
            ("t1 x t2 t3", 3),
        ],
    )
    def test_single_words_beyond_a_passage_count_in_twos(self, tail: str, copied: int) -> None:
        article = [*innocent("f", 20), *self.article[:50], *innocent("t", 20)]
        document = [*self.article[:50], *tail.split(), *innocent("y", 20)]
        forward = compare(document, article)
        assert forward.copied_words == 50 + copied
        assert compare(document[::-1], article[::-1]).copied_words == forward.copied_words

    @pytest.mark.parametrize(("left", "copied"), [(6, 1), (7, 0)])
    def test_one_word_counts_where_the_article_ends(self, left: int, copied: int) -> None:
        document = [*self.article[:50], *innocent("x", 3), "t3", *innocent("y", 20)]
        article = [*self.article[:50], *innocent("t", left)]
        assert compare(document, article).copied_words == 50 + copied
        assert compare(document[::-1], article[::-1]).copied_words == 50 + copied

    def test_a_passage_goes_on_beyond_many_edits_in_a_longer_run_only(self) -> None:
        for gap, run, copied in (
            (12, 3, 53),
            (13, 3, 50),
            (20, 4, 57),
            (20, 3, 50),
            (40, 5, 58),
            (40, 4, 50),
        ):
            further = innocent("f", 3) if gap > 13 else []
            forward, backward = (
                compare(
                    *(
                        [*self.article[:50], *innocent(own, gap), *innocent("t", run), own, *further][::step]
                        for own in "xb"
                    )
                )
                for step in (1, -1)
            )
            assert (forward.copied_words, backward.copied_words) == (copied, copied), (gap, run)

    def test_a_paragraph_put_in_between_keeps_the_passage_whole(self) -> None:
        overlap = compare([*self.article[:50], *innocent("x", 40), *self.article[50:]], self.article)
        assert overlap.spans.tolist() == [[0, 0, 50, 0], [90, 50, 150, 0]]
        overlap = compare([*self.article[:50], *innocent("x", 60), *self.article[50:]], self.article)
        assert overlap.spans[:, 3].tolist() == [0, 1]

    @pytest.mark.parametrize("words", [0, 7])
    def test_less_than_eight_words_are_nothing(self, words: int) -> None:
        for document in (self.article[:words], [*self.article[:words], *innocent("x", 9)]):
            overlap = compare(document, self.article)
            assert (overlap.longest_run_words, overlap.copied_words, len(overlap.spans)) == (0, 0, 0)

    @pytest.mark.parametrize("share", [0.05, 0.15])
    def test_coverage_of_an_edited_copy_is_the_share_of_words_left_alone(self, share: float) -> None:
        rng = random.Random(11)
        errors = []
        for _ in range(40):
            article = [f"a{rng.randrange(3000)}" for _ in range(500)]
            kept, document = 0, innocent("x", 100)
            for word in article:
                edit = rng.random() / share
                document += [] if edit < 0.25 else [f"y{rng.randrange(3000)}"] if edit < 1 else []
                document += [word] if edit >= 0.75 else []
                kept += edit >= 0.75
            errors.append(compare([*document, *innocent("z", 100)], article).article_coverage - kept / 500)
        assert abs(np.mean(errors)) < 0.01
        assert np.quantile(np.abs(errors), 0.8) < 0.015


class TestHostileRepetition:
    """Each would take minutes, or all the memory, if work or output grew with the product of the lengths."""

    def test_numbers_of_zeros(self) -> None:
        overlap = compare(["0"] * 400_000, ["0"] * 100_000)
        assert overlap.longest_run_words == overlap.copied_words == 100_000
        assert overlap.document_copied_words == 400_000
        assert len(overlap.spans) == 4

    def test_a_long_period_and_a_broken_one(self) -> None:
        period = innocent("p", 50)
        overlap = compare(
            [*(period * 4_000), "x", *(period * 4_000)], [*(period * 1_000), "y", *(period * 999)]
        )
        assert overlap.longest_run_words == 50_000
        assert (overlap.article_coverage, overlap.document_copied_words) == (99_950 / 99_951, 400_000)

    def test_short_zeros_before_long_ones(self) -> None:
        overlap = compare(["0"] * 300_000, [*["0"] * 8, "1", *["0"] * 100_000])
        assert overlap.longest_run_words == 100_000
        assert (overlap.copied_words, overlap.document_copied_words) == (100_008, 300_000)

    def test_only_the_longest_spans_are_kept_and_all_words_counted(self) -> None:
        phrase = innocent("p", 9)
        document = [word for k in range(11_000) for word in (*phrase, f"x{k}")]
        overlap = compare([*document, *innocent("p", 10)], innocent("p", 10))
        assert len(overlap.spans) == verification.SPANS_KEPT
        assert overlap.document_copied_words == 9 * 11_000 + 10
        assert overlap.spans[-1, 2] == overlap.longest_run_words == 10


PIECES = st.sampled_from([
    b" ", b"\xc2\xa0", b"\xe2\x80\xaf", b"\xe2\x80\x99", b"-", b"\xc2\xab ", b" \xc2\xbb",
    b"\xff\xc3", b"\xc2\xad ",
])  # fmt: skip
WORDS = st.sampled_from([
    "l", "œuvre", "OEUVRE", "été", "e\u0301te\u0301", "co\u00adeur", "Straße", "ﬁn", "n°", "1ᵉʳ", "日本",
    "a\u200bb", "𝓍", "ＡＢ",
])  # fmt: skip


@given(st.lists(st.tuples(WORDS, PIECES), min_size=9, max_size=30), st.data())
def test_spans_cut_from_the_texts_fold_to_the_same_words(
    pieces: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    def written(pairs: list[tuple[str, bytes]]) -> bytes:
        return b"".join(word.encode() + separator for word, separator in pairs)

    article = written(pieces)
    again = [(word.upper() if data.draw(st.booleans()) else word, data.draw(PIECES)) for word, _ in pieces]
    document = b"\xf0\x9f\x98\x80 \xfe" + written([*again[:4], ("autre", b" "), *again[4:], *pieces[:5]])
    document_words, article_words = words_of(document), words_of(article)
    overlap = verified(document_words, article_words)
    sides = (document_words, article_words)
    places = [span_places([overlap], side, words)[0].tolist() for side, words in enumerate(sides)]
    assert len(places[0]) == len(places[1]) == len(overlap.spans)
    document_text, article_text = (text.decode("utf-8", "replace") for text in (document, article))
    for (start, end), (article_start, article_end), length in zip(*places, overlap.spans[:, 2], strict=True):
        left = words_of(document_text[start:end].encode())
        right = words_of(article_text[article_start:article_end].encode())
        folded = [word_at(left, k) for k in range(len(left))]
        assert folded == [word_at(right, k) for k in range(len(right))]
        assert len(folded) == length


@pytest.mark.slow
@pytest.mark.parametrize("step", each_time([60], [60, 30]))
def test_verification_agrees_with_brute_force_on_real_copies(real_data: Path, step: int) -> None:
    lines = (real_data / "press" / "articles.jsonl").read_text("utf-8").splitlines()
    articles = {article["id"]: article["text"].encode() for article in map(json.loads, lines)}
    pairs = [
        line.split("\t")[2:4]
        for line in (real_data / "press" / "pairs_exact_w5.tsv").read_text("utf-8").splitlines()[1:]
    ]
    for pair in pairs[::step]:
        document, article = (
            [word_at(words, k) for k in range(min(len(words), 500))]
            for words in (words_of(articles[text]) for text in pair)
        )
        longest = reference.longest(document, article)
        in_document, in_article = reference.covered(document, article, 8)
        overlap = compare(document, article, NO_BRIDGES)
        assert overlap.longest_run_words == (longest if longest >= 8 else 0)
        assert (overlap.document_copied_words, overlap.copied_words) == (len(in_document), len(in_article))


SCREENED = st.lists(st.integers(1, 3), max_size=40)


def hashes(words: list[int]) -> np.ndarray:
    return np.array(words, np.uint64) * np.uint64(0x9E3779B97F4A7C15)


@given(SCREENED, SCREENED, st.integers(1, 12))
def test_a_pair_passes_exactly_if_it_has_a_common_window(
    document: list[int], article: list[int], width: int
) -> None:
    common = windows(document, width) & windows(article, width)
    screen = DocumentWindows(window_hashes(hashes(document), width))
    assert screen.passes(window_hashes(hashes(article), width)) == bool(common)


def windows(words: list[int], width: int) -> set[tuple[int, ...]]:
    return {tuple(words[i : i + width]) for i in range(len(words) - width + 1)}


def test_texts_shorter_than_a_window_have_none() -> None:
    assert len(window_hashes(hashes([1, 2, 3]), 4)) == 0
    assert not DocumentWindows(window_hashes(hashes([]), 4)).passes(window_hashes(hashes([1, 2, 3, 1]), 4))
