"""Finds sources other than the article from which a page may have its words honestly.

All pages with words of one article are judged together, by sets of the article's words. Words of a page are
*explained* if they are

- on a page that was captured before publication (`prior_capture`),
- on another page, or in another capture of this one, that credits a third party (`credited_elsewhere`),
- on a site of the press other than the page's own (`printed_by_press`),
- on several unrelated domains that lack the rest of the article (`common_source`),
- in a known text (`known_text`).

A source counts only if it has at least `passage_words` words of the page. All words of a page of the press
(`press_page`) are explained: papers shorten a wire report differently, so words that others lack prove
nothing.

A domain has the words of all its pages. A set of words is an array of bits, in blocks of 64. Pages with the
same words are judged once, against the domains that have words in the same blocks.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, inner_njit, uncounted_njit
from presswatch_spark.reading.text.simd import count_ones
from presswatch_spark.reading.text.word_kernels import U64

Bits = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
Sums = npt.NDArray[np.int32]

SOURCES = (
    "prior_capture", "credited_elsewhere", "printed_by_press", "common_source", "known_text", "press_page",
)  # fmt: skip
"""Sources of explained words, in order of judgement; source k is bit k of the column `sources`."""

EARLY, CREDITED, PRINTED, OF_PRESS = 1, 2, 4, 8
"""Facts of a page, as bits: captured before publication; credits others; on a site of the press or of another
member; on a site of the press list."""

NOWHERE = -1
"""Number of the domain for pages on a site of the article's publisher, and for pages of unknown URL."""

COLUMNS = ("sources", "witnesses", "explained", "beyond", "longest_run", "rarity", "shared", "wide")

_0, _1, _63 = U64(0), U64(1), U64(63)


class Limits(NamedTuple):
    """The rules of `ClaimRules` and `GradeRules` for words.

    `rest_share`: least share of the article outside of the shared words. `holder_share`: a domain with a
    smaller share of that rest lacks it. `least_run`: words of a passage for which rarity counts.
    """

    passage_words: int
    rest_share: float
    holder_share: float
    least_run: int


class Spans(NamedTuple):
    """Copied words: row r has the spans `bounds[r]` to `bounds[r + 1]` (exclusive), int64[rows + 1].

    `firsts`, `afters`: int64[spans], a span's first word and the word after its last.
    """

    bounds: Counts
    firsts: Counts
    afters: Counts


class _Kinds(NamedTuple):
    """Kinds of pages: words, group of the domain, printed words of the domain, facts."""

    masks: Bits
    own: Counts
    own_printed: Bits
    facts: Counts


class _Groups(NamedTuple):
    """Groups of domains with the same words: the words, the number of domains (`sizes`).

    Groups with words in block b are `members[starts[b] : starts[b + 1]]`.
    """

    words: Bits
    sizes: Counts
    members: Counts
    starts: Counts


def explained(
    spans: Spans, domains: Counts, facts: Counts, known: Marks, sums: Sums, limits: Limits
) -> Counts:
    """Count the explained words of each page, and the words beyond: int64 (rows, 8), see `COLUMNS`.

    `domains`: int64[rows], from 0, or `NOWHERE`. `facts`: int64[rows], see `EARLY`. `known`: bool[words of
    the article], words in known texts. `sums`: int32[words + 1, 3], cumulative as in `WordRarity`, for
    `rarity` (bits), `shared` and `wide`.
    """
    masks = _masks(len(known), spans)
    sites, printed = _of_domains(masks, domains, facts)
    # Domains with the same words form a group, and equal pages a kind: there may be thousands of each.
    _, firsts_of, group_of, sizes = np.unique(
        _as_keys(sites), return_index=True, return_inverse=True, return_counts=True
    )
    places, blocks = np.nonzero(sites[firsts_of])
    order = np.argsort(blocks, kind="stable")
    starts = np.searchsorted(blocks[order], np.arange(masks.shape[1] + 1))
    groups = _Groups(sites[firsts_of], sizes, places[order], starts)
    elsewhere = domains != NOWHERE
    own = np.full(len(domains), NOWHERE)
    own[elsewhere] = group_of[domains[elsewhere]]
    own_printed = np.zeros_like(masks)
    own_printed[elsewhere] = printed[domains[elsewhere]]
    keys = np.column_stack((masks, own_printed, own.view(np.uint64), facts.view(np.uint64)))
    # Sorting puts kinds with the same words next to each other.
    _, first, kind_of = np.unique(_as_keys(keys), return_index=True, return_inverse=True)
    kinds = _Kinds(masks[first], own[first], own_printed[first], facts[first])
    judged, taken = _judged(kinds, groups, _gathered(masks, printed, facts, known), sums, limits)
    found: Counts = _measured(judged, taken, kind_of, spans, sums, limits.least_run)
    return found


