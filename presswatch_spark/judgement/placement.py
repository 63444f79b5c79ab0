"""Whether a copied passage stands in the main content of its page, or in what is around it."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from presswatch_spark.text.words import TextWords, word_hashes
from presswatch_spark.verify.screen import Hashes, window_hashes
from presswatch_spark.verify.verification import Overlap

MOST_OF_PAGE = 0.5
"""A run with this share of the page's words is what the page is about, wherever that is sought."""
MOST_OF_RUN = 0.5
"""A run stands in the main content if this share of its windows does: a caption or a box may interrupt it."""


class Placement:
    """The main content of a document, read when it is first needed.

    Args:
        main_text: returns its text in UTF-8, None if nobody knows it; itself None if nobody can.
        width: windows of so many words are compared; no run may be shorter.
    """

    def __init__(self, main_text: Callable[[], bytes | None] | None, width: int) -> None:
        self._main_text = main_text
        self._width = width

    def holds_longest(self, document: TextWords, overlap: Overlap) -> bool | None:
        """Whether the longest run of an overlap stands in the main content; None if nobody knows.

        A run that makes up most of the page does, whatever else the page seems to be about.
        """
        # It is read in any case: the parser answers about its last page, and the next one may come.
        windows = self._windows
        if self._main_text is None:
            return None
        first, _, words, _ = overlap.seen_from(0)[np.argmax(overlap.spans[:, 2])]
        if words >= MOST_OF_PAGE * len(document):
            return True
        if windows is None:
            return None
        run = window_hashes(document.hashes[first : first + words], self._width)
        return bool(np.isin(run, windows).mean() >= MOST_OF_RUN)

    @cached_property
    def _windows(self) -> Hashes | None:
        """Return the windows of the main content, sorted."""
        text = self._main_text() if self._main_text else None
        return None if text is None else np.unique(window_hashes(word_hashes(text), self._width))
