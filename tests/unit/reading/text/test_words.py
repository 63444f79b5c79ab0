"""Words and shingles: one definition, the kernels against the reference, and what a reader would expect."""

import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from presswatch_spark.reading.text.word_kernels import TABLE_FILE, UNICODE_VERSION
from presswatch_spark.reading.text.words import (
    SHINGLE_WORDS,
    STRIDE,
    TextWords,
    indexed_positions,
    shingle_hashes,
    word_at,
    word_count,
    words_of,
)
from tests.reference.folding import table_lines
from tests.reference.words import reference_partings, reference_words
from tests.world.proofs import cases, each_time

same_unicode = pytest.mark.skipif(
    not unicodedata.unidata_version.startswith(UNICODE_VERSION),
    reason=f"the table is frozen at Unicode {UNICODE_VERSION}, this Python has another",
)
OF_WORDS = ("CJK UNIFIED IDEOGRAPH", "HANGUL SYLLABLE", "TANGUT IDEOGRAPH")
ALMOST_UTF8 = "61 5a 2d 00 ff 80 c3 c3a9 e280 e28099 eda080 f09f c1a1 e081a1 f08081a1 f4908080 f888808080"
LIKE_UTF8 = st.sampled_from([bytes.fromhex(code) for code in ALMOST_UTF8.split()])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Text of any script, dense in what French has and in what folding touches."""
    known = st.characters(exclude_categories=["Cs"]).filter(_known_to_both)
    french = st.sampled_from(
        "aeiou zZ09'’-_.éÉêçÇœŒÆàùßﬁªº½①İıŉẚǅ\u00ad\u200b\ufeff\u00a0\u202f\u0301\u0327가한"
        "\x01\x08\t\n\x1f\x7f\x80\x85\x92\x9c\u3164\u17b4\u1160\u2065Ⓐ🅰⒜⒈❶㎏"
    )
    return draw(st.text(st.one_of(french, french, known), max_size=80))


def _known_to_both(char: str) -> bool:
    """Return True if the frozen table and this Python must agree on a character."""
    if unicodedata.unidata_version.startswith(UNICODE_VERSION):
        return True
    return unicodedata.ucd_3_2_0.category(char) != "Cn"


def spelt(words: TextWords) -> list[str]:
    return [word_at(words, i) for i in range(len(words))]


def places(words: TextWords) -> list[list[int]]:
    every = np.arange(len(words))
    bounds: list[list[int]] = words.bounds(every, every).tolist()
    return bounds


def as_tuples(words: TextWords) -> list[tuple[str, int, int]]:
    return [(word, start, end) for word, (start, end) in zip(spelt(words), places(words), strict=True)]


@cases(
    ("text", "expected"),
    [
        ("L'été à Noël", ["l", "ete", "a", "noel"]),
        ("L’ÉTÉ, lʼété", ["l", "ete", "l", "ete"]),
        ("Le cœur d’Æsop à Łódź", ["le", "coeur", "d", "aesop", "a", "lodz"]),
        ("Straße İstanbul ısı", ["strasse", "istanbul", "isi"]),
        ("peut-être_là", ["peut", "etre", "la"]),
        ("in\u00adter\u200bdit\ufeff", ["interdit"]),
        ("10\u202f000\u00a0€ 3\u2009%", ["10", "000", "3"]),
        ("n° 1, nº 2, m² ﬁn Ⅻ", ["n", "1", "no", "2", "m2", "fin", "xii"]),
        ("fin\x00début 🙂fin", ["fin", "debut", "fin"]),
        ("Привет, мир 日本語 नमस्ते", ["привет", "мир", "日本語", "नमस्ते"]),
        ("Ελλάδα ΣΊΣΥΦΟΣ", ["ελλαδα", "σισυφοσ"]),
        ("cou\u3164ra\u17b4g\u17b5e vo\u115fi\u1160l\uffa0à", ["courage", "voila"]),
        ("pre\x01mi\x08er\x0e j\x1bou\x1fr\x7f a\x80u\x9f", ["premier", "jour", "au"]),
        (
            "un\tdeux\ntrois\x0bquatre\x0ccinq\rsix\x85sept",
            ["un", "deux", "trois", "quatre", "cinq", "six", "sept"],
        ),
        ("l\x92\x9cuvre\x96c\x9cur", ["l", "oeuvre", "coeur"]),
        ("Ⓔⓧⓔⓜ🄿🄻🄴 🅔🅝 🅲🅰🆂⒠", ["exemple", "en", "case"]),
        ("① ⑫ ❸ ➓ ⓴ ⑷ 21㎏ 🄵", ["1", "12", "3", "10", "20", "4", "21kg", "f"]),
        ("⒈Les 🅰️ marque™ ©", ["1", "les", "a", "marque"]),
        ("", []),
        (" -…’ ", []),
    ],
)
def test_words_are_what_a_reader_would_call_words(text: str, expected: list[str]) -> None:
    assert spelt(words_of(text.encode())) == expected


@given(texts())
@example("ŉa aẚb")
@example("mot" + "\u0301" * 40 + "s")
@example("한국어" * 9)
def test_kernels_and_reference_agree_on_any_text(text: str) -> None:
    assert as_tuples(words_of(text.encode())) == reference_words(text.encode())
    assert word_count(text.encode()) == len(reference_words(text.encode()))


@given(st.lists(st.one_of(LIKE_UTF8, st.binary(max_size=9))).map(b"".join))
def test_kernels_and_reference_agree_on_any_bytes(text: bytes) -> None:
    if all(map(_known_to_both, text.decode("utf-8", "replace"))):
        assert as_tuples(words_of(text)) == reference_words(text)


@pytest.mark.slow
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.full), 20])
@same_unicode
def test_every_code_point_folds_as_the_reference_says(step: int) -> None:
    """Of characters that write a whole word or syllable, which are most, `make test` takes some."""
    chars = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    unused, of_words, others = list[str](), list[str](), list[str]()
    for char in chars:
        is_word = unicodedata.name(char, "").startswith(OF_WORDS)
        kind = unused if unicodedata.category(char) in ("Cn", "Co") else of_words if is_word else others
        kind.append(char)
    text = "".join(f"{char}x " for char in others + of_words[::step] + unused[:: 10 * step]).encode()
    assert as_tuples(words_of(text)) == reference_words(text)


@pytest.mark.full
@same_unicode
def test_the_table_file_is_what_the_rules_give() -> None:
    assert TABLE_FILE.read_text("ascii").splitlines() == list(table_lines())


PARTED = st.sampled_from(
    ["-\n", "-", "\n", "\u2010\r\n ", "\u00ad\n", "í ", "\u0410 ", " - ", "- ", "\u0301", "\u200b"]
)


@given(
    st.lists(st.one_of(PARTED, st.sampled_from(["infor", "é", "l", "x’", "7", "."])), max_size=90).map(
        "".join
    )
)
@example("infor-\nmation, porte-\r\n\tmonnaie et " + "mot " * 30 + "infor\u00ad \nmation -\nfin-\n")
def test_words_that_a_hyphen_parts_at_a_line_end_are_found_as_the_reference_says(text: str) -> None:
    assert words_of(text.encode()).partings.tolist() == reference_partings(text.encode())


def test_vowel_signs_may_be_typed_in_any_order() -> None:
    for typed in ("أن\u0651\u064e", "ش\u0651\u0650", "\u05e9\u05c1\u05bc\u05b8", "ل\u0670\u0651"):
        assert typed != (composed := unicodedata.normalize("NFC", typed))
        assert spelt(words_of(typed.encode())) == spelt(words_of(composed.encode()))


@given(texts())
@example("قُرْآنًا أَخِي")
def test_composed_and_decomposed_text_have_the_same_words(text: str) -> None:
    composed, decomposed = (words_of(unicodedata.normalize(form, text).encode()) for form in ("NFC", "NFD"))
    assert spelt(composed) == spelt(decomposed)
    assert composed.hashes.tolist() == decomposed.hashes.tolist()


@given(texts())
def test_each_word_folds_back_from_the_bytes_it_stands_in(text: str) -> None:
    data = text.encode()
    words = words_of(data)
    for word, start, end in as_tuples(words):
        assert spelt(words_of(data[start:end])) == [word]


@given(st.lists(st.one_of(LIKE_UTF8, texts().map(str.encode)), max_size=60).map(b" ".join), st.data())
def test_runs_may_be_asked_for_in_any_order_and_twice(text: bytes, data: st.DataObject) -> None:
    words, decoded = words_of(text), text.decode("utf-8", "replace")
    assume(len(words))
    word = st.integers(0, len(words) - 1)
    runs = data.draw(st.lists(st.tuples(word, word).map(sorted), max_size=20))
    first, last = (np.array([run[side] for run in runs], np.int64) for side in (0, 1))
    found = zip(runs, words.bounds(first, last).tolist(), words.characters(first, last).tolist(), strict=True)
    for (begin, end), (first_byte, after_byte), (first_character, after_character) in found:
        assert first_byte == places(words)[begin][0]
        assert after_byte == places(words)[end][1]
        assert first_character == len(text[:first_byte].decode("utf-8", "replace"))
        assert after_character == len(text[:after_byte].decode("utf-8", "replace"))
        run = decoded[first_character:after_character].encode()
        assert spelt(words_of(run)) == spelt(words)[begin : end + 1]


@given(st.lists(st.text("aàb", min_size=1, max_size=30), max_size=12))
def test_packed_words_stand_one_zero_byte_apart(parts: list[str]) -> None:
    words = words_of(" … ".join(parts).encode())
    assert words.packed == "".join(f"{word}\0" for word in spelt(words)).encode()


@given(st.lists(st.text("ab", min_size=1, max_size=40), min_size=2, max_size=40))
def test_hashes_are_equal_exactly_when_words_are(parts: list[str]) -> None:
    hashes = words_of(" ".join(parts).encode()).hashes.tolist()
    assert len(set(hashes)) == len(set(parts))
    assert dict(zip(parts, hashes, strict=True)) == {
        part: words_of(f"- {part}\n…".encode()).hashes[0] for part in parts
    }


@given(st.lists(st.integers(1, 40), min_size=1, max_size=90), st.sampled_from([" ", "’", "\u00a0"]))
def test_a_word_has_the_same_hash_wherever_it_stands(lengths: list[int], between: str) -> None:
    parts = [("abcdefgh" * 5)[w % 8 :][:length] for w, length in enumerate(lengths)]
    alone = [int(words_of(part.encode()).hashes[0]) for part in parts]
    assert words_of(between.join(parts).encode()).hashes.tolist() == alone


def test_no_two_short_words_share_a_hash() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    parts = [a + b + c for a in letters for b in ["", *letters] for c in ["", *letters] if b or not c]
    hashes = words_of(" ".join(parts).encode()).hashes
    assert len(np.unique(hashes)) == len(parts)
    assert len(np.unique(hashes >> np.uint64(32))) > 0.999 * len(parts)


def test_hashes_never_change_while_the_fold_version_stands() -> None:
    words = words_of("Le président de la République anticonstitutionnellement".encode())
    assert [f"{h:016x}" for h in words.hashes.tolist()] == [
        "f0fa6518f1730895",
        "805c252b0ae37b20",
        "fd7bda9cb52caef7",
        "bed5859cff3e2310",
        "21e0cc996f5fff30",
        "9a39bcf11705540a",
    ]
    shingles = hashes_of("Le président de la République a dit non hier soir")
    assert [f"{h:016x}" for h in shingles] == ["686579a00dfd619f", "70eaa876f906bbe9", "5aa49bb99b8923f6"]


def test_a_text_may_be_a_read_only_slice_of_a_larger_buffer() -> None:
    buffer = np.frombuffer("été comme hiver".encode(), np.uint8)
    assert as_tuples(words_of(buffer[6:11])) == [("comme", 0, 5)]


GUARANTEED_WORDS = SHINGLE_WORDS + STRIDE - 1


def hashes_of(text: str) -> list[int]:
    return shingle_hashes(words_of(text.encode()).hashes).tolist()


@cases(
    ("n_words", "positions"),
    [(0, []), (7, []), (8, [0]), (9, [0, 1]), (12, [0, 4]), (13, [0, 4, 5]), (21, [0, 4, 8, 12, 13])],
)
def test_every_fourth_shingle_and_the_last_are_indexed(n_words: int, positions: list[int]) -> None:
    assert indexed_positions(n_words).tolist() == positions


@given(st.integers(GUARANTEED_WORDS, 200), st.data())
def test_every_run_of_eleven_words_holds_an_indexed_shingle(n_words: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, n_words - GUARANTEED_WORDS))
    positions = indexed_positions(n_words)
    assert np.any((start <= positions) & (positions + SHINGLE_WORDS <= start + GUARANTEED_WORDS))


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_shingles_share_a_hash_exactly_when_they_share_their_words(parts: list[str]) -> None:
    windows = [tuple(parts[i : i + SHINGLE_WORDS]) for i in range(len(parts) - SHINGLE_WORDS + 1)]
    hashes = hashes_of(" ".join(parts))
    assert len(hashes) == len(windows)
    assert len(set(zip(windows, hashes, strict=True))) == len(set(windows)) == len(set(hashes))


@given(st.permutations("abcdefgh"))
def test_the_order_of_words_counts(parts: list[str]) -> None:
    assert (hashes_of(" ".join(parts)) == hashes_of("a b c d e f g h")) == (parts == list("abcdefgh"))


TEXTS = ["{} b c d e f g h", "a b c d e f g {}", "{0} {0} {0} {0} {0} {0} {0} {0}"]


@pytest.mark.parametrize("text", each_time(TEXTS[:1], TEXTS))
def test_any_sixteen_bits_of_a_hash_are_spread_evenly(text: str) -> None:
    hashes = np.array([hashes_of(text.format(n))[0] for n in range(1 << 14)], np.uint64)
    for first in (0, 16, 32, 48):
        distinct = len(np.unique((hashes >> np.uint64(first)) & np.uint64(0xFFFF)))
        assert abs(distinct - 65536 * (1 - np.exp(-0.25))) < 400, first


def test_the_word_hashes_given_are_left_as_they_are() -> None:
    hashes = words_of(b"a b c d e f g h i").hashes
    before = hashes.tolist()
    shingle_hashes(hashes)
    assert hashes.tolist() == before