def _as_keys(rows: Bits) -> npt.NDArray[np.void]:
    rows = np.ascontiguousarray(rows)
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()


@cached_njit
def _masks(words: int, spans: Spans) -> Bits:
    # Words of each row, as bits: uint64 (rows, ceil(words / 64)).
    masks = np.zeros((len(spans.bounds) - 1, max(1, (words + 63) >> 6)), np.uint64)
    for r in range(len(masks)):
        for s in range(spans.bounds[r], spans.bounds[r + 1]):
            _set(masks[r], spans.firsts[s], spans.afters[s])
    return masks


@cached_njit
def _of_domains(masks: Bits, domains: Counts, facts: Counts) -> tuple[Bits, Bits]:
    count = 0
    for d in domains:
        count = max(count, d + 1)
    sites = np.zeros((count, masks.shape[1]), np.uint64)
    printed = np.zeros((count, masks.shape[1]), np.uint64)
    for r in range(len(masks)):
        if domains[r] >= 0:
            _add(sites[domains[r]], masks[r])
            if facts[r] & PRINTED:
                _add(printed[domains[r]], masks[r])
    return sites, printed


@cached_njit
def _gathered(masks: Bits, printed: Bits, facts: Counts, known: Marks) -> Bits:
    # Rows: words captured early; credited on one page, on two; printed on one domain, on two; known.
    all_rows = np.zeros((6, masks.shape[1]), np.uint64)
    for r in range(len(masks)):
        if facts[r] & EARLY:
            _add(all_rows[0], masks[r])
        if facts[r] & CREDITED:
            _hold(all_rows[1:3], masks[r], masks[r], 1, 0, masks.shape[1])
    for d in range(len(printed)):
        _hold(all_rows[3:5], printed[d], printed[d], 1, 0, masks.shape[1])
    for w in range(len(known)):
        if known[w]:
            _set(all_rows[5], w, w + 1)
    return all_rows


@cached_njit
def _judged(
    kinds: _Kinds, groups: _Groups, gathered: Bits, sums: Sums, limits: Limits
) -> tuple[Counts, Bits]:
    """Return for each kind of page those of `COLUMNS` that depend on its words, and its explained words."""
    words, size = len(sums) - 1, kinds.masks.shape[1]
    found, taken = np.zeros((len(kinds.masks), 8), np.int64), np.zeros(kinds.masks.shape, np.uint64)
    shared, source, nothing = np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    # `who`: groups with a passage of the page. `asked`: the last page with which each group was compared.
    who, asked = np.empty(len(groups.words), np.int64), np.full(len(groups.words), NOWHERE)
    # Words of the page on at least one, two domains; and on one, two, three that lack the article's rest.
    held, lacking = np.zeros((2, size), np.uint64), np.zeros((3, size), np.uint64)
    count, domains, least_before = 0, 0, -1.0
    for r in range(len(kinds.masks)):
        mask, own, sources = kinds.masks[r], kinds.own[r], 0
        low, high = _extent(mask)
        if r == 0 or not _same(mask, kinds.masks[r - 1]):
            least_before = -1.0
            count, domains = _witnesses(r, mask, low, high, groups, limits.passage_words, who, asked, held)
        own_words = groups.words[own] if own >= 0 else nothing
        is_own = own >= 0 and _both(own_words, mask, low, high) >= limits.passage_words
        _others(shared, held[0], held[1], own_words if is_own else nothing)
        rest = words - _both(shared, shared, low, high)
        least = limits.holder_share * rest
        for k in range(5):
            if k == 1:
                _others(source, gathered[1], gathered[2], mask if kinds.facts[r] & CREDITED else nothing)
            elif k == 2:
                _others(source, gathered[3], gathered[4], kinds.own_printed[r])
            elif k == 3:
                source[:] = nothing
                if rest < words and rest >= limits.rest_share * words:
                    if least != least_before:
                        _hold_lacking(mask, low, high, groups, who[:count], least, lacking)
                        least_before = least
                    # If the page's own domain also lacks the rest, one other domain is enough, else two.
                    enough = 0 if own >= 0 and _without(own_words, shared) < least else 1
                    is_counted = is_own and _without(own_words, mask) < least
                    _others(
                        source, lacking[enough], lacking[enough + 1], own_words if is_counted else nothing
                    )
            else:
                source[:] = gathered[0 if k == 0 else 5]
            if _both(source, mask, low, high) >= limits.passage_words:
                sources |= 1 << k
                _add(taken[r], source & mask)
        if kinds.facts[r] & OF_PRESS:
            sources |= 1 << 5
            _add(taken[r], mask)
        found[r, 0], found[r, 1], found[r, 2] = sources, domains - is_own, _both(taken[r], mask, low, high)
        for w in range(low << 6, min(high << 6, words)):
            if _has(mask, w) and not _has(taken[r], w):
                found[r, 3] += 1
                found[r, 6] += sums[w + 1, 1] - sums[w, 1]
                found[r, 7] += sums[w + 1, 2] - sums[w, 2]
    return found, taken


