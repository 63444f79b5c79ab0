"""Beyond the two ends of a passage: whether an edited copy goes on there, and with which words."""

from __future__ import annotations

from presswatch_spark.compiled import cached_njit, lean_njit, uncounted_njit
from presswatch_spark.verify.common_runs import Run
from presswatch_spark.verify.gaps import bridge_gap
from presswatch_spark.verify.tiles import NEW_WORD, Pair, accept

# So near to the end of a passage, and so straight, two words are enough; or one where the article ends.
EDGE_NEAR, EDGE_DRIFT = 6, 1
# Else the next run is sought this near; then twice as far, and twice again.
NEAR, STEPS = 12, 3
DRIFT = 4


@cached_njit
def walk_outward(
    pair: Pair, i: int, j: int, step: int, gap_words: int, run_words: int, accepted: list[Run]
) -> None:
    """Walk on from the end of a passage, (i, j) being the words next to it, from run to run, while new.

    A run ends where both sides are covered already: the walks of all passages together are linear in the
    texts.
    """
    new = True
    while new:
        x, y, length = _next_run(pair, i, j, step, gap_words, run_words)
        if x < 0:
            return
        u, v = i + step * x, j + step * y
        while _unseen(pair, u + step * length, v + step * length):
            length += 1
        back = min(0, step) * (length - 1)
        new = accept(pair, (u + back, v + back, length), NEW_WORD, accepted)
        gap = (i, u, j, v) if step > 0 else (u + 1, i + 1, v + 1, j + 1)
        bridge_gap(pair, gap, run_words, accepted)
        i, j = u + step * length, v + step * length


@uncounted_njit
def _next_run(pair: Pair, i: int, j: int, step: int, gap_words: int, run_words: int) -> tuple[int, int, int]:
    """Steps to the run that a passage goes on with, and words it has at least; or (-1, -1, 0).

    Near its end, single words will do. A run that is further away must be longer, and the text must go on
    beyond it as well: a phrase that many use may stand near a passage, on both sides, by chance.
    """
    near = min(NEAR, gap_words)
    x, y = _edge_words(pair, i, j, step, min(EDGE_NEAR, gap_words))
    if x >= 0:
        return x, y, 1
    for further in range(STEPS):
        length = run_words + further
        x, y = _nearest_run(pair, i, j, step, min(NEAR << further, gap_words), length)
        if x < 0:
            continue
        if further == 0:
            return x, y, length
        u, v = i + step * (x + length), j + step * (y + length)
        while _unseen(pair, u, v):
            u, v = u + step, v + step
        if _nearest_run(pair, u, v, step, near, run_words)[0] >= 0:
            return x, y, length
    return -1, -1, 0


@uncounted_njit
def _edge_words(pair: Pair, i: int, j: int, step: int, reach: int) -> tuple[int, int]:
    """Steps (x, y) from (i, j), along `step`, to the further of two words on one diagonal; or (-1, -1).

    Where the article ends within reach, to one word. The words that end first are taken, of the straightest.
    """
    left = len(pair.article) - j if step > 0 else j + 1
    needed = 1 if left <= reach else 2
    best = (-1, -1)
    for k in range(2 * EDGE_DRIFT + 1):
        drift = (k + 1) // 2 if k % 2 else -(k // 2)
        x, y = max(0, drift), max(0, -drift)
        found = 0
        while max(x, y) < reach and found < needed:
            found += _same(pair, i + step * x, j + step * y)
            x, y = x + 1, y + 1
        if found == needed and (best[0] < 0 or x + y - 2 < best[0] + best[1]):
            best = (x - 1, y - 1)
    return best


@uncounted_njit
def _nearest_run(pair: Pair, i: int, j: int, step: int, reach: int, run_words: int) -> tuple[int, int]:
    """Steps (x, y) from (i, j), along `step`, to the nearest common run of `run_words`; or (-1, -1)."""
    for distance in range(2 * reach + 1):
        # x is at most DRIFT more or less than y.
        least, most = (distance - DRIFT + 1) // 2, (distance + DRIFT) // 2
        for x in range(max(0, distance - reach, least), min(distance, reach, most) + 1):
            y = distance - x
            length = 0
            while length < run_words and _same(pair, i + step * (x + length), j + step * (y + length)):
                length += 1
            if length == run_words:
                return x, y
    return -1, -1


@lean_njit
def _unseen(pair: Pair, i: int, j: int) -> bool:
    return _same(pair, i, j) and not (pair.document_seen[i] and pair.article_seen[j])


@lean_njit
def _same(pair: Pair, i: int, j: int) -> bool:
    inside = 0 <= i < len(pair.document) and 0 <= j < len(pair.article)
    return inside and pair.document[i] == pair.article[j]
