"""Other honest sources of the copied words of an article than the article itself, page by page.

All pages that have words of one article are judged together, by sets of the article's words. Words of a page
are *explained* if they

- stood on a page that was captured before publication (`prior_capture`),
- stand on another page, or in another capture of it, that credits somebody else (`credited_elsewhere`),
- stand on a site of the press other than the page's own (`printed_by_press`),
- are what several unrelated domains share while these lack the rest of the article (`common_source`),
- stand in a known text (`known_text`).

Each source counts if it has `passage_words` words of the page or more. All words of a page of the press
itself (`press_page`) are explained: words beyond those of others prove nothing there, as each paper cuts a
wire in its own way.

A domain has the words of all its pages. Sets are bits, 64 to a block. Pages with the same words are judged
once, against the domains that have words in their blocks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit, uncounted_njit
from presswatch_spark.text.kernels import U64
from presswatch_spark.text.vectors import count_ones

Bits = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
Sums = npt.NDArray[np.int32]

SOURCES = (
    "prior_capture", "credited_elsewhere", "printed_by_press", "common_source", "known_text", "press_page",
)  # fmt: skip
"""Sources of explained words, in the order asked; source k is bit k of `Explained.sources`."""

EARLY, CREDITED, PRINTED, OF_PRESS = 1, 2, 4, 8
"""Facts of a page, as bits: captured before publication; credits others; on a site of the press or of another
member; on a site of the press list."""

NOWHERE = -1
"""The domain of a page on a site of the article's publisher, and of one without known URL."""

COLUMNS = ("sources", "witnesses", "explained", "beyond", "longest_run", "rarity", "shared", "wide")

_0, _1, _63 = U64(0), U64(1), U64(63)


@dataclass(frozen=True, slots=True)
class Limits:
    """The rules of `ClaimRules` and `GradeRules` that decide about words."""

    passage_words: int
    rest_share: float
    holder_share: float
    least_run: int


def explained(
    words: int,
    bounds: Counts,
    firsts: Counts,
    afters: Counts,
    domains: Counts,
    facts: Counts,
    known: Marks,
    sums: Sums,
    limits: Limits,
) -> Counts:
    """Count the explained words of each page, and those beyond: int64 (rows, 8), see `COLUMNS`.

    `sources`: bits of `SOURCES`. `witnesses`: other domains that have `passage_words` words of the page.
    `longest_run`, `rarity` (bits), `shared` and `wide`: of the words beyond, by spans and `sums`.

    Args:
        words: of the article.
        bounds: int64[rows + 1]; row r has the spans from `bounds[r]` up to `bounds[r + 1]`.
        firsts, afters: int64[spans]: a span's first word in the article, and the one after its last.
        domains: int64[rows]: numbers from 0, or `NOWHERE`.
        facts: int64[rows]: see `EARLY`.
        known: bool[words]: the words that stand in a known text.
        sums: int32[words + 1, 3], as in `Standing`.
    """
    masks = _masks(words, bounds, firsts, afters)
    sites, printed = _of_domains(masks, domains, facts)
    # Domains with the same words are counted together, and so are pages: there may be thousands.
    groups, group_of, sizes = _distinct(sites)
    elsewhere = domains != NOWHERE
    own = np.full(len(domains), NOWHERE)
    own[elsewhere] = group_of[domains[elsewhere]]
    own_printed = np.zeros_like(masks)
    own_printed[elsewhere] = printed[domains[elsewhere]]
    keys = np.column_stack((masks, own_printed, own.view(np.uint64), facts.view(np.uint64)))
    # Kinds of pages, those with the same words one after the other.
    _, first, kind_of = np.unique(_as_keys(keys), return_index=True, return_inverse=True)
    places, blocks = np.nonzero(groups)
    order = np.argsort(blocks, kind="stable")
    starts = np.searchsorted(blocks[order], np.arange(groups.shape[1] + 1))
    judged, taken = _judged(
        words, masks[first], own[first], own_printed[first], facts[first],
        groups, sizes, places[order], starts, _gathered(masks, printed, facts, known),
        limits.passage_words, limits.rest_share, limits.holder_share,
    )  # fmt: skip
    beyond = _beyond(masks[first], taken, judged, sums)
    found: Counts = _measured(taken, beyond, kind_of, bounds, firsts, afters, sums, limits.least_run)
    return found


def _distinct(sets: Bits) -> tuple[Bits, Counts, Counts]:
    if not len(sets):
        return sets, np.empty(0, np.int64), np.empty(0, np.int64)
    _, first, places, sizes = np.unique(
        _as_keys(sets), return_index=True, return_inverse=True, return_counts=True
    )
    return sets[first], places, sizes


