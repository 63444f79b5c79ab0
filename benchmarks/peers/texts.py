"""What peers are given: texts from JSONL, and shingles for those that leave them to the caller."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHINGLE_WORDS = 5
"""As text-dedup and datatrove have it by default."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Texts:
    """A set of texts: `ids` and `texts`, of one length."""

    ids: Sequence[str]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> int:
        """Bytes of text in UTF-8."""
        return sum(len(text.encode()) for text in self.texts)


def load(path: Path) -> Texts:
    """Read JSONL with `id` and `text`."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return Texts([row["id"] for row in rows], [row["text"] for row in rows])


def shingles(text: str) -> list[str]:
    """Rows of five words, a word being letters and digits in lower case; a shorter text is one shingle."""
    words = _WORD.findall(text.lower())
    if len(words) < SHINGLE_WORDS:
        return [" ".join(words)]
    return list(map(" ".join, zip(*(words[i:] for i in range(SHINGLE_WORDS)), strict=False)))