@inner_njit
def _witnesses(
    page: int, mask: Bits, low: int, high: int, groups: _Groups, passage_words: int, who: Counts,
    asked: Counts, held: Bits,
) -> tuple[int, int]:  # fmt: skip
    """Find the groups that have a passage of a page; return the numbers of groups and of their domains."""
    count = domains = 0
    held[:] = _0
    is_full = False
    # Use the index of blocks if it yields fewer groups than all.
    near = groups.starts[high] - groups.starts[low]
    is_near = near < len(groups.words)
    for place in range(near if is_near else len(groups.words)):
        g = groups.members[groups.starts[low] + place] if is_near else place
        if asked[g] == page:
            continue
        asked[g] = page
        if _both(groups.words[g], mask, low, high) < passage_words:
            continue
        who[count] = g
        count += 1
        domains += groups.sizes[g]
        if not is_full:
            _hold(held, groups.words[g], mask, groups.sizes[g], low, high)
            is_full = _same(held[1], mask)
    return count, domains


@inner_njit
def _hold_lacking(
    mask: Bits, low: int, high: int, groups: _Groups, who: Counts, least: float, lacking: Bits
) -> None:
    # Domains with fewer than `least` words of the article that the page lacks: collect the words they share.
    lacking[:] = _0
    for g in who:
        if _without(groups.words[g], mask) < least:
            _hold(lacking, groups.words[g], mask, groups.sizes[g], low, high)
            if _same(lacking[2], mask):
                return


@cached_njit
def _measured(
    judged: Counts, taken: Bits, kind_of: Counts, spans: Spans, sums: Sums, least_run: int
) -> Counts:
    # Give each row the numbers of its kind, and add those that depend on its spans.
    found = judged[kind_of]
    for r in range(len(found)):
        for s in range(spans.bounds[r], spans.bounds[r + 1]):
            longest, rarity = _runs(taken[kind_of[r]], spans.firsts[s], spans.afters[s], sums, least_run)
            found[r, 4], found[r, 5] = max(found[r, 4], longest), max(found[r, 5], rarity)
    return found


@inner_njit
def _runs(taken: Bits, first: int, after: int, sums: Sums, least_run: int) -> tuple[int, int]:
    # Return the words of the longest passage that is not explained, and the bits of the rarest, in a span.
    longest, rarity, begin = 0, 0, first
    for w in range(first, after + 1):
        if w < after and not _has(taken, w):
            continue
        longest = max(longest, w - begin)
        if w - begin >= least_run:
            rarity = max(rarity, int(sums[w, 0] - sums[begin, 0]))
        begin = w + 1
    return longest, rarity


@uncounted_njit
def _extent(bits: Bits) -> tuple[int, int]:
    low, high = 0, len(bits)
    while low < high and bits[low] == _0:
        low += 1
    while high > low and bits[high - 1] == _0:
        high -= 1
    return low, high


@uncounted_njit
def _hold(held: Bits, words: Bits, mask: Bits, domains: int, low: int, high: int) -> None:
    # Add to row k of `held` the words of a page that more than k domains have.
    for b in range(low, high):
        more = words[b] & mask[b]
        for _ in range(min(domains, len(held))):
            for k in range(len(held) - 1, 0, -1):
                held[k, b] |= held[k - 1, b] & more
            held[0, b] |= more


@uncounted_njit
def _same(one: Bits, other: Bits) -> bool:
    different = 0
    for b in range(len(one)):
        different += one[b] != other[b]
    return different == 0


@uncounted_njit
def _set(bits: Bits, first: int, after: int) -> None:
    for w in range(first, after):
        bits[w >> 6] |= _1 << (U64(w) & _63)


@uncounted_njit
def _has(bits: Bits, w: int) -> bool:
    return bool((bits[w >> 6] >> (U64(w) & _63)) & _1)


@uncounted_njit
def _add(bits: Bits, more: Bits) -> None:
    for b in range(len(bits)):
        bits[b] |= more[b]


@uncounted_njit
def _others(bits: Bits, once: Bits, twice: Bits, own: Bits) -> None:
    # Set `bits` to the words that a set other than `own` has; `own` (or nothing) is in `once` and `twice`.
    for b in range(len(bits)):
        bits[b] = twice[b] | (once[b] & ~own[b])


@uncounted_njit
def _both(one: Bits, other: Bits, low: int, high: int) -> int:
    total = 0
    for b in range(low, high):
        total += int(count_ones(one[b] & other[b]))
    return total


@uncounted_njit
def _without(one: Bits, other: Bits) -> int:
    total = 0
    for b in range(len(one)):
        total += int(count_ones(one[b] & ~other[b]))
    return total