def _as_keys(rows: Bits) -> npt.NDArray[np.void]:
    rows = np.ascontiguousarray(rows)
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()


@cached_njit
def _masks(words: int, bounds: Counts, firsts: Counts, afters: Counts) -> Bits:
    # Words of each row, as bits: uint64 (rows, ceil(words / 64)).
    masks = np.zeros((len(bounds) - 1, max(1, (words + 63) >> 6)), np.uint64)
    for r in range(len(masks)):
        for s in range(bounds[r], bounds[r + 1]):
            _set(masks[r], firsts[s], afters[s])
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
    # Words captured early; credited, once and twice; printed, on one domain and on two; known.
    all_rows = np.zeros((6, masks.shape[1]), np.uint64)
    for r in range(len(masks)):
        if facts[r] & EARLY:
            _add(all_rows[0], masks[r])
        if facts[r] & CREDITED:
            _add_again(all_rows[2], all_rows[1], masks[r])
    for d in range(len(printed)):
        _add_again(all_rows[4], all_rows[3], printed[d])
    for w in range(len(known)):
        if known[w]:
            _set(all_rows[5], w, w + 1)
    return all_rows


@cached_njit
def _judged(
    words: int,
    masks: Bits,
    own: Counts,
    own_printed: Bits,
    facts: Counts,
    groups: Bits,
    sizes: Counts,
    members: Counts,
    starts: Counts,
    gathered: Bits,
    passage_words: int,
    rest_share: float,
    holder_share: float,
) -> tuple[Counts, Bits]:
    """Return sources and witnesses of each kind of page, int64 (kinds, 2), and its explained words.

    Args:
        masks, own, own_printed, facts: of one page of each kind; `own` is the group of its domain.
        groups, sizes: the words of domains that have the same, and how many these are.
        members, starts: the groups with words in block b are `members[starts[b] : starts[b + 1]]`.
    """
    size = masks.shape[1]
    judged, taken = np.zeros((len(masks), 2), np.int64), np.zeros((len(masks), size), np.uint64)
    shared, source, nothing = np.empty(size, np.uint64), np.empty(size, np.uint64), np.zeros(size, np.uint64)
    seen = _SeenGroups(
        np.empty(len(groups), np.int64),
        np.full(len(groups), NOWHERE),
        np.zeros(2, np.int64),
        np.zeros((2, size), np.uint64),
        np.zeros((3, size), np.uint64),
        np.zeros(1),
    )
    for r in range(len(masks)):
        mask, sources = masks[r], 0
        if r == 0 or not _same(mask, masks[r - 1]):
            seen.least[0] = -1.0
            _witnesses(r, mask, groups, sizes, members, starts, passage_words, seen)
        is_own = own[r] >= 0 and _both(groups[own[r]], mask, 0, size) >= passage_words
        _others(shared, seen.held[0], seen.held[1], groups[own[r]] if is_own else nothing)
        for k in range(5):
            if k == 1:
                _others(source, gathered[1], gathered[2], mask if facts[r] & CREDITED else nothing)
            elif k == 2:
                _others(source, gathered[3], gathered[4], own_printed[r])
            elif k == 3:
                source[:] = nothing
                rest = words - _both(shared, shared, 0, size)
                if rest < words and rest >= rest_share * words:
                    _common(mask, shared, groups, sizes, own[r], is_own, holder_share * rest, seen, source)
            else:
                source[:] = gathered[0 if k == 0 else 5]
            if _both(source, mask, 0, size) >= passage_words:
                sources |= 1 << k
                _add(taken[r], source & mask)
        if facts[r] & OF_PRESS:
            sources |= 1 << 5
            _add(taken[r], mask)
        judged[r, 0], judged[r, 1] = sources, seen.numbers[DOMAINS] - is_own
    return judged, taken


class _SeenGroups(NamedTuple):
    """The groups that have a passage of the page that is judged.

    `who` int64[groups], of which the first `numbers[GROUPS]` count; these are `numbers[DOMAINS]` domains.
    `asked` int64[groups]: the last page that each group was compared with. `held` has the words of the page
    that one and two domains have; `lacking` those that one, two and three have of those that lack the rest of
    the article: they have less than `least[0]` words of it.
    """

    who: Counts
    asked: Counts
    numbers: Counts
    held: Bits
    lacking: Bits
    least: npt.NDArray[np.float64]


GROUPS, DOMAINS = 0, 1


