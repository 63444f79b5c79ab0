"""Made-up prose that costs a reader and a sieve what French press costs: deterministic, free of rights.

Fitted to 1,207 French press articles of 2008 to 2019 in pages of some 8 KB. Theirs, then ours: bytes a
word 6.18 and 6.12, letters a word 4.74 and 4.72, letters with an accent 3.7 % and 3.6 %, characters beyond
ASCII 3.9 % and 4.2 %, packed by gzip 2.4 and 2.4 times. `python -m benchmarks.speed.prose` prints both,
theirs where they are at hand.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

from presswatch_spark.reading.text.words import words_of

# How often each stands in a thousand words of French prose, roughly. Elided ones join the next word.
SMALL_WORDS = {
    "de": 50, "la": 31, "le": 26, "l’": 25, "les": 24, "d’": 22, "et": 20, "à": 19, "des": 19, "en": 15,
    "un": 12, "une": 12, "du": 13, "que": 10, "qui": 9, "est": 9, "dans": 9, "pour": 9, "a": 9, "par": 7,
    "au": 7, "il": 7, "sur": 7, "pas": 7, "qu’": 7, "plus": 6, "se": 5, "ce": 5, "ne": 5, "s’": 5, "n’": 5,
    "avec": 5, "son": 4, "on": 4, "aux": 4, "sont": 4, "ont": 4, "été": 3, "mais": 4, "cette": 3, "ou": 3,
    "sa": 3, "ses": 3, "nous": 3, "elle": 3, "c’": 4, "ces": 2, "comme": 2, "être": 2, "ils": 3, "même": 2,
    "deux": 2, "tout": 2, "fait": 2, "y": 2, "après": 2, "sans": 2, "entre": 2, "selon": 1, "je": 3,
    "si": 2, "leur": 2, "j’": 2, "où": 1, "très": 1, "déjà": 1,
}  # fmt: skip
ONSETS = (
    "b",
    "c",
    "ch",
    "d",
    "f",
    "g",
    "j",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "t",
    "tr",
    "v",
    "qu",
    "br",
    "gr",
)
VOWELS = (
    "a",
    "e",
    "i",
    "o",
    "u",
    "é",
    "è",
    "ai",
    "ou",
    "on",
    "en",
    "an",
    "eu",
    "au",
    "oi",
    "ê",
    "ie",
    "â",
    "ç",
)
VOWEL_WEIGHTS = (14, 22, 13, 9, 6, 11, 2, 5, 5, 6, 6, 5, 3, 3, 3, 0.6, 2, 0.3, 0.5)
CODAS = ("", "", "", "", "r", "s", "t", "n", "l", "c")
# Letters of the words beside those above, in the proportions of the press.
LENGTHS = {
    3: 5,
    4: 11,
    5: 14,
    6: 17,
    7: 14,
    8: 13,
    9: 10.5,
    10: 6.2,
    11: 3.2,
    12: 2.8,
    13: 1.4,
    14: 1,
    15: 0.4,
}
VOCABULARY = 25_000
# Zipf's law as Mandelbrot has it: the word of rank r comes up in proportion to 1 / (r + 8) ** 0.95.
FLATTENING, EXPONENT = 8, 0.95
# So many sentences stay on a subject: so often, instead of another word, one of so few comes back.
SUBJECT_SENTENCES, SUBJECT_WORDS, SUBJECT_SHARE = 60, 60, 0.55
QUOTED = 0.05


SMALL = frozenset(word if word.endswith("’") else f"{word} " for word in SMALL_WORDS)


@cache
def vocabulary() -> tuple[list[str], list[float]]:
    """Words, each with the blank or the apostrophe behind it, and how often they come up, cumulated."""
    rng = random.Random("vocabulary")
    own = {_word(rng): None for _ in range(VOCABULARY)}
    weights = [1 / (rank + FLATTENING) ** EXPONENT for rank in range(len(own))]
    share = (1000 - sum(SMALL_WORDS.values())) / sum(weights)
    words = [
        *(word if word.endswith("’") else f"{word} " for word in SMALL_WORDS),
        *(f"{word} " for word in own),
    ]
    return words, list(accumulate([*SMALL_WORDS.values(), *(share * weight for weight in weights)]))


def _word(rng: random.Random) -> str:
    length = rng.choices(list(LENGTHS), list(LENGTHS.values()))[0]
    word = ""
    while len(word) < length:
        word += rng.choice(ONSETS) + rng.choices(VOWELS, VOWEL_WEIGHTS)[0] + rng.choice(CODAS)
    return word[:length]


def sentences(rng: random.Random, n: int) -> list[str]:
    """`n` sentences of 8 to 40 words, in runs of one subject each: no stock phrases, no false candidates."""
    return [sentence for _ in range(-(-n // SUBJECT_SENTENCES)) for sentence in _on_a_subject(rng)][:n]


def _on_a_subject(rng: random.Random) -> Iterator[str]:
    """Sentences that come back to a few words of their own, as a page's do: gzip packs a page by them."""
    words, weights = vocabulary()
    lengths = [rng.randint(8, 40) for _ in range(SUBJECT_SENTENCES)]
    drawn = rng.choices(words, cum_weights=weights, k=sum(lengths))
    own = [word for word in drawn if word not in SMALL]
    subject = own[:SUBJECT_WORDS]
    again = iter(rng.choices(subject, k=len(own)))
    drawn = [next(again) if word not in SMALL and rng.random() < SUBJECT_SHARE else word for word in drawn]
    first = 0
    for length in lengths:
        text = _punctuated(rng, drawn[first : first + length])
        yield f"{text[:1].upper()}{text[1:]}."
        first += length


def _punctuated(rng: random.Random, words: list[str]) -> str:
    comma = rng.randrange(len(words))
    words[comma] = words[comma].replace(" ", ", ")
    text = "".join(words).rstrip(" ’,")
    return f"« {text} »" if rng.random() < QUOTED else text


def describe(texts: Iterable[bytes]) -> dict[str, float]:
    """What decides the cost of a text: sizes in bytes and letters, shares, and how far gzip packs it."""
    n = packed = words = letters = accented = characters = beyond = 0
    for text in texts:
        found = words_of(text)
        decoded = text.decode()
        n, packed = n + len(text), packed + len(gzip.compress(text, 6))
        words, letters = words + len(found), letters + int((found.folded_ends - found.folded_starts).sum())
        accented += sum(character.isalpha() and character > "\x7f" for character in decoded)
        beyond += sum(character > "\x7f" for character in decoded)
        characters += len(decoded)
    return {
        "bytes_a_word": round(n / words, 2),
        "letters_a_word": round(letters / words, 2),
        "accented_share_of_letters": round(accented / letters, 4),
        "share_beyond_ascii": round(beyond / characters, 4),
        "gzip_ratio": round(n / packed, 2),
    }


def real_press() -> list[bytes] | None:
    """Real press in pages of 8 KB and more, where the folder of real data is at hand."""
    folder = os.environ.get("PRESSWATCH_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    file = Path(folder) / "press" / "articles.jsonl"
    if not file.is_file():
        return None
    pages, page = [], b""
    for line in file.read_text("utf-8").splitlines():
        page += json.loads(line)["text"].encode() + b"\n"
        if len(page) >= 8_000:
            pages.append(page)
            page = b""
    return pages


if __name__ == "__main__":
    draw = random.Random("prose")
    print("made up", describe(" ".join(sentences(draw, 60)).encode() for _ in range(400)))
    if press := real_press():
        print("press  ", describe(press))
