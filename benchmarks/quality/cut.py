"""A text cut into its words and what stands between them, by the reference's definition of a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tests.reference.words import fold_character, reference_words


@dataclass(frozen=True, slots=True)
class Cut:
    """`gaps[k] + words[k]` for every k, and the last gap, is the text; `folded[k]` is word k as compared."""

    gaps: Sequence[str]
    words: Sequence[str]
    folded: Sequence[str]

    def __len__(self) -> int:
        return len(self.words)

    def passage(self, first: int, count: int) -> str:
        """Words `first` to `first + count` as they stand, without what is around them."""
        inner = [self.gaps[k] + self.words[k] for k in range(first + 1, first + count)]
        return self.words[first] + "".join(inner)


@lru_cache(maxsize=4096)
def cut(text: str) -> Cut:
    """Cut a text."""
    data = text.encode()
    gaps, words, folded, end = [], [], [], 0
    for word in reference_words(data):
        gaps.append(data[end : word.start].decode())
        words.append(data[word.start : word.end].decode())
        folded.append(word.folded)
        end = word.end
    return Cut([*gaps, data[end:].decode()], words, folded)


def folded_text(text: str) -> str:
    """Folded words with a blank for every character that separates."""
    return "".join(map(fold_character, text))