@inner_njit
def _witnesses(
    page: int,
    mask: Bits,
    groups: Bits,
    sizes: Counts,
    members: Counts,
    starts: Counts,
    passage_words: int,
    seen: _SeenGroups,
) -> None:
    low, high = _extent(mask)
    seen.held[:] = _0
    seen.numbers[:] = 0
    is_full = False
    # Groups without words in the page's blocks are passed over where there are many.
    near = starts[high] - starts[low]
    is_near = near < len(groups)
    for place in range(near if is_near else len(groups)):
        g = members[starts[low] + place] if is_near else place
        if seen.asked[g] == page:
            continue
        seen.asked[g] = page
        if _both(groups[g], mask, low, high) < passage_words:
            continue
        seen.who[seen.numbers[GROUPS]] = g
        seen.numbers[GROUPS] += 1
        seen.numbers[DOMAINS] += sizes[g]
        if not is_full:
            _hold(seen.held, groups[g], mask, sizes[g], low, high)
            is_full = _same(seen.held[1], mask)


@inner_njit
def _find_lacking(mask: Bits, groups: Bits, sizes: Counts, least: float, seen: _SeenGroups) -> None:
    # Domains that lack the rest have less than `least` words outside of the page's: of these, all are shared.
    seen.lacking[:] = _0
    seen.least[0] = least
    low, high = _extent(mask)
    for place in range(seen.numbers[GROUPS]):
        g = seen.who[place]
        if _without(groups[g], mask) < least:
            _hold(seen.lacking, groups[g], mask, sizes[g], low, high)
            if _same(seen.lacking[2], mask):
                return


@inner_njit
def _common(
    mask: Bits,
    shared: Bits,
    groups: Bits,
    sizes: Counts,
    own: int,
    is_own: bool,
    least: float,
    seen: _SeenGroups,
    common: Bits,
) -> None:
    """Fill `common` with the words of the page that other domains have which lack the rest of the article.

    One such domain is enough if the page's own lacks the rest too; else it takes two. The rest is the part of
    the article that is not shared; `least`: the words of it that a domain must have.
    """
    if seen.least[0] != least:
        _find_lacking(mask, groups, sizes, least, seen)
    lacking = seen.lacking
    own_words = np.zeros(len(mask), np.uint64)
    # The page's own domain is among those that were counted.
    if is_own and _without(groups[own], mask) < least:
        own_words[:] = groups[own]
    if own >= 0 and _without(groups[own], shared) < least:
        _others(common, lacking[0], lacking[1], own_words)
    else:
        _others(common, lacking[1], lacking[2], own_words)


@cached_njit
def _beyond(masks: Bits, taken: Bits, judged: Counts, sums: Sums) -> Counts:
    # The numbers of `COLUMNS` of each kind of page that its words decide.
    found = np.zeros((len(masks), 8), np.int64)
    for k in range(len(masks)):
        found[k, 0], found[k, 1] = judged[k, 0], judged[k, 1]
        found[k, 2] = _both(taken[k], taken[k], 0, len(taken[k]))
        low, high = _extent(masks[k])
        for w in range(low << 6, min(high << 6, len(sums) - 1)):
            if _has(masks[k], w) and not _has(taken[k], w):
                found[k, 3] += 1
                found[k, 6] += sums[w + 1, 1] - sums[w, 1]
                found[k, 7] += sums[w + 1, 2] - sums[w, 2]
    return found


@cached_njit
def _measured(
    taken: Bits,
    beyond: Counts,
    kind_of: Counts,
    bounds: Counts,
    firsts: Counts,
    afters: Counts,
    sums: Sums,
    least_run: int,
) -> Counts:
    # Those of each row: of its kind, and of its spans.
    found = beyond[kind_of]
    for r in range(len(found)):
        for s in range(bounds[r], bounds[r + 1]):
            longest, rarity = _runs(taken[kind_of[r]], firsts[s], afters[s], sums, least_run)
            found[r, 4], found[r, 5] = max(found[r, 4], longest), max(found[r, 5], rarity)
    return found


@inner_njit
def _runs(taken: Bits, first: int, after: int, sums: Sums, least_run: int) -> tuple[int, int]:
    # Words of the longest run that is not taken, and bits of the rarest, within a span.
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
    # Row k of `held` gets the words of a page that more than k domains have.
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
def _add_again(twice: Bits, once: Bits, more: Bits) -> None:
    for b in range(len(once)):
        twice[b] |= once[b] & more[b]
        once[b] |= more[b]


@uncounted_njit
def _others(bits: Bits, once: Bits, twice: Bits, own: Bits) -> None:
    # What others than `own` have, which is one of the sets that were added, or empty.
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
